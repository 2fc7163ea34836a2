"""
From events to facts: which facts a lead keeps, and how two sets of facts are one.

A fact is "rule R matched event E at time T". Applying an event is a union, so order, duplicates, batches and merges
cannot change what is kept; and what is dropped could never count again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from shared.identity import EMAIL, event_key
from shared.instants import utc_day
from shared.lead import Fact, Lead, LeadEvent, Naming, Register, Verdict
from shared.rules.model import EngagementRule, ScoringModel
from shared.rules.patterns import matches

DAYS_KEPT = 400
"""Newest active days a lead keeps: a year and a month, more than any silence a playbook asks about."""

IDENTITIES_KEPT = 20

ANSWERS_KEPT = 50
"""Assets of which the newest answer is kept for a `missing` rule; its questions are at most 10 times fewer."""

TEXT_KEPT = 120
"""Characters of a profile value that are kept: every further kilobyte of a lead costs a write unit per write."""

_STRICTER: dict[Verdict, int] = {"human": 0, "unsure": 1, "machine": 2}


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
    return replace(
        lead,
        profile=_joined_profile(lead.profile, _registers(event, model, key, address) | _confirmed(lead, event, key)),
        facts=_with_facts(lead.facts, event, model, key),
        days=_with_day(lead.days, event, model),
        first_seen=min(lead.first_seen or event.occurred_at, event.occurred_at),
    )


def united(one: Lead, other: Lead, model: ScoringModel) -> Lead:
    """Return `one` with everything `other` holds: facts are united, never summed. What was settled stays `one`'s."""
    rules = _rules_by_filing(model)
    facts = dict(one.facts)
    for filing, theirs in other.facts.items():
        if filing in rules:
            facts[filing] = selected(rules[filing], (*facts.get(filing, ()), *theirs))
    first = [seen for seen in (one.first_seen, other.first_seen) if seen]
    return replace(
        one,
        identities=joined_identities(one.identities, other.identities),
        profile=_joined_profile(one.profile, other.profile),
        facts=facts,
        days=_newest_days(one.days | other.days),
        first_seen=min(first, default=0),
        filed=next(
            (each for each in (one.filed, other.filed) if each not in ("", model.filed)), one.filed or other.filed
        ),
        asked_at=max(one.asked_at, other.asked_at),
        complete_since=max(one.complete_since, other.complete_since),
    )


def _rules_by_filing(model: ScoringModel) -> dict[str, EngagementRule]:
    own = {rule.filing: rule for rule in model.engagement}
    return own | {rule.answers: _answering(rule) for rule in model.engagement if rule.answer is not None}


def _answering(rule: EngagementRule) -> EngagementRule:
    """Return the rule by which a `missing` rule's answers are kept: more of them, for many answer what was not asked."""
    return replace(rule, most=ANSWERS_KEPT)


def refiled(lead: Lead, events: Iterable[LeadEvent], others: frozenset[str], model: ScoringModel) -> Lead:
    """
    Return the lead with its facts filed again from the timeline.

    Args:
        lead: As it stands; facts of rules that did not change stay, also those older than the timeline.
        events: Every event of the lead that the timeline still holds.
        others: Keys of events that turned out to be somebody else's.
        model: The playbook's rules.
    """
    filings = _rules_by_filing(model)
    kept = {
        filing: tuple(fact for fact in facts if fact.event not in others)
        for filing, facts in lead.facts.items()
        if filing in filings
    }
    again = Lead(lead_id=lead.lead_id, facts={filing: facts for filing, facts in kept.items() if facts})
    oldest = 0
    profile: Mapping[str, Register] = {name: each for name, each in lead.profile.items() if each.key not in others}
    for event in events:
        oldest = min(oldest or event.occurred_at, event.occurred_at)
        key = event_key(event.event_id)
        again = replace(
            again, facts=_with_facts(again.facts, event, model, key), days=_with_day(again.days, event, model)
        )
        profile = _joined_profile(profile, _registers(event, model, key, None))
    changed = lead.filed not in ("", model.filed)
    partial = changed and bool(oldest) and lead.first_seen < oldest
    return replace(
        lead,
        facts=again.facts,
        profile=profile,
        days=again.days if others else _newest_days(lead.days | again.days),
        filed=model.filed,
        complete_since=oldest if partial else lead.complete_since,
    )


