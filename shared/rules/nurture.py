"""
Who gets which mail when, and who never does.

One planned mail, one decision: send it, hold it until an instant, drop it, or end or pause the run, always with the
reason. Consent lives in `consent.py`, hours and caps in `send_window.py`, tracks in `tracks.py`, what becomes of the run
in `planning.py`; this file puts them in order.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from shared.instants import DAY
from shared.lead import Lead
from shared.mailing import Address, Enrollment
from shared.rules.arms import arm_of
from shared.rules.consent import confirmation_refusal, refusal
from shared.rules.model import ScoringModel
from shared.rules.qualification import rules_named
from shared.rules.scoring import evaluate
from shared.rules.send_window import (
    Window,
    caps_free_at,
    local_day,
    next_open,
    second_of_day,
    window_of,
    zone_of_lead,
)
from shared.rules.tracks import (
    HOLDOUT,
    NOT_NURTURED,
    Arm,
    Channel,
    Step,
    Track,
    content_for,
    has_left,
    met,
    why_met,
)

PROOF_CHECK = DAY
"""How often a run that waits for proof or opt-in of its address looks again."""

PROOF_PATIENCE = 30 * DAY
"""How long after entry such a run is given up."""

SALES_CHECK = DAY
"""How often a run looks again while sales has the lead by its stage alone, or another lead of the same address."""

STALE_AFTER = 7 * DAY
"""How long a mail may wait where the playbook is too old to say."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAILABLE = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}")
"""What goes into a To header as it is: no quoting, no comments, no characters outside ASCII, one address."""


@dataclass(frozen=True, slots=True)
class MailPolicy:
    """
    The playbook's `mail` part: fallback zone, window, caps, what silence means for a proven address, and how long a mail
    may wait. `until` has the last day of the contents that have one.
    """

    zone: str
    window: Window
    caps: Mapping[str, int]
    silence_is_consent: bool
    stale_after: int = STALE_AFTER
    until: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send it now, through the channel; `arm` names the arm of the step's test, `to` the webhook."""

    content: str
    reason: str = "due"
    channel: Channel = "mail"
    arm: str = ""
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """
    Hold the mail until the instant, then decide again.

    With `anew` it counts as planned then: it waits for something of the person's, and is not stale for that.
    """

    until: int
    reason: str
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """Drop this mail; the next one of the track is planned as if this had gone out at `as_if_at`."""

    content: str
    as_if_at: int
    reason: str
    channel: Channel = "mail"
    arm: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run (`exited`, `done`), because its goal is reached or not, or pause it for sales."""

    status: Literal["exited", "done", "paused"]
    reason: str
    goal: bool = False


Decision = Send | Wait | Skip | Stop


def mail_policy(document: Mapping[str, Any]) -> MailPolicy:
    """Read the mail policy of a compiled playbook, also of one from before the newer parts of it."""
    mail = document["mail"]
    return MailPolicy(
        zone=mail["zone"],
        window=window_of(mail),
        caps={period: most for period, most in mail["caps"].items() if most is not None},
        silence_is_consent=mail["consent"] == "implied",
        stale_after=mail.get("stale_after_seconds", STALE_AFTER),
        until=last_days(document),
    )


def last_days(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the last day of each content that has one, `2026-12-01`, of a compiled playbook."""
    contents = document.get("contents", {})
    return {name: said["until"] for name, said in contents.items() if said.get("until")}


def is_mailable(address: object) -> bool:
    """Tell whether the value is a plain ASCII address that can stand in a header as it is, and is no encoded word there."""
    if not isinstance(address, str) or "=?" in address:
        return False
    return len(address) <= 254 and _MAILABLE.fullmatch(address) is not None


def decide_send(
    lead: Lead, run: Enrollment, track: Track | None, address: Address | None,
    *, policy: MailPolicy, model: ScoringModel, now: int,
) -> Decision:  # fmt: skip
    """
    Decide what becomes of the mail a run plans next.

    Both must be proven: that the address is read by who consented, and that it is this lead's. Otherwise whoever knows
    an address could have mails of their own making planned for it.

    Args:
        lead: As it is now.
        run: Active, and at the step in question.
        track: As in the playbook the run entered under; None when the playbook in force has no such track any more.
        address: Of the lead's mail address, or None when it has none.
        policy: That of the playbook in force.
        model: The same playbook's; by it goals, exits and choices are read.
        now: The instant the message carries.
    """
    if track is None:
        return Stop("exited", "the track is no longer in the playbook")
    ending = ending_of(lead, run, track, model, now)
    if ending is not None:
        return ending
    if address is None or not is_mailable(lead.value("email")):
        return Stop("exited", "no address that can be mailed")
    held = _held(lead, run, track, address, policy=policy, now=now)
    if held is not None:
        return held
    arm = chosen(track.steps[run.step], track, lead, address.name, model)
    return timely(lead, run, track, arm, address, policy=policy, now=now)


def chosen(step: Step, track: Track, lead: Lead, key: str, model: ScoringModel) -> Arm:
    """Return what the step says to the lead: the arm of its test, or the choice that fits as an arm without a name."""
    return arm_for(step, track, key) or Arm("", content_for(step, lead, model), at=step.at)


