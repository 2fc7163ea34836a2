"""
Who followed the links of a mail, a person or a machine: judged from everything that was done with that one mail.

A scanner follows what a person cannot see, several links at once, or all of them; a person follows one or two. What comes
later can make a verdict stricter, so the same judgement is made again with every touch, of all touches together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.engagement import EVENTS, FOOTER, Touch
from shared.instants import MINUTE
from shared.lead import STRICTNESS, Verdict
from shared.rules.bots import by_agent
from shared.rules.model import Bots

TOUCHES_KEPT = 30
"""Touches of a mail that are kept: several rounds of a scanner through all of its links."""

EVIDENCE_KEPT = 10
"""How many of them are evidence that stays however much comes after: the newest decoy, look at the footer and HEAD of each."""

SCAN = 15 * MINUTE
"""Within which links followed one by one, and the decoy by the same browser, are one scan."""

AT_ONCE = 1
"""Seconds between two links that nobody follows one after the other."""

ALONG = MINUTE
"""Between what a machine did and what the same browser did else."""

HEAD_OF_OTHERS = 10
"""Seconds between a HEAD and a GET of the same link that may be one program under two names, or a person it looks out for."""

TWINS = 10
"""Seconds between one click or open as we see it and as SES does: our clocks, and its redirect before ours."""

HELD_AT_MOST = 10 * MINUTE
"""How long a touch waits at most while others keep coming."""

PRELOADING = "Mozilla/5.0"
"""All that Apple's Mail Privacy Protection says of itself, when it loads the pictures of a mail nobody may ever read."""

PICTURE_PROXIES = {"GoogleImageProxy": "Google", "YahooMailProxy": "Yahoo"}
"""Who loads pictures in a reader's place: mostly when the mail is read, at times before."""

SCANNERS = (
    "barracuda",
    "ciscosecureemail",
    "ironport",
    "mimecast",
    "proofpoint",
    "safelinks",
    "symantec",
    "tmes",
    "urldefense",
)
"""What gateways that scan mail say of themselves beyond the list of crawlers."""

OFFICE = ("Microsoft Office Existence Discovery", "Microsoft Office Protocol Discovery")
"""What Office asks a link by before it hands it to the browser, which then asks itself."""


@dataclass(frozen=True, slots=True)
class MailBots:
    """By what machines are told among those who touch a mail; `within` and `decoy` are seconds."""

    links: int = 3
    """So many different links within `within` seconds are a burst."""
    within: int = 10
    decoy: int = 60
    """A click so long before or after the decoy was followed is a machine's."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What is known of a mail besides its touches: names of the links it holds; whether the reader unsubscribed by it."""

    links: frozenset[str] = frozenset()
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """Who a click or open is of, and why in words; a person's needs no reason."""

    touch: Touch
    verdict: Verdict
    reason: str


def mail_bots(document: Mapping[str, Any]) -> MailBots:
    """Read the compiled playbook's part; those that were compiled before there was one have the usual numbers."""
    said = (document.get("bots") or {}).get("mail")
    return MailBots() if said is None else MailBots(said["links"], said["within_seconds"], said["decoy_seconds"])


def sign_of(kind: str, agent: str, bots: Bots) -> tuple[Verdict, str]:
    """Return what the user agent of a touch says by itself, and why."""
    lower = agent.lower()
    if any(text in lower for text in bots.never):
        return "human", ""
    if kind == "open":
        if agent == PRELOADING:
            return "machine", "Apple Mail loads pictures before anybody reads the mail"
        owner = next((owner for text, owner in PICTURE_PROXIES.items() if text in agent), None)
        if owner is not None:
            return "unsure", f"{owner} loaded the pictures in the reader's place"
    elif not agent:
        return "unsure", "no browser is named"
    else:
        name = next((text for text in SCANNERS if text in lower), None) or next((t for t in OFFICE if t in agent), None)
        if name is not None:
            return "machine", f"the user agent says {name!r}"
    return by_agent(agent, bots)


def kept(touches: Iterable[Touch]) -> tuple[Touch, ...]:
    """
    Return the touches as a set by id, oldest first: of copies the one that says more, of all the newest 30.

    What tells a machine stays first, so that nobody clicks it away; then those whose verdict was not told yet.
    """
    by_id: dict[str, Touch] = {}
    for touch in touches:
        known = by_id.get(touch.id)
        by_id[touch.id] = touch if known is None else _joined(known, touch)
    every = sorted(by_id.values(), key=_order)
    if len(every) > TOUCHES_KEPT:
        evidence = _evidence_kept(every)
        every.sort(key=lambda each: (each.id in evidence, each.kind in EVENTS and not each.told, *_order(each)))
        every = sorted(every[-TOUCHES_KEPT:], key=_order)
    return tuple(every)