def joined_identities(one: Mapping[str, Naming], other: Mapping[str, Naming]) -> dict[str, Naming]:
    """Return both sets of identities with the first and last time each was named; the newest 20 stay."""
    joined = dict(one)
    for identity, naming in other.items():
        known = joined.get(identity, naming)
        joined[identity] = Naming(
            known.home, min(known.first, naming.first), max(known.last, naming.last), known.shared or naming.shared
        )
    kept = sorted(joined, key=lambda identity: (identity.startswith("anon#"), -joined[identity].last, identity))
    return {identity: joined[identity] for identity in sorted(kept[:IDENTITIES_KEPT])}


def selected(rule: EngagementRule, facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """
    Return the facts the rule can ever use, oldest first.

    The newest fact of each of the newest `most` keys, where the key is the event, the asset, or (day, event) with the
    newest `a_day` of each day. Copies of one event join to the latest time and its strictest verdict; `per_day` keeps
    a copy on each day it was reported for, so that which copy came first cannot matter, and counts the latest.
    """
    newest: dict[tuple[str, int], Fact] = {}
    for fact in facts:
        name = _name(rule, fact)
        known = newest.get(name)
        newest[name] = fact if known is None else _joined(known, fact)
    kept = sorted(newest.values(), reverse=True)
    if rule.counts != "per_day":
        return tuple(reversed(kept[: rule.most]))
    by_day: dict[int, list[Fact]] = {}
    for fact in kept:
        by_day.setdefault(utc_day(fact.at), []).append(fact)
    days = sorted(by_day, reverse=True)[: rule.most]
    return tuple(sorted(fact for day in days for fact in by_day[day][: rule.a_day]))


def _name(rule: EngagementRule, fact: Fact) -> tuple[str, int]:
    """Return the key of which a rule remembers the newest fact."""
    if rule.counts == "per_day":
        return fact.event, utc_day(fact.at)
    if rule.counts in ("per_asset", "missing") or (rule.counts == "count" and rule.distinct == "asset"):
        return fact.asset, 0
    if rule.counts == "count" and rule.distinct == "day":
        return "", utc_day(fact.at)
    return fact.event, 0


def _joined(one: Fact, other: Fact) -> Fact:
    """
    Return the newer fact, and of copies at one time the stricter verdict.

    The verdict of an older copy does not reach a newer one: the older may have been dropped before the newer came, and
    then which of them arrived first would matter.
    """
    return max(one, other, key=lambda fact: (fact.at, fact.event, _STRICTER[fact.verdict], fact.asset))


def _with_facts(
    facts: Mapping[str, tuple[Fact, ...]], event: LeadEvent, model: ScoringModel, key: str
) -> Mapping[str, tuple[Fact, ...]]:
    rules = model.by_event.get(event.name, ())
    if not rules:
        return facts
    tree = {"event": event.name, "properties": event.properties, "traits": event.traits, "context": event.context}
    grown = dict(facts)
    for rule in rules:
        fact = Fact(event.occurred_at, key, _asset(rule, tree), event.verdict)
        if event.name in rule.on and matches(rule.where, tree):
            grown[rule.filing] = selected(rule, (*grown.get(rule.filing, ()), fact))
        if rule.answer is not None and event.name in rule.answer[0] and matches(rule.answer[1], tree):
            grown[rule.answers] = selected(_answering(rule), (*grown.get(rule.answers, ()), fact))
    return grown


def _asset(rule: EngagementRule, tree: Mapping[str, Any]) -> str:
    if not rule.asset:
        return ""
    return event_key(str(_at_path(tree, rule.asset)))


def _at_path(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def _with_day(days: frozenset[int], event: LeadEvent, model: ScoringModel) -> frozenset[int]:
    day = utc_day(event.occurred_at)
    if event.name not in model.activity or event.verdict in model.refused or day in days:
        return days
    return _newest_days(days | {day})


def _newest_days(days: frozenset[int]) -> frozenset[int]:
    return days if len(days) <= DAYS_KEPT else frozenset(sorted(days)[-DAYS_KEPT:])


def _registers(event: LeadEvent, model: ScoringModel, key: str, address: str | None) -> dict[str, Register]:
    proven = event.source != "public"
    at = event.occurred_at if proven else event.received_at
    said: dict[str, Any] = {}
    for name, paths in model.profile.items():
        value = next(
            (found for path in paths if (found := _kept(name, _at_path(event.traits, path))) is not None), None
        )
        if value is not None:
            said[name] = value
    if event.email is not None and address is not None:
        said["email"], said["address"] = event.email, address
    if event.source == "server" and (consent := consent_said(event)) is not None:
        said["consent"] = consent
    if event.source == "system" and event.name in SALES_OUTCOMES:
        said["sales"] = {"outcome": SALES_OUTCOMES[event.name], "reason": event.properties.get("reason_code")}
    return {name: Register(value, at, key, proven) for name, value in said.items()}


_YES = frozenset({True, "true", "yes", "on", "1"})
_NO = frozenset({False, "false", "no", "off", "0"})


def consent_said(event: LeadEvent) -> bool | None:
    """Return what the event's `consent` trait says, or None when it says nothing we know."""
    said = event.traits.get("consent")
    if not isinstance(said, bool | str):
        return None
    word = said.strip().lower() if isinstance(said, str) else said
    return True if word in _YES else False if word in _NO else None


def _confirmed(lead: Lead, event: LeadEvent, key: str) -> dict[str, Register]:
    """
    Return the mail address as proven, when the event says its owner pressed the button in our mail.

    Only of a lead that is known *by* that address. That a mailbox exists does not prove that it belongs to the user
    whose id a browser sent along.
    """
    if event.name != ADDRESS_CONFIRMED or event.source != "system":
        return {}
    address = event.properties.get("address")
    if address is None or address != lead.address_hash or f"{EMAIL}#{address}" not in lead.identities:
        return {}
    return {
        name: Register(lead.profile[name].value, event.occurred_at, key, proven=True) for name in ("email", "address")
    }


ADDRESS_CONFIRMED = "Address Confirmed"

SALES_OUTCOMES = {
    "Lead Accepted": "accepted",
    "Lead Rejected": "rejected",
    "Lead Contacted": "contacted",
    "Lead Won": "won",
    "Lead Lost": "lost",
}
"""What sales did, by the name of the event that tells the lead so."""


def _kept(name: str, value: Any) -> Any:
    """Return the value as a profile keeps it: a bounded text, a whole number, a truth value, or None for the rest."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 10**12:
        return value
    if isinstance(value, float) and abs(value) < 10**12:
        return int(value)
    if not isinstance(value, str):
        return None
    text = " ".join(value.split())[:TEXT_KEPT]
    if name == "employees":
        digits = text.replace(",", "").split("-")[0].rstrip("+")
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None
    return text or None


def _joined_profile(one: Mapping[str, Register], other: Mapping[str, Register]) -> Mapping[str, Register]:
    if not other:
        return one
    joined = dict(one)
    for name, register in other.items():
        known = joined.get(name)
        joined[name] = register if known is None else _stronger(known, register)
    return joined


def _stronger(one: Register, other: Register) -> Register:
    if one.proven != other.proven:
        return one if one.proven else other
    later = (other.at, other.key) > (one.at, one.key)
    return other if later is one.proven else one
