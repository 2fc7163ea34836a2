"""
Who is at work, a person or a machine: by what a browser says of itself, by its speed, and by what people say later.

A verdict is a function of the event, the playbook and the judgements that the lead keeps, so it is not stored with the
event: a newer list of crawlers or a judgement that comes later has the lead filed again from its timeline.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from shared.engagement import EVENTS
from shared.identity import event_key
from shared.instants import DAY, HOUR, instant_text, parse_instant
from shared.lead import STRICTNESS, Judgement, Lead, LeadEvent, Verdict, View
from shared.rules.model import Bots, ScoringModel

VISIT_JUDGED = "Visit Judged"
MAIL_EVENTS = frozenset(EVENTS.values())

JUDGED_AGAIN = "judged_again"
"""Property of a click or open of which the score was told another verdict before."""

PAGE_VIEWED = "Page Viewed"

JUDGEMENTS_KEPT = 10
"""Newest judgements a lead keeps of people, and as many of the watch, so that neither crowds out the other."""

AGENT_READ = 500
"""Characters of a user agent that are looked at."""

AGENTS_REMEMBERED = 4096
"""Agents whose verdict a process remembers: a look through the whole list costs a tenth of a millisecond."""

REASON_KEPT = 120
BY_KEPT = 60

_SHORT = 6
"""Characters of keys that tell the views of one stretch apart: every lead carries some of them."""

Judged = tuple[Verdict, str]
"""A verdict, and why in words; a person's needs none."""


def verdict_of(event: LeadEvent, model: ScoringModel) -> Judged:
    """
    Return the stricter of the event's own verdict and what the browser says of itself.

    Only what a public key sent comes from a browser: a server names its own HTTP client, and is no visitor.
    """
    own: Judged = event.verdict, event.verdict_reason
    return own if event.source != "public" else _stricter(own, _by_browser(event, model.bots))


def judged(event: LeadEvent, model: ScoringModel, judgements: Sequence[Judgement]) -> Judged:
    """
    Return the verdict on an event, and why.

    Args:
        event: What happened.
        model: The playbook.
        judgements: The lead's. People decide: the latest that a person gave holds whatever else is said; one of the watch
            joins to the stricter.
    """
    said = _by_hand(event, judgements)
    if said is not None:
        return said
    found = verdict_of(event, model)
    if event.source == "public" and judgements:
        visitor = visitor_of(event)
        for each in judgements:
            if not each.by and each.visitor == visitor and each.since <= event.occurred_at <= each.until:
                found = _stricter(found, (each.verdict, each.reason))
    return found


def counted_as(event: LeadEvent, model: ScoringModel, judgements: Sequence[Judgement]) -> Verdict:
    """Return the verdict that the event's facts bear: what we told apart counts for a person's if the playbook says so."""
    if not model.bots.score:
        return judged(event, model, judgements)[0]
    said = _by_hand(event, judgements)
    if said is not None:
        return said[0]
    return "human" if is_of_mail(event) else event.verdict


def with_verdict(event: LeadEvent, model: ScoringModel, judgements: Sequence[Judgement]) -> LeadEvent:
    """Return the event for readers: with the verdict that holds now, and why."""
    verdict, reason = judged(event, model, judgements)
    return replace(event, verdict=verdict, verdict_reason=reason)


def is_of_mail(event: LeadEvent) -> bool:
    """Tell whether the event is a click or an open of a mail of ours, which what else was done with the mail judges."""
    return event.source == "system" and event.name in MAIL_EVENTS


def joined_copies(events: Iterable[LeadEvent]) -> list[LeadEvent]:
    """Return the events, each click and open of a mail with the strictest verdict that a copy of it bears."""
    known = list(events)
    strictest: dict[str, LeadEvent] = {}
    for event in filter(is_of_mail, known):
        held = strictest.get(event.event_id)
        if STRICTNESS[event.verdict] > (0 if held is None else STRICTNESS[held.verdict]):
            strictest[event.event_id] = event
    if not strictest:
        return known
    return [
        event
        if not is_of_mail(event) or (strict := strictest.get(event.event_id)) is None
        else replace(event, verdict=strict.verdict, verdict_reason=strict.verdict_reason)
        for event in known
    ]


