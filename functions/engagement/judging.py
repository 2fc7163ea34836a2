"""What was done with one mail: kept with the mail, judged with everything else that was, told once it has waited."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from shared import links, settings
from shared.aws import playbooks, queue, touches
from shared.aws.touches import Touched
from shared.engagement import EVENTS, FOOTER, JudgeAgain, Kind, Seen, Touch
from shared.errors import ConflictError
from shared.identity import event_key
from shared.lead import LeadEvent, queue_message
from shared.mailing import SendRef
from shared.rules.bots import JUDGED_AGAIN
from shared.rules.engagement import Judged, Mail, MailBots, judged, kept, mail_bots, sign_of, to_tell
from shared.rules.model import Bots, bots_of
from shared.telemetry import count

TRIES = 6
"""Rounds of read, judge and write for a mail that others are noting touches of too."""

_LINK_USED = re.compile(r"\blinks\.(\w+)")
_OUR_LINK = re.compile(r"/([cdu])/([A-Za-z0-9_-]+)$")
_KINDS: Mapping[str, Kind] = {"c": "click", "d": "decoy", "u": "page"}


@dataclass(frozen=True, slots=True)
class Policy:
    """What is judged by, from the playbook in force."""

    agents: Bots
    mail: MailBots


@dataclass(frozen=True, slots=True)
class MailLinks:
    """The links of a mail: the name of each page, and the names that it uses."""

    names: Mapping[str, str]
    used: frozenset[str]


def work_off(ref: SendRef, seen: Sequence[Seen], requests: Sequence[JudgeAgain]) -> None:
    """
    Keep the touches of a mail, tell of those that have waited or are judged stricter, and ask to be asked again.

    Raises:
        ConflictError: Others kept noting touches of the mail. The messages come again.
    """
    delay = int(settings.required("CLICK_DELAY_SECONDS"))
    for _ in range(TRIES):
        before = touches.get_touched(ref)
        if before is None:
            count("TouchesOfNobody", len(seen) + len(requests))
            return
        if _noted(before, seen, requests, delay):
            break
    else:
        raise ConflictError("touches of the mail kept coming")
    if seen:  # a touch that comes late waits with the newest that is known, or nobody would ask about it again
        newest = max([each.at for each in seen] + [each.at for each in before.touches])
        again = JudgeAgain(ref.send_id, newest, newest + delay)
        queue.send_all(settings.engagement_queue_url(), [again.to_message()], delay_seconds=delay)


def _noted(before: Touched, seen: Sequence[Seen], requests: Sequence[JudgeAgain], delay: int) -> bool:
    """Judge, tell, and write what was told; False when the mail is not what was read any more."""
    policy, of_mail = _policy(), _links(before.playbook, before.content)
    after = _with_touches(before, seen, policy.agents, of_mail)
    mail = Mail(of_mail.used, before.stopped)
    verdicts = judged(after.touches, policy.mail, mail)
    told: dict[str, Judged] = {}
    for at, as_of in [(None, 0), *((each.at, each.as_of) for each in requests)]:
        found = to_tell(verdicts, after.touches, at=at, as_of=as_of, delay=delay)
        told |= {each.touch.id: each for each in found}
    if told:
        messages = [_message(after, each) for each in told.values()]
        queue.send_all(settings.events_queue_url(), messages)
        after = replace(
            after,
            touches=tuple(
                replace(touch, told=told[touch.id].verdict) if touch.id in told else touch for touch in after.touches
            ),
        )
    return after.touches == before.touches or touches.save(after)


def _message(touched: Touched, found: Judged) -> dict[str, Any]:
    """Return the message that tells the score of the touch; it follows from the touch and its verdict alone."""
    touch, ref = found.touch, touched.ref
    properties: dict[str, Any] = {"send_id": ref.send_id, "track": ref.track}
    if touch.kind == "click":
        properties["url"] = touched.links.get(touch.link, "")
    if touch.told:
        properties[JUDGED_AGAIN] = True
    agent = touched.agents.get(touch.agent)
    event = LeadEvent(
        event_id=touch.id,
        name=EVENTS[touch.kind],
        occurred_at=touch.at,
        received_at=touch.at,
        source="system",
        lead_id=ref.lead_id,
        properties=properties,
        context={"userAgent": agent} if agent else {},
        verdict=found.verdict,
        verdict_reason=found.reason,
    )
    return queue_message("system", touch.at, [event])


def _with_touches(before: Touched, seen: Iterable[Seen], bots: Bots, mail: MailLinks) -> Touched:
    agents, leading = dict(before.agents), dict(before.links)
    new: list[Touch] = []
    for each in map(_as_we_see_it, seen):
        page = each.url
        link = _link_name(each, page, mail)
        agent = event_key(each.agent)[:8] if each.agent else ""
        sign, said = sign_of(each.kind, each.agent, bots)
        if each.said:
            sign, said = "machine", each.said
        if agent:
            agents[agent] = each.agent
        if each.kind == "click":
            leading[link] = page
        new.append(Touch(each.id, each.kind, each.at, link, each.by, sign, said, agent))
    every = kept((*before.touches, *new))
    return replace(
        before,
        touches=every,
        agents={key: text for key, text in agents.items() if any(touch.agent == key for touch in every)},
        links={name: page for name, page in leading.items() if any(touch.link == name for touch in every)},
    )


def _as_we_see_it(seen: Seen) -> Seen:
    """Return what SES saw of a link of ours as our own links would report it: by where it leads, and what it is for."""
    ours = _OUR_LINK.search(seen.url) if seen.by == "ses" and seen.kind == "click" else None
    if ours is None:
        return seen
    kind = _KINDS[ours[1]]
    return replace(seen, kind=kind, url=(links.target_said(ours[2]) or seen.url) if kind == "click" else "")


def _link_name(seen: Seen, page: str, mail: MailLinks) -> str:
    if seen.kind in ("open", "decoy"):
        return ""
    return (mail.names.get(page) or event_key(page)[:8]) if page else FOOTER


def _policy() -> Policy:
    return _policy_of(playbooks.current()["bundle"])


@lru_cache(maxsize=2)
def _policy_of(bundle: str) -> Policy:
    document = playbooks.document(bundle)
    return Policy(bots_of(document), mail_bots(document))


@lru_cache(maxsize=64)
def _links(bundle: str, content: str) -> MailLinks:
    """Return the links of the mail as the playbook it was made by has them, or the one in force."""
    try:
        document = playbooks.document(bundle)
    except playbooks.UnknownPlaybookError:
        document = playbooks.current()
    return links_used(document, content)


def links_used(document: Mapping[str, Any], content: str) -> MailLinks:
    """Return the links of the mail as the compiled playbook has them; none when it has no such mail."""
    pages = document["mail"].get("links", {})
    names = {page: name for name, page in sorted(pages.items(), reverse=True)}
    words = " ".join(document["templates"].get(content, {}).values())
    return MailLinks(names, frozenset(names[pages[name]] for name in _LINK_USED.findall(words) if name in pages))
