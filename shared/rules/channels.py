"""
Who gets which message of a track through which channel: what `nurture.py` decides for mails, for the others.

A webhook stands in for a mail: it goes where and when a mail might. A text message needs an opt-in of the number, and
what it may not do is dropped: the mails of the track go on. A task is for the rep and asks no consent of the lead; that
sales has the lead already, or must not have it, holds for it too.
"""

from dataclasses import replace

from shared.lead import Lead
from shared.mailing import Address, Enrollment
from shared.rules.consent import refusal
from shared.rules.model import ScoringModel
from shared.rules.nurture import (
    Decision,
    MailPolicy,
    Skip,
    Stop,
    chosen,
    decide_send,
    ending_of,
    timely,
    with_sales,
)
from shared.rules.scoring import evaluate
from shared.rules.tracks import Track

OWN_WORD = frozenset({"complained", "manual", "erased"})
"""Suppressions of a mail address that say of the person, not of the mailbox, that they want nothing."""


def decide_step(
    lead: Lead, run: Enrollment, track: Track | None, address: Address | None, number: Address | None,
    *, policy: MailPolicy, model: ScoringModel, now: int,
) -> Decision:  # fmt: skip
    """
    Decide what becomes of the message a run plans next.

    Args:
        lead: As it is now.
        run: Active, and at the step in question.
        track: As in the playbook the run entered under; None when the playbook in force has no such track any more.
        address: Of the lead's mail address, or None when it has none.
        number: Of the lead's phone number, where the step asks for it and there is one.
        policy: That of the playbook in force.
        model: The same playbook's.
        now: The instant the message carries.
    """
    step = None if track is None or run.step >= len(track.steps) else track.steps[run.step]
    if track is None or step is None or step.channel in ("mail", "webhook"):
        return decide_send(lead, run, track, address, policy=policy, model=model, now=now)
    ending = ending_of(lead, run, track, model, now)
    if ending is not None:
        return ending
    through = number if step.channel == "sms" and number is not None else address or number
    if through is None:
        return Stop("exited", "no address that can be reached")
    held = with_sales(lead, address, now)
    if held is not None:
        return held
    arm = chosen(step, track, lead, (address or through).name, model)
    if step.channel == "task":
        why_not, caps = _no_task(lead, through, model, now), {}
    else:
        why_not, caps = _no_text(lead, track, address, number), dict(policy.caps)
    if why_not is not None:
        return Skip(arm.content, min(now, run.first_due or now), why_not, step.channel, arm.name)
    return timely(lead, run, track, arm, through, policy=replace(policy, caps=caps), now=now)


def _no_text(lead: Lead, track: Track, address: Address | None, number: Address | None) -> str | None:
    """Return why the number gets no text message, or None; who wants no mail at all is not written to otherwise."""
    if address is not None:
        stop = refusal(replace(address, suppressed=None), silence_is_consent=True)
        if stop == "stopped" or address.suppressed in OWN_WORD:
            return "unsubscribed from everything"
    if number is None:
        return "no phone number that can be texted"
    if not lead.proven("phone"):
        return "text message: the number is unproven"
    why = refusal(number, topic=track.topic, silence_is_consent=False)
    return None if why is None else f"text message: {number.suppressed if why == 'suppressed' else why}"


def _no_task(lead: Lead, through: Address, model: ScoringModel, now: int) -> str | None:
    """Return why the rep gets no task about the lead, or None."""
    if through.suppressed == "erased":
        return "erased"
    found = evaluate(lead, model, now)
    why = found.excluded or found.blocked
    return None if why is None else f"excluded: {why}"
