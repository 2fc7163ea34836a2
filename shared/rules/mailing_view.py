"""
Why was this person not mailed? In words: by track, by message and by address, from what is known now.

It asks the rules that enrol and send, so it says what they would do; it decides nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.engagement import SendMade
from shared.instants import instant_text
from shared.lead import Lead
from shared.mailing import Address, Enrollment, SendState
from shared.rules.channels import decide_step
from shared.rules.consent import Refusal, refusal
from shared.rules.enrolling import Book
from shared.rules.entering import why_not_for
from shared.rules.nurture import MailPolicy, Send, Skip, Stop, Wait, is_mailable
from shared.rules.scoring import Evaluation, evaluate
from shared.rules.send_window import CAP_WINDOWS, caps_free_at, next_open, zone_of_lead
from shared.rules.tracks import GOING, HOLDOUT, Track, first_of, one_per_track

MOST_SENDS = 20
"""Newest messages that are listed."""

_REFUSALS: Mapping[Refusal, str] = {
    "suppressed": "the address is suppressed",
    "stopped": "the person unsubscribed from everything",
    "topic stopped": "the person unsubscribed from the topic",
    "paused": "sales has the lead",
    "unproven": "nobody proved yet that the address is the person's",
    "no opt-in": "the person did not opt in",
}

_STATES: Mapping[SendState, str] = {
    "claimed": "handed to the channel, which has not answered yet",
    "unknown": "the channel's answer got lost; its own report settles it",
    "parked": "nobody knows whether it went out, and it is not sent again; operations was told",
    "refused": "the channel refused it",
    "released": "the channel would not take it just then; it is planned again",
    "skipped": "dropped",
    "sent": "sent",
    "delivered": "delivered",
    "bounced": "bounced",
    "complained": "delivered, and complained about",
}


@dataclass(frozen=True, slots=True)
class Known:
    """A person as far as mailing goes; `paused` says why all mailing is paused, None when it is not."""

    lead: Lead
    runs: Sequence[Enrollment]
    sends: Sequence[SendMade]
    address: Address | None
    number: Address | None = None
    paused: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What the playbook in force says: of mails, the names of tracks, and of topics."""

    mail: MailPolicy
    tracks: Mapping[str, str]
    topics: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every part of the answer goes by; the score is evaluated at `now`."""

    known: Known
    book: Book
    policy: Policy
    evaluation: Evaluation
    now: int


def mailing_view(known: Known, book: Book, policy: Policy, now: int) -> dict[str, Any]:
    """Return why the person is mailed or not, at `now`, by what is known."""
    evaluation = evaluate(known.lead, book.model, max(now, known.lead.newest_fact_at))
    asked = _Asked(known, book, policy, evaluation, now)
    runs, _ = one_per_track(known.runs)
    gone = [run for name, run in runs.items() if name not in book.tracks]
    tracks = [
        _never(track, asked) if (run := runs.get(track.name)) is None else _run(run, asked)
        for track in book.tracks.values()
    ]
    tracks += [_run(run, asked) for run in gone]
    return {
        "lead_id": known.lead.lead_id,
        "as_of": instant_text(now),
        "summary": _of_everybody(known)
        or _of_address(first_of(runs.values(), book.tracks), asked)
        or _of_tracks(tracks),
        "mailing_paused": known.paused,
        "address": None if known.address is None else _address(known.address, asked),
        "number": None if known.number is None else {"refused": _refused(known.number, None, silence_is_consent=False)},
        "tracks": tracks,
        "sends": [_send(each) for each in sorted(known.sends, key=lambda each: -each.claimed_at)[:MOST_SENDS]],
    }


def _of_everybody(known: Known) -> str | None:
    return None if known.paused is None else f"Mailing is paused for everybody: {known.paused}"


def _of_address(first: Enrollment | None, asked: _Asked) -> str | None:
    """Return why the address gets nothing whatever the track; what may pass by waiting is said with the track."""
    address = asked.known.address
    if address is None or not is_mailable(asked.known.lead.value("email")):
        return "There is no address that can be mailed"
    track = None if first is None else asked.book.goes_by(first)
    topic = None if track is None else track.topic
    why = _refused(address, topic, silence_is_consent=asked.policy.mail.silence_is_consent)
    return None if why is None else why[0].upper() + why[1:]


def _of_tracks(tracks: Sequence[Mapping[str, Any]]) -> str:
    for status in ("active", "held out", "paused"):
        for each in tracks:
            if each["status"] == status:
                until = f", until {each['until']}" if each["until"] else ""
                return f"{each['label']}: {each['why']}{until}"
    return "The person is in no track now"


def _never(track: Track, asked: _Asked) -> dict[str, Any]:
    label = asked.policy.tracks.get(track.name, track.name)
    return {
        "track": track.name,
        "label": label,
        "status": "never entered",
        "why": _entry(track, asked),
        "until": None,
    }


def _run(run: Enrollment, asked: _Asked) -> dict[str, Any]:
    status, why, until = _standing(run, asked)
    pinned = asked.book.goes_by(run)
    said = {
        "track": run.track,
        "label": asked.policy.tracks.get(run.track, run.track),
        "status": status,
        "why": why,
        "until": None if until is None else instant_text(until),
        "rotation": run.rotation,
        "entered_at": instant_text(run.entered_at),
        "ended_at": None if run.ended_at is None else instant_text(run.ended_at),
        "goal_at": None if run.goal_at is None else instant_text(run.goal_at),
        "message": run.step + 1,
        "messages": None if pinned is None else len(pinned.steps),
    }
    return said | ({} if run.status in GOING else {"again": _again(run, asked)})


def _standing(run: Enrollment, asked: _Asked) -> tuple[str, str, int | None]:
    """Return the status of a run in words, why nothing is sent by it now, and until when."""
    if run.arm == HOLDOUT and run.status in ("active", "done"):
        return "held out", "it gets nothing, to be compared with those who do", run.due_at
    if run.status != "active":
        return "exhausted" if run.status == "done" else run.status, run.reason, None
    if run.due_at is not None and run.due_at > asked.now:
        why = f"waits: {run.reason}" if run.reason else f"message {run.step + 1} is not due yet"
        return "active", why, run.due_at
    return "active", *_decided(run, asked)


def _decided(run: Enrollment, asked: _Asked) -> tuple[str, int | None]:
    """Return what the sender would decide about a message that is due."""
    known, book = asked.known, asked.book
    track = None if run.track not in book.tracks else book.goes_by(run)
    decision = decide_step(
        known.lead, run, track, known.address, known.number,
        policy=asked.policy.mail, model=book.model, now=asked.now,
    )  # fmt: skip
    match decision:
        case Send():
            return f"message {run.step + 1} is due: the next sweep sends it", None
        case Wait():
            return f"waits: {decision.reason}", decision.until
        case Skip():
            return f"message {run.step + 1} is due and will be dropped: {decision.reason}", None
        case Stop():
            return f"the run ends at the next sweep: {decision.reason}", None


def _again(run: Enrollment, asked: _Asked) -> str:
    track = asked.book.tracks.get(run.track)
    if track is None:
        return "the track is no longer in the playbook"
    if not track.reenter:
        return "nobody enters it twice"
    ready = (run.ended_at or 0) + track.cool_down
    return f"it may begin again from {instant_text(ready)}" if ready > asked.now else _entry(track, asked)


def _entry(track: Track, asked: _Asked) -> str:
    book, evaluation = asked.book, asked.evaluation
    why_not = why_not_for(track, asked.known.lead, book.model, evaluation, evaluation.rules)
    return why_not or f"it may enter; that happens {_begins(track, book)}"


def _begins(track: Track, book: Book) -> str:
    """Return in words what makes a lead enter that may."""
    labels = book.model.labels()
    before = sorted(each.name for each in book.tracks.values() if each.next == track.name)
    ways = [f'when "{labels.get(rule, rule)}" happens' for rule in sorted(track.starts_with)]
    if track.bands and not track.starts_with:
        ways.append("with the next change of its band")
    ways += [f"after the last message of {name}" for name in before]
    return " or ".join(ways) or "when sales sends it back"


def _address(address: Address, asked: _Asked) -> dict[str, Any]:
    lead, mail, now = asked.known.lead, asked.policy.mail, asked.now
    zone = zone_of_lead(lead, mail.zone)
    recent = [past.at for past in address.recent]
    free, opens = caps_free_at(now, recent=recent, caps=mail.caps), next_open(now, window=mail.window, zone=zone)
    proven = lead.proven("email")
    silence = mail.silence_is_consent
    refused = _refused(address, None, silence_is_consent=silence)
    return {
        "address": address.name,
        "mailable": is_mailable(lead.value("email")),
        "proven": proven and address.proven_at is not None,
        "refused": refused if refused or proven else "the address is not proven to be this lead's",
        "topics": {
            topic: {"label": label, "refused": _refused(address, topic, silence_is_consent=silence)}
            for topic, label in sorted(asked.policy.topics.items())
        },
        "suppressed": address.suppressed,
        "suppressed_at": None if address.suppressed_at is None else instant_text(address.suppressed_at),
        "held_by": sorted(address.paused_by),
        "caps": {
            period: {"used": sum(now - CAP_WINDOWS[period] < at <= now for at in recent), "most": most}
            for period, most in mail.caps.items()
        },
        "caps_free_at": instant_text(free) if free > now else None,
        "quiet_until": instant_text(opens) if opens > now else None,
        "zone": str(zone),
    }


def _refused(address: Address, topic: str | None, *, silence_is_consent: bool) -> str | None:
    why = refusal(address, topic=topic, silence_is_consent=silence_is_consent)
    if why is None:
        return None
    return f"{_REFUSALS[why]}: {address.suppressed}" if why == "suppressed" else _REFUSALS[why]


def _send(made: SendMade) -> dict[str, Any]:
    reason = f": {made.reason}" if made.reason else ""
    return {
        "track": made.ref.track,
        "rotation": made.ref.rotation,
        "message": made.ref.step + 1,
        "content": made.content,
        "channel": made.channel,
        "arm": made.arm or None,
        "at": instant_text(made.claimed_at),
        "state": made.state,
        "why": f"{_STATES[made.state]}{reason}",
    }
