"""
From events to facts: which facts a lead keeps, and how two sets of facts are one.

A fact is "rule R matched event E at time T". Applying an event is a union, so order, duplicates, batches and merges
cannot change what is kept; and what is dropped could never count again.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.identity import event_key
from shared.instants import DAY, parse_instant, utc_day
from shared.lead import IDENTITIES_KEPT, Adjustment, Fact, Lead, LeadEvent, Naming, Register, Verdict
from shared.rules.bots import (
    counted_as,
    is_judged_again,
    joined_copies,
    joined_judgements,
    joined_views,
    judgement_of,
    viewed,
)
from shared.rules.model import EngagementRule, ScoringModel
from shared.rules.registers import TEXT_KEPT, at_path, confirmed, joined_profile, registers_of

DAYS_KEPT = 400
"""Newest active days a lead keeps: a year and a month, more than any silence a playbook asks about."""

ANSWERS_KEPT = 50
"""Assets of which the newest answer is kept for a `missing` rule; its questions are at most 10 times fewer."""

ADJUSTMENTS_KEPT = 10

TIMELINE_KEPT = 390 * DAY
"""A little less than an event rests in the timeline: what is younger is still there."""

LATE = DAY
"""A fact received later than this after it happened is history: it fires no trigger."""


def apply_event(lead: Lead, event: LeadEvent, model: ScoringModel, *, address: str | None = None) -> Lead:
    """
    Return the lead with what the event says.

    Args:
        lead: Whom the event is about; unchanged.
        event: What happened. Applying it again changes nothing.
        model: The playbook's rules.
        address: Hash of the event's mail address, when it has one.
    """
    key = event_key(event.event_id)
    judgements = joined_judgements(lead.judgements, judgement_of(event, key))
    verdict = counted_as(event, model, judgements)
    days = _with_day(lead.days, event, model, verdict)
    return replace(
        lead,
        profile=joined_profile(
            lead.profile, registers_of(event, model, key, address, verdict) | confirmed(lead, event, key)
        ),
        facts=_after_silence(_with_facts(lead.facts, event, model, key, verdict), days, model),
        adjustments=_joined_adjustments(lead.adjustments, adjusted(event, key)),
        judgements=judgements,
        views=viewed(lead.views, event, key, model.bots),
        days=days,
        filed=JUDGED_ANEW if judgements != lead.judgements or is_judged_again(lead, event, model) else lead.filed,
        first_seen=min(lead.first_seen or event.occurred_at, event.occurred_at),
    )


JUDGED_ANEW = "judged anew"
"""The `filed` of a lead whose events are judged otherwise since: it is filed again before it is written."""


def united(one: Lead, other: Lead, model: ScoringModel) -> Lead:
    """Return `one` with everything `other` holds: facts are united, never summed. What was settled stays `one`'s."""
    rules = _rules_by_filing(model)
    facts = dict(one.facts)
    for filing, theirs in other.facts.items():
        if filing in rules:
            facts[filing] = selected(rules[filing], (*facts.get(filing, ()), *theirs))
    first = [seen for seen in (one.first_seen, other.first_seen) if seen]
    days = _newest_days(one.days | other.days)
    judgements = joined_judgements(one.judgements, other.judgements)
    filed = next((each for each in (one.filed, other.filed) if each not in ("", model.filed)), one.filed or other.filed)
    return replace(
        one,
        identities=joined_identities(one.identities, other.identities),
        profile=joined_profile(one.profile, other.profile),
        facts=_after_silence(facts, days, model),
        adjustments=_joined_adjustments(one.adjustments, other.adjustments),
        judgements=judgements,
        views=joined_views(one.views, other.views, model.bots),
        days=days,
        first_seen=min(first, default=0),
        filed=filed if one.judgements == other.judgements else JUDGED_ANEW,
        asked_at=max(one.asked_at, other.asked_at),
        complete_since=max(one.complete_since, other.complete_since),
    )


def _rules_by_filing(model: ScoringModel) -> dict[str, EngagementRule]:
    own = {rule.filing: rule for rule in model.engagement}
    return own | {rule.answers: answering(rule) for rule in model.engagement if rule.answer is not None}


def answering(rule: EngagementRule) -> EngagementRule:
    """Return the rule by which a `missing` rule's answers are kept: more of them, for many answer what was not asked."""
    return replace(rule, most=ANSWERS_KEPT)