def arm_for(step: Step, track: Track, key: str) -> Arm | None:
    """
    Return the arm of the step's test that the address is in, always the same one; None where nothing is tested.

    Args:
        step: Of the track.
        track: Names the draw, so that tests are independent of each other.
        key: The name of the address: merges keep it.
    """
    test = step.test
    if test is None:
        return None
    name = arm_of(test, track.name, key)
    drawn = next(arm for arm in test.arms if arm.name == name)
    return drawn if drawn.at is not None else replace(drawn, at=step.at)


def ending_of(lead: Lead, run: Enrollment, track: Track, model: ScoringModel, now: int) -> Stop | None:
    """Return how the run ends because of what the lead is by now, or because nothing is left to send."""
    settled, rules = lead.settled, _rules(track, lead, model, now)
    by_band = run.by != "sales"  # whom sales sent here has a band that its goal may name
    ways = (
        (met(track.goal, lead, rules, by_band=by_band), Stop("exited", "goal met", goal=True)),
        (settled.stage == "customer", Stop("exited", "the lead is a customer")),
        (settled.stage == "disqualified", Stop("exited", "the lead is disqualified")),
        (has_left(lead, run, track), Stop("exited", f"band {settled.band}")),
        (run.arm == HOLDOUT, Stop("done", "held out")),
        (run.step >= len(track.steps), Stop("done", "every mail of the track was planned")),
    )
    if track.exits is not None and met(track.exits, lead, rules, by_band=by_band) and not ways[0][0]:
        return Stop("exited", f"exit: {why_met(track.exits, lead, rules, model.labels(), by_band=by_band)}")
    return next((stop for holds, stop in ways if holds), None)


def _rules(track: Track, lead: Lead, model: ScoringModel, now: int) -> frozenset[str]:
    """Return the rules that hold of the lead, where goal or exits ask for any."""
    asked = [each for each in (track.goal, track.exits) if each is not None and rules_named(each)]
    return evaluate(lead, model, now).rules if asked else frozenset()


def _held(
    lead: Lead, run: Enrollment, track: Track, address: Address, *, policy: MailPolicy, now: int
) -> Wait | Stop | None:
    why = refusal(address, topic=track.topic, silence_is_consent=policy.silence_is_consent)
    if why is None and not lead.proven("email"):
        why = "unproven"
    endings = {
        "suppressed": Stop("exited", f"suppressed: {address.suppressed}"),
        "stopped": Stop("exited", "unsubscribed"),
        "topic stopped": Stop("exited", f"unsubscribed from {track.topic}"),
    }
    if why in endings:
        return endings[why]
    if why == "paused":
        return with_sales(lead, address, now)
    if why is not None:
        if now < run.entered_at + PROOF_PATIENCE:
            return Wait(now + PROOF_CHECK, why, anew=True)
        return Stop("exited", f"{why} for {PROOF_PATIENCE // DAY} days")
    return with_sales(lead, address, now)


def with_sales(lead: Lead, address: Address | None, now: int) -> Wait | Stop | None:
    """
    Return what becomes of a message while sales has the lead, or writes to its address; None when neither is so.

    What sales does with the lead brings a paused run back. Nobody tells this lead's runs what it does with another lead
    of the same address, so there the run looks again; so it does once the lead is lost, which was told before the hold ends.
    """
    holding = set() if address is None else {each.partition("#")[0] for each in address.paused_by}
    if not holding.isdisjoint(lead.homes) and lead.settled.stage != "lost":
        return Stop("paused", "sales has the lead")
    if holding or lead.settled.stage in NOT_NURTURED:
        return Wait(now + SALES_CHECK, "sales has the lead", anew=True)
    return None


def timely(
    lead: Lead, run: Enrollment, track: Track, arm: Arm, address: Address, *, policy: MailPolicy, now: int
) -> Send | Wait | Skip:
    """Decide about a mail that may go: whether it was received before, is stale, or must wait for its hour."""
    step, content = track.steps[run.step], arm.content
    first_due = min(now, run.first_due or now)

    def dropped(as_if_at: int, reason: str) -> Skip:
        return Skip(content, as_if_at, reason, step.channel, arm.name)

    received_at = address.sent.get(content)
    if received_at is not None and now < received_at + track.cool_down:
        return dropped(received_at, "the address has received it already")
    stale_at = first_due + policy.stale_after
    if now >= stale_at:
        return dropped(first_due, f"stale: first due {(now - first_due) // DAY} days ago")
    zone = zone_of_lead(lead, policy.zone)
    window = policy.window.only_at(None if arm.at is None else second_of_day(arm.at))
    free = caps_free_at(now, recent=[past.at for past in address.recent], caps=policy.caps)
    opens = next_open(free, window=window, zone=zone)
    last_day = (policy.until or {}).get(content)
    if last_day is not None and local_day(opens, zone) > last_day:
        return dropped(first_due, f"its last day is over: {last_day}")
    if opens <= now:
        return Send(content, channel=step.channel, arm=arm.name, to=step.to)
    if free > now:
        why = "frequency cap"
    else:
        why = "quiet hours or weekday" if next_open(now, window=policy.window, zone=zone) > now else "its time of day"
    return Wait(min(opens, stale_at), why)


def decide_confirmation(lead: Lead, address: Address | None, mailbox: Address | None, now: int) -> str | None:
    """Return why no confirmation mail goes to the lead's address, in that mailbox, now, or None when one may."""
    if address is None or mailbox is None or not is_mailable(lead.value("email")):
        return "no address that can be mailed"
    return confirmation_refusal(address, mailbox, now)