def _evidence_kept(every: Iterable[Touch]) -> set[str]:
    """Return the newest touch of each browser that is no click or open, of each kind and link; decoys before all else."""
    newest = {(touch.kind, touch.link, touch.agent): touch for touch in every if touch.kind not in EVENTS}
    first = sorted(newest.values(), key=lambda touch: (touch.kind == "decoy", touch.kind == "page", *_order(touch)))
    return {touch.id for touch in first[-EVIDENCE_KEPT:]}


def _order(touch: Touch) -> tuple[int, str]:
    return touch.at, touch.id


def _joined(one: Touch, other: Touch) -> Touch:
    stricter = max(one, other, key=lambda touch: (STRICTNESS[touch.sign], touch.said))
    told = max((one.told, other.told), key=lambda verdict: -1 if verdict == "" else STRICTNESS[verdict])
    return replace(one, sign=stricter.sign, said=stricter.said, agent=max(one.agent, other.agent), told=told)


def judged(touches: Iterable[Touch], policy: MailBots, mail: Mail = Mail()) -> tuple[Judged, ...]:
    """
    Return who each click and open is of, in the order of time.

    Args:
        touches: All that is known to have been done with the mail.
        policy: The playbook's.
        mail: What the mail is like.
    """
    every = _without_twins(sorted(touches, key=_order))
    found = {touch.id: _strictest(_evidence(touch, every, policy, mail)) for touch in every}
    _spread(every, found)
    return tuple(Judged(touch, *found[touch.id]) for touch in every if touch.kind in EVENTS)


def _without_twins(every: Sequence[Touch]) -> list[Touch]:
    """
    Leave out what SES saw of clicks and opens that we saw ourselves, but for what it says of them; and double clicks.

    What the score was told stays, whichever came first: it counts there, and may have to be taken back.
    """
    left: dict[str, Touch] = {}
    for touch in sorted(every, key=lambda each: (each.told == "", each.by != "links", *_order(each))):
        twin = None if touch.told else _twin(touch, left.values())
        if twin is None:
            left[touch.id] = touch
        elif STRICTNESS[touch.sign] > STRICTNESS[twin.sign]:
            left[twin.id] = replace(twin, sign=touch.sign, said=touch.said)
    return sorted(left.values(), key=_order)


def _twin(touch: Touch, seen: Iterable[Touch]) -> Touch | None:
    near = [
        each
        for each in seen
        if (each.kind, each.link) == (touch.kind, touch.link)
        and (
            abs(each.at - touch.at) <= TWINS
            if each.by != touch.by
            else abs(each.at - touch.at) <= AT_ONCE and each.agent == touch.agent
        )
    ]
    return min(near, key=lambda each: (abs(each.at - touch.at), each.id), default=None)


def _strictest(evidence: Iterable[tuple[Verdict, str]]) -> tuple[Verdict, str]:
    """Return the first of the strictest that was found."""
    found: tuple[Verdict, str] = "human", ""
    for each in evidence:
        if STRICTNESS[each[0]] > STRICTNESS[found[0]]:
            found = each
    return found


def _evidence(touch: Touch, every: Sequence[Touch], policy: MailBots, mail: Mail) -> Iterator[tuple[Verdict, str]]:
    if touch.sign != "human":
        yield touch.sign, touch.said
    yield from _by_decoy(touch, every, policy)
    if touch.kind == "open":
        return
    yield from _by_head(touch, every)
    yield from _by_burst(touch, every, policy, mail)
    yield from _by_whole_mail(touch, every, policy, mail)


def _by_decoy(touch: Touch, every: Sequence[Touch], policy: MailBots) -> Iterator[tuple[Verdict, str]]:
    for decoy in every:
        if decoy.kind != "decoy":
            continue
        apart = abs(decoy.at - touch.at)
        if apart <= policy.decoy:
            yield "machine", f"a link that no person sees was followed within {policy.decoy} seconds"
        elif apart <= SCAN and touch.agent and touch.agent == decoy.agent:
            yield "machine", "the same browser followed a link that no person sees"


