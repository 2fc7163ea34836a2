"""
Who gets which mail when, and who never does.

One planned mail, one decision: send it, hold it until an instant, drop it, or end or pause the run, always with the
reason. Consent lives in `consent.py`, hours and caps in `send_window.py`, tracks in `tracks.py`; this file puts them
in order.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from shared.instants import DAY, MINUTE
from shared.lead import Lead
from shared.mailing import Address, Enrollment, PastSend, content_key
from shared.rules.consent import confirmation_refusal, refusal
from shared.rules.send_window import CAP_WINDOWS, Window, caps_free_at, next_open, window_of, zone_of
from shared.rules.tracks import NOT_NURTURED, Track

PROOF_CHECK = DAY
"""How often a run that waits for proof or opt-in of its address looks again."""

PROOF_PATIENCE = 30 * DAY
"""How long after entry such a run is given up."""

POSTPONED = 15 * MINUTE
"""How long a mail waits that the channel would not take just now: its rate or quota is used up, or sending is paused."""

SALES_CHECK = DAY
"""How often a run looks again while the lead's stage says sales has it but the address is not paused."""

RECENT_KEPT = 40
"""Newest claims kept on an address: as many as the largest cap a playbook may set."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAILABLE = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}")
"""What goes into a To header as it is: no quoting, no comments, no characters outside ASCII, one address."""


@dataclass(frozen=True, slots=True)
class MailPolicy:
    """The playbook's `mail` part: fallback zone, window, caps, and what silence means for a proven address."""

    zone: str
    window: Window
    caps: Mapping[str, int]
    silence_is_consent: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Send the mail now."""

    content: str
    reason: str = "due"


@dataclass(frozen=True, slots=True)
class Wait:
    """Hold the mail until the instant, then decide again."""

    until: int
    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Drop this mail; the next one of the track is planned as if this had gone out at `as_if_at`."""

    content: str
    as_if_at: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run (`exited`, `done`) or pause it for sales."""

    status: Literal["exited", "done", "paused"]
    reason: str


Decision = Send | Wait | Skip | Stop


def mail_policy(document: Mapping[str, Any]) -> MailPolicy:
    """Read the mail policy of a compiled playbook."""
    mail = document["mail"]
    return MailPolicy(
        zone=mail["zone"],
        window=window_of(mail),
        caps={period: most for period, most in mail["caps"].items() if most is not None},
        silence_is_consent=mail["consent"] == "implied",
    )


def is_mailable(address: object) -> bool:
    """Tell whether the value is a plain ASCII address that can stand in a header as it is."""
    return isinstance(address, str) and len(address) <= 254 and _MAILABLE.fullmatch(address) is not None


def decide_send(
    lead: Lead, run: Enrollment, track: Track | None, address: Address | None, *, policy: MailPolicy, now: int
) -> Decision:
    """
    Decide what becomes of the mail a run plans next.

    Both must be proven: that the address is read by who consented, and that it is this lead's. Otherwise whoever knows
    an address could have mails of their own making planned for it.

    Args:
        lead: As it is now.
        run: Active, and at the step in question.
        track: The run's, or None when the playbook has it no longer.
        address: Of the lead's mail address, or None when it has none.
        policy: The playbook's.
        now: The instant the message carries.
    """
    ending = _ending(lead, run, track)
    if ending is not None or track is None:
        return ending or Stop("exited", "the track is no longer in the playbook")
    if address is None or not is_mailable(lead.value("email")):
        return Stop("exited", "no address that can be mailed")
    held = _held(lead, run, address, policy, now)
    if held is not None:
        return held
    content = track.steps[run.step].content
    received_at = address.sent.get(content_key(track.name, content))
    if received_at is not None and now < received_at + track.cool_down:
        return Skip(content, received_at, "the address received it in an earlier run")
    return _when(lead, content, address, policy, now)


def _ending(lead: Lead, run: Enrollment, track: Track | None) -> Stop | None:
    if track is None:
        return None
    if run.step >= len(track.steps):
        return Stop("done", "the playbook's track has no further step")
    if lead.settled.stage in ("customer", "disqualified"):
        return Stop(
            "exited", "the lead is a customer" if lead.settled.stage == "customer" else "the lead is disqualified"
        )
    if run.by == "band" and lead.settled.band not in track.bands:
        return Stop("exited", f"band {lead.settled.band}")
    return None


def _held(lead: Lead, run: Enrollment, address: Address, policy: MailPolicy, now: int) -> Wait | Stop | None:
    why = refusal(address, silence_is_consent=policy.silence_is_consent)
    if why is None and not lead.proven("email"):
        why = "unproven"
    endings = {
        "suppressed": Stop("exited", f"suppressed: {address.suppressed}"),
        "stopped": Stop("exited", "unsubscribed"),
        "paused": Stop("paused", "sales has the lead"),
    }
    if why in endings:
        return endings[why]
    if why is not None:
        patient = now < run.entered_at + PROOF_PATIENCE
        return Wait(now + PROOF_CHECK, why) if patient else Stop("exited", f"{why} for {PROOF_PATIENCE // DAY} days")
    if lead.settled.stage in NOT_NURTURED:
        return Wait(now + SALES_CHECK, "sales has the lead")
    return None


def _when(lead: Lead, content: str, address: Address, policy: MailPolicy, now: int) -> Send | Wait:
    free = caps_free_at(now, recent=[past.at for past in address.recent], caps=policy.caps)
    until = next_open(free, window=policy.window, zone=zone_of(lead.value("timezone"), policy.zone))
    if until <= now:
        return Send(content)
    return Wait(until, "frequency cap" if free > now else "quiet hours or weekday")


def advanced(run: Enrollment, track: Track, *, at: int, counted_from: int) -> Enrollment:
    """
    Return the run after its step was sent or dropped.

    Args:
        run: At the step that is over.
        track: The run's, as the playbook has it now: a track is edited at step boundaries.
        at: Now; the next mail is never planned earlier.
        counted_from: The instant the next step's delay counts from.
    """
    step = run.step + 1
    if step >= len(track.steps):
        return replace(run, step=step, status="done", reason="every mail of the track was planned", due_at=None,
                       ended_at=at)  # fmt: skip
    return replace(run, step=step, due_at=max(at, counted_from + track.steps[step].delay), reason="")


def stopped(run: Enrollment, stop: Stop, at: int) -> Enrollment:
    """Return the run as it ends or pauses."""
    return replace(run, status=stop.status, reason=stop.reason, due_at=None, ended_at=at)


def waiting(run: Enrollment, wait: Wait) -> Enrollment:
    """Return the run as it waits; the reason answers why this person was not mailed."""
    return replace(run, due_at=wait.until, reason=wait.reason)


def postponed(run: Enrollment, code: str, at: int) -> Enrollment:
    """Return the run as it plans the same mail again: the channel said that it did not take it, and would later."""
    return replace(run, due_at=at + POSTPONED, reason=f"the channel said {code}")


def remembered(recent: tuple[PastSend, ...], claim: PastSend) -> tuple[PastSend, ...]:
    """Return the claims to keep on an address after one more: those a cap can still count, newest last."""
    oldest = claim.at - max(CAP_WINDOWS.values())
    kept = [past for past in recent if past.at > oldest]
    return tuple(sorted([*kept, claim], key=lambda past: past.at)[-RECENT_KEPT:])


def decide_confirmation(lead: Lead, address: Address | None, mailbox: Address | None, now: int) -> str | None:
    """Return why no confirmation mail goes to the lead's address, in that mailbox, now, or None when one may."""
    if address is None or mailbox is None or not is_mailable(lead.value("email")):
        return "no address that can be mailed"
    return confirmation_refusal(address, mailbox, now)