def is_judged_again(lead: Lead, event: LeadEvent, model: ScoringModel) -> bool:
    """
    Tell whether the event can be a copy of one that the lead was told with another verdict, so that it is filed again.

    What a laxer copy brought, an active day for one, only the timeline tells from what others brought. The stricter copy
    says that there was one before it; where it cannot, and for a laxer one that comes late, there are facts with another
    verdict near.
    """
    if not is_of_mail(event):
        return False
    if event.properties.get(JUDGED_AGAIN) is True:
        return True
    return any(
        fact.verdict != event.verdict and abs(fact.at - event.occurred_at) <= DAY
        for rule in model.by_event.get(event.name, ())
        for fact in lead.facts.get(rule.filing, ())
    )


def _by_hand(event: LeadEvent, judgements: Sequence[Judgement]) -> Judged | None:
    said = [each for each in judgements if each.by and each.since <= event.occurred_at <= each.until]
    return (said[-1].verdict, f"{said[-1].by}: {said[-1].reason}") if said else None


def _stricter(one: Judged, other: Judged) -> Judged:
    return other if STRICTNESS[other[0]] > STRICTNESS[one[0]] else one


def _by_browser(event: LeadEvent, bots: Bots) -> Judged:
    if bots.headless and event.context.get("webdriver") is True:
        return "machine", "a program drives the browser"
    agent = event.context.get("userAgent")
    return _by_agent(agent[:AGENT_READ], bots) if isinstance(agent, str) and agent else ("human", "")


@lru_cache(maxsize=AGENTS_REMEMBERED)
def _by_agent(agent: str, bots: Bots) -> Judged:
    lower = agent.lower()
    if any(text in lower for text in bots.never):
        return "human", ""
    name = next((text for text in bots.also if text in lower), None) or next(
        (text for text in bots.names if text in agent), None
    )
    if name is None and (shape := _shapes(bots)) is not None and (found := shape.search(agent)) is not None:
        name = found[0]
    return ("human", "") if name is None else ("machine", f"the user agent says {name.strip()[:60]!r}")


@lru_cache(maxsize=8)
def _shapes(bots: Bots) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{each})" for each in bots.shapes)) if bots.shapes else None


def by_agent(agent: str, bots: Bots) -> Judged:
    """Return what the user agent says of itself."""
    return _by_agent(agent[:AGENT_READ], bots)


def visitor_of(event: LeadEvent) -> str:
    """Return the key of the browser the event came from; empty when it does not say."""
    return event_key(event.anonymous_id) if event.anonymous_id else ""


def judgement_of(event: LeadEvent, key: str) -> tuple[Judgement, ...]:
    """Return the judgement the event tells. Raises KeyError or ValueError when it does not say of what, and why."""
    if event.name != VISIT_JUDGED or event.source != "system":
        return ()
    said = event.properties
    if said["verdict"] not in STRICTNESS:
        raise ValueError("verdict")
    judgement = Judgement(
        at=event.occurred_at,
        event=key,
        since=parse_instant(said["from"]),
        until=parse_instant(said["until"]),
        verdict=said["verdict"],
        reason=str(said["reason"])[:REASON_KEPT],
        by=str(said.get("by", ""))[:BY_KEPT],
        visitor=str(said.get("visitor", ""))[:REASON_KEPT],
    )
    return (judgement,)


def joined_judgements(one: tuple[Judgement, ...], other: tuple[Judgement, ...]) -> tuple[Judgement, ...]:
    """
    Return both, oldest first: of copies the latest; of people the newest 10; of the watch the 10 that reach furthest.

    What covers another one does not take its place: it may come after that one has pushed out a third, which would then
    be missing in this order of arrival and in no other.
    """
    if not other or one == other:
        return one
    latest = {each.event: each for each in sorted((*one, *other))}
    by_hand = sorted(each for each in latest.values() if each.by)[-JUDGEMENTS_KEPT:]
    watched = sorted((each for each in latest.values() if not each.by), key=_reach)[-JUDGEMENTS_KEPT:]
    return tuple(sorted((*by_hand, *watched)))