def refiled(
    lead: Lead, events: Iterable[LeadEvent], others: frozenset[str], model: ScoringModel, since: int = 0
) -> Lead:
    """
    Return the lead with its facts filed again from the timeline.

    Args:
        lead: As it stands; facts of rules that did not change stay, also those older than the timeline.
        events: Every event of the lead that the timeline still holds, and was read.
        others: Keys of events that turned out to be somebody else's.
        model: The playbook's rules.
        since: Instant before which the timeline may hold more than was read; 0 when it was read whole.
    """
    known = joined_copies(events)
    lead = replace(lead, first_seen=_first_seen(lead, known, others, since))
    judgements = tuple(each for each in lead.judgements if each.event not in others)
    for event in known:
        judgements = joined_judgements(judgements, judgement_of(event, event_key(event.event_id)))
    changed = lead.filed not in ("", model.filed) or judgements != lead.judgements
    told = frozenset(event_key(event.event_id) for event in known if changed)
    filings = _rules_by_filing(model)
    profile: Mapping[str, Register] = _profile_to_refile(lead, told, others)
    days = _days_to_refile(lead, known, since) if changed or others else lead.days
    facts: Mapping[str, tuple[Fact, ...]] = {
        filing: kept
        for filing, held in lead.facts.items()
        if filing in filings and (kept := tuple(fact for fact in held if fact.event not in others | told))
    }
    for event in known:
        key = event_key(event.event_id)
        verdict = counted_as(event, model, judgements)
        facts = _with_facts(facts, event, model, key, verdict)
        days = _with_day(days, event, model, verdict)
        profile = joined_profile(profile, registers_of(event, model, key, None, verdict))
    oldest = min((event.occurred_at for event in known), default=lead.newest_at + 1)
    return replace(
        lead,
        facts=_after_silence(facts, days, model),
        profile=profile,
        adjustments=_joined_adjustments(
            tuple(each for each in lead.adjustments if each.event not in others),
            tuple(each for event in known for each in adjusted(event, event_key(event.event_id))),
        ),
        judgements=judgements,
        days=days,
        filed=model.filed,
        complete_since=max(oldest, since) if changed and lead.first_seen < max(oldest, since) else lead.complete_since,
    )


def _first_seen(lead: Lead, known: Sequence[LeadEvent], others: frozenset[str], since: int) -> int:
    """Return when the lead was first seen: where the timeline would still hold that event, and does not, it was another's."""
    oldest = min((event.occurred_at for event in known), default=lead.first_seen)
    newest_receipt = max((event.received_at for event in known), default=0)
    is_whole = bool(others) and not since and newest_receipt - lead.first_seen < TIMELINE_KEPT
    return oldest if is_whole or not lead.first_seen else min(lead.first_seen, oldest)


def _profile_to_refile(lead: Lead, told: frozenset[str], others: frozenset[str]) -> dict[str, Register]:
    """Return the registers that stay: not those of others, nor those the timeline will say again, perhaps otherwise."""
    return {
        name: each
        for name, each in lead.profile.items()
        if each.key not in others and not (each.key in told and name not in _SAID_ELSEWHERE)
    }


def _days_to_refile(lead: Lead, known: Sequence[LeadEvent], since: int) -> frozenset[int]:
    """Return the active days before the time from which the timeline has every event."""
    if not known:
        return lead.days
    if since:
        return frozenset(day for day in lead.days if day <= utc_day(since))
    if lead.first_seen >= min(event.occurred_at for event in known):
        return frozenset()
    complete_from = utc_day(min(event.received_at for event in known))
    return frozenset(day for day in lead.days if day < complete_from)


_SAID_ELSEWHERE = frozenset({"email", "address", "consent", "sales", "closed"})
"""Registers that no path of a playbook fills."""


def joined_identities(one: Mapping[str, Naming], other: Mapping[str, Naming]) -> dict[str, Naming]:
    """Return both sets of identities with the first and last time each was named; the newest 20 stay."""
    joined = dict(one)
    for identity, naming in other.items():
        known = joined.get(identity, naming)
        joined[identity] = Naming(
            known.home, min(known.first, naming.first), max(known.last, naming.last), max(known.shared, naming.shared)
        )
    kept = sorted(joined, key=lambda identity: (identity.startswith("anon#"), -joined[identity].last, identity))
    return {identity: joined[identity] for identity in sorted(kept[:IDENTITIES_KEPT])}