def _by_head(touch: Touch, every: Sequence[Touch]) -> Iterator[tuple[Verdict, str]]:
    for head in every:
        if head.kind != "head" or head.link != touch.link or touch.kind == "head":
            continue
        apart = abs(head.at - touch.at)
        if head.agent == touch.agent and apart <= ALONG:
            yield "machine", "it asked about the link by HEAD too, as no browser does"
        elif apart <= HEAD_OF_OTHERS:
            yield "unsure", f"the link was asked about by HEAD within {HEAD_OF_OTHERS} seconds"


def _visits(every: Iterable[Touch]) -> list[Touch]:
    """Return who went to a link and does not say itself what it is: what a known machine did makes nobody else one."""
    return [touch for touch in every if touch.kind in ("click", "page", "head") and touch.sign != "machine"]


def _by_burst(touch: Touch, every: Sequence[Touch], policy: MailBots, mail: Mail) -> Iterator[tuple[Verdict, str]]:
    """Look at each stretch of time that the touch lies in and that another visit, or it, begins."""
    visits = _visits(every)
    at_once = [each for each in visits if abs(each.at - touch.at) <= AT_ONCE]
    if any(each.link != touch.link for each in at_once):
        yield "machine", "two links were followed at once"
    if any(each.kind == touch.kind and each.agent != touch.agent for each in at_once):
        yield "unsure", "two browsers followed the link at once"
    for first in visits:
        if not first.at <= touch.at <= first.at + policy.within:
            continue
        links = {each.link for each in visits if first.at <= each.at <= first.at + policy.within}
        if len(links) >= policy.links:
            yield "machine", f"{policy.links} links or more were followed within {policy.within} seconds"
        elif len(links) > 1 and mail.links and mail.links <= links:
            yield "machine", f"every link was followed within {policy.within} seconds"


def _by_whole_mail(touch: Touch, every: Sequence[Touch], policy: MailBots, mail: Mail) -> Iterator[tuple[Verdict, str]]:
    """
    Look for a scan that takes its time.

    To whom all links of a mail are alike, the one to unsubscribe is one of them; a person who goes there does not come
    for more, or unsubscribes.
    """
    if not mail.links:
        return
    visits = _visits(every)
    span = SCAN if len(mail.links) > 1 else ALONG
    for first in visits:
        if not first.at <= touch.at <= first.at + span:
            continue
        links = {each.link for each in visits if first.at <= each.at <= first.at + span}
        if not mail.links <= links:
            continue
        if FOOTER in links and not mail.stopped:
            yield "machine", "every link was followed, the one to unsubscribe too"
        elif len(mail.links) >= policy.links:
            yield "unsure", "every link was followed"


def _spread(every: Sequence[Touch], found: dict[str, tuple[Verdict, str]]) -> None:
    """
    What a browser did along with what a machine did by the same name, it did as that machine.

    Not so what says of itself that it is one: a browser fetches ahead a page that the person in front of it opens.
    """
    changed = True
    while changed:
        changed = False
        for touch in every:
            if not touch.agent or found[touch.id][0] == "machine" or touch.kind not in EVENTS:
                continue
            if any(
                other.agent == touch.agent
                and abs(other.at - touch.at) <= ALONG
                and (other.kind == "head" or (found[other.id][0] == "machine" and other.sign != "machine"))
                for other in every
            ):
                found[touch.id] = "machine", "by the same browser as a machine's clicks within a minute"
                changed = True


def to_tell(
    verdicts: Iterable[Judged], touches: Sequence[Touch], *, at: int | None, as_of: int, delay: int
) -> list[Judged]:
    """
    Return of which clicks and opens the score has to be told, now that the touch at `at` has waited `delay` seconds.

    While others follow within the wait, what was done with a mail waits with the newest of them, ten minutes at most: a
    scan that takes its time is known as one before any of it counts. What was told is told again when it is judged
    stricter, at once.

    Args:
        verdicts: Of all touches.
        touches: All that is known.
        at: None when a touch was just seen, and none has waited.
        as_of: The instant this is decided for.
        delay: Seconds.
    """
    is_quiet = at is not None and not any(touch.kind != "open" and at < touch.at <= at + delay for touch in touches)
    told = []
    for each in verdicts:
        touch = each.touch
        if touch.told:
            if STRICTNESS[each.verdict] > STRICTNESS[touch.told]:
                told.append(each)
        elif at is not None and ((is_quiet and touch.at <= at) or touch.at <= as_of - HELD_AT_MOST):
            told.append(each)
    return told