def _reach(each: Judgement) -> tuple[int, int, int, str]:
    return each.until, -each.since, each.at, each.event


def viewed(views: tuple[View, ...], event: LeadEvent, key: str, bots: Bots) -> tuple[View, ...]:
    """Return the page views with the event's, if it is one to be watched."""
    if not _timed(event, bots):
        return views
    return joined_views(views, (View(event.occurred_at, key[:_SHORT], visitor_of(event)[:_SHORT]),), bots)


def joined_views(one: tuple[View, ...], other: tuple[View, ...], bots: Bots) -> tuple[View, ...]:
    """
    Return the views of both that can lie in one stretch with a later one: of copies the latest, of each visitor the newest.

    Of several visitors at once no more than two need are kept.
    """
    if not other or not bots.pages:
        return one if bots.pages else ()
    latest = {each.event: each for each in sorted((*one, *other))}
    falling = sorted(latest.values(), reverse=True)
    needed = bots.pages + 1
    by_visitor: dict[str, int] = {}
    kept: list[View] = []
    for each in falling:
        number = by_visitor[each.visitor] = by_visitor.get(each.visitor, 0) + 1
        if number <= needed and falling[0].at - each.at < bots.within:
            kept.append(each)
    return tuple(reversed(kept[: 2 * needed]))


def _timed(event: LeadEvent, bots: Bots) -> bool:
    """
    Tell whether the event is a view to be watched.

    Only a browser tells the second of a view while it happens: what is imported may tell the day alone. And only of one
    that has an id: anybody who knows an address could send views without, and would have the person's own forms judged.
    """
    fresh = event.received_at - event.occurred_at <= HOUR and not event.history
    named = bots.pages > 0 and event.name == PAGE_VIEWED and event.anonymous_id is not None
    return named and event.source == "public" and fresh


def too_fast(lead: Lead, event: LeadEvent, model: ScoringModel) -> LeadEvent | None:
    """
    Return the judgement of the visit that a page view belongs to, if its pages came faster than a person reads.

    A watch, and no part of the score: it sees what has arrived when it looks. What it finds is an event like any other,
    and that is what the score follows.

    Args:
        lead: With the event applied.
        event: The page view.
        model: The playbook.
    Returns: An event about the whole hours in which that was, with those a judgement before it reaches into; its id follows
        from lead, visitor and time, so that finding it twice is finding it once. None when all that is known already.
    """
    bots = model.bots
    if not _timed(event, bots):
        return None
    visitor = visitor_of(event)
    times = [view.at for view in lead.views if view.visitor == visitor[:_SHORT]]
    if len(times) <= bots.pages:
        return None
    since, until = times[0] - times[0] % HOUR, times[-1] - times[-1] % HOUR + HOUR - 1
    if _is_known(lead.judgements, visitor, times) or _is_judged_enough(lead.judgements, since):
        return None
    since = min([since, *_reaching_into(lead.judgements, visitor, since)])
    said = {
        "from": instant_text(since),
        "until": instant_text(until),
        "visitor": visitor,
        "verdict": "machine",
        "reason": f"more than {bots.pages} page views within {bots.within} seconds",
    }
    return LeadEvent(
        event_id=f"visit-{event_key(f'{lead.lead_id} {visitor} {since} {until}')}",
        name=VISIT_JUDGED,
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        source="system",
        lead_id=lead.lead_id,
        properties=said,
    )


def _is_known(judgements: Iterable[Judgement], visitor: str, times: Sequence[int]) -> bool:
    return any(
        each.since <= times[0] and times[-1] <= each.until and (each.by or each.visitor == visitor)
        for each in judgements
    )


def _is_judged_enough(judgements: Iterable[Judgement], since: int) -> bool:
    """
    Tell whether as many browsers as a lead keeps judgements of were too fast at the time.

    Each one more would have the lead filed again from all of its timeline, and push out another: whoever sends views under
    ever new ids would keep the score busy.
    """
    return sum(not each.by and each.until >= since for each in judgements) >= JUDGEMENTS_KEPT


def _reaching_into(judgements: Iterable[Judgement], visitor: str, since: int) -> list[int]:
    return [each.since for each in judgements if not each.by and each.visitor == visitor and each.until >= since - 1]