def selected(rule: EngagementRule, facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """
    Return the facts the rule can ever use, oldest first.

    The newest fact of each of the newest `most` keys, where the key is the event, the asset, the day (after a silence),
    or (day, event) with the newest `a_day` of each day. Each verdict has slots of its own: a machine's click takes no
    human's. Of copies of one event the latest stays; `per_day` keeps a copy on each day it was reported for, so that
    which copy came first cannot matter, and counts the latest.
    """
    every = list(facts)
    verdicts = {fact.verdict for fact in every}
    if len(verdicts) < 2:
        return newest(rule, every)
    return tuple(
        sorted(
            fact for verdict in verdicts for fact in newest(rule, [each for each in every if each.verdict == verdict])
        )
    )


def newest(rule: EngagementRule, facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """Return the facts that fill the rule's slots, oldest first, whatever their verdict."""
    if len(facts) == 1:
        return tuple(facts)
    by_name: dict[tuple[str, int], Fact] = {}
    for fact in facts:
        name = _name(rule, fact)
        known = by_name.get(name)
        if known is None or _order(fact) > _order(known):
            by_name[name] = fact
    kept = sorted(by_name.values(), reverse=True)
    if rule.counts != "per_day":
        return tuple(reversed(kept[: rule.most]))
    by_day: dict[int, list[Fact]] = {}
    for fact in kept:
        by_day.setdefault(utc_day(fact.at), []).append(fact)
    days = sorted(by_day, reverse=True)[: rule.most]
    return tuple(sorted(fact for day in days for fact in by_day[day][: rule.a_day]))


def _order(fact: Fact) -> tuple[int, str, str, bool]:
    return fact.at, fact.event, fact.asset, not fact.late


def _name(rule: EngagementRule, fact: Fact) -> tuple[str, int]:
    """Return the key of which a rule remembers the newest fact."""
    if rule.silence is not None:
        return "", utc_day(fact.at)
    if rule.counts == "per_day":
        return fact.event, utc_day(fact.at)
    if rule.counts in ("per_asset", "missing") or (rule.counts == "count" and rule.distinct == "asset"):
        return fact.asset, 0
    if rule.counts == "count" and rule.distinct == "day":
        return "", utc_day(fact.at)
    return fact.event, 0


def came_back(days: Sequence[int], day: int, silence: int) -> bool | None:
    """
    Tell whether the lead had been silent before the day; None when no earlier activity is known.

    Args:
        days: Active UTC days, rising.
        day: The day of an occurrence.
        silence: Days without activity that must lie between it and the last active day before.
    """
    place = bisect_left(days, day)
    return None if place == 0 else day - days[place - 1] > silence


def _after_silence(
    facts: Mapping[str, tuple[Fact, ...]], days: frozenset[int], model: ScoringModel
) -> Mapping[str, tuple[Fact, ...]]:
    """
    Return the facts without those that no silence can lie before any more.

    Days are only ever added between others, so an occurrence soon after activity stays one, whatever arrives later.
    """
    silences = {rule.filing: rule.silence or 0 for rule in model.after_silence if rule.filing in facts}
    if not silences:
        return facts
    rising = sorted(days)
    pruned = dict(facts)
    for filing, silence in silences.items():
        held = tuple(fact for fact in facts[filing] if came_back(rising, utc_day(fact.at), silence) is not False)
        if held:
            pruned[filing] = held
        else:
            del pruned[filing]
    return pruned


def adjusted(event: LeadEvent, key: str) -> tuple[Adjustment, ...]:
    """Return what a person added by hand. Raises KeyError or ValueError when the event does not say what and why."""
    if event.name != SCORE_ADJUSTED or event.source != "system":
        return ()
    said = event.properties
    until = parse_instant(said["until"]) if said.get("until") else 0
    points = round(float(said["points"]) * 1000)
    return (Adjustment(event.occurred_at, key, points, str(said["by"])[:60], str(said["reason"])[:TEXT_KEPT], until),)


SCORE_ADJUSTED = "Score Adjusted"


def _joined_adjustments(one: tuple[Adjustment, ...], other: tuple[Adjustment, ...]) -> tuple[Adjustment, ...]:
    """Return both, oldest first: of copies the latest, of all the newest 10."""
    if not other:
        return one
    latest: dict[str, Adjustment] = {}
    for each in sorted((*one, *other)):
        latest[each.event] = each
    return tuple(sorted(latest.values())[-ADJUSTMENTS_KEPT:])


def _with_facts(
    facts: Mapping[str, tuple[Fact, ...]], event: LeadEvent, model: ScoringModel, key: str, verdict: Verdict
) -> Mapping[str, tuple[Fact, ...]]:
    rules = model.by_event.get(event.name, ())
    if not rules:
        return facts
    tree = {"event": event.name, "properties": event.properties, "traits": event.traits, "context": event.context}
    late = event.history or event.received_at - event.occurred_at > LATE
    grown = dict(facts)
    for rule in rules:
        if event.name in rule.on and rule.matches(tree):
            fact = Fact(event.occurred_at, key, _asset(rule, tree), verdict, late)
            grown[rule.filing] = selected(rule, (*grown.get(rule.filing, ()), fact))
        if rule.answer is not None and event.name in rule.answer[0] and rule.answered_by(tree):
            fact = Fact(event.occurred_at, key, _asset(rule, tree), verdict, late)
            grown[rule.answers] = selected(answering(rule), (*grown.get(rule.answers, ()), fact))
    return grown


def _asset(rule: EngagementRule, tree: Mapping[str, Any]) -> str:
    if not rule.asset:
        return ""
    return event_key(str(at_path(tree, rule.asset)))


def _with_day(days: frozenset[int], event: LeadEvent, model: ScoringModel, verdict: Verdict) -> frozenset[int]:
    day = utc_day(event.occurred_at)
    if event.name not in model.activity or verdict in model.refused or day in days:
        return days
    return _newest_days(days | {day})


def _newest_days(days: frozenset[int]) -> frozenset[int]:
    return days if len(days) <= DAYS_KEPT else frozenset(sorted(days)[-DAYS_KEPT:])
