"""One planned mail: read, decide, claim, send, record. The order is the promise: nothing is sent that is not claimed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, assert_never

from functions.nurture_send.channels import CHANNELS, Job, task_of
from functions.nurture_send.confirming import address_of, number_of
from functions.nurture_send.handing_over import give_back, hand_over
from functions.nurture_send.trying import as_decided
from shared.aws import enrollments, mailer, playbooks, sends, tasks
from shared.aws.leads import get_lead
from shared.aws.sends import Said
from shared.errors import ConflictError
from shared.lead import Lead
from shared.mailing import Address, Enrollment, PastSend, SendRef
from shared.rules.arms import trial_at
from shared.rules.channels import decide_step
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.nurture import Decision, MailPolicy, Send, Skip, Stop, Wait, mail_policy
from shared.rules.planning import ALL_PLANNED, advanced, claiming, postponed, remembered, stopped, waiting
from shared.rules.tracks import HOLDOUT, Track, first_of, held_back, one_per_track, superseded, tracks_of
from shared.telemetry import logger

TRIES = 4
"""Rounds of read, decide and write for an address or run that others are changing too."""


TIME_FOR_WEBHOOK = 8_000
"""Milliseconds that posting a webhook and writing down the answer may take. With less left none is begun."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one attempt goes by, from one playbook."""

    playbook: dict[str, Any]
    policy: MailPolicy
    tracks: dict[str, Track]
    model: ScoringModel


def rules() -> Rules:
    return _rules(playbooks.current()["bundle"])


@lru_cache(maxsize=playbooks.KEPT)
def _rules(bundle: str) -> Rules:
    playbook = playbooks.document(bundle)
    return Rules(playbook, mail_policy(playbook), tracks_of(playbook), scoring_model(playbook))


def send(ref: SendRef, now: int, left: Callable[[], int]) -> bool:
    """
    Carry out the decision about one planned message of a track.

    Args:
        ref: Which message.
        now: The instant the order carries.
        left: Says how many milliseconds are left.
    Returns: Whether a mail went out, or may have.

    Raises:
        ConflictError: Others kept changing what it rests on; nothing was sent. The message comes again.
    """
    for _ in range(TRIES):
        try:
            done = _attempt(ref, now, left)
        except ConflictError:
            continue
        if done is not None:
            return done
    raise ConflictError("the address or the run kept changing")


def _attempt(ref: SendRef, now: int, left: Callable[[], int]) -> bool | None:
    """Read and follow the decision once. Returns whether a mail went out; None when what was read is stale."""
    lead = get_lead(ref.lead_id)
    homes = (ref.lead_id,) if lead is None else tuple(dict.fromkeys((ref.lead_id, *lead.homes)))
    runs = enrollments.get_runs(homes, ref.track)
    run = next((each for each in runs if each.lead_id == ref.lead_id), None)
    if run is None or not _is_at(run, ref, now):
        logger.info("the run is elsewhere by now", send_id=ref.send_id)
        return False
    if lead is None:
        enrollments.save(stopped(run, Stop("exited", "the lead is gone"), now))
        return False
    if run in one_per_track(runs)[1]:
        enrollments.save(superseded(run, now))
        return False
    address, number, by = address_of(lead), None, rules()
    if (ahead := _ahead(run, homes, by.tracks)) is not None:
        enrollments.hold(held_back(run, ahead), ahead)
        return False
    pinned = _rules(run.playbook) if run.track in by.tracks else by
    track = _track(run, pinned, by, now)
    policy = replace(by.policy, until={**(pinned.policy.until or {}), **(by.policy.until or {})})
    channel = track.steps[run.step].channel if track is not None and run.step < len(track.steps) else "mail"
    if channel == "sms" or (channel == "task" and address is None):
        number = number_of(lead)
    decision = decide_step(lead, run, track, address, number, policy=policy, model=by.model, now=now)
    words = _words(by.playbook, pinned.playbook)
    if isinstance(decision, Send) and decision.channel == "webhook":
        if decision.to not in words["mail"].get("webhooks", {}):
            decision = Skip(decision.content, now, f"no webhook {decision.to}", decision.channel, decision.arm)
        elif left() < TIME_FOR_WEBHOOK:
            logger.info("no time left for a webhook; it stays due", send_id=ref.send_id)
            return False
    plan = Plan(lead, run, track, address, number, words)
    if not isinstance(decision, Send):
        logger.info("no mail", send_id=ref.send_id, decision=type(decision).__name__, reason=decision.reason)
    return _follow(decision, plan, now)


def _is_at(run: Enrollment, ref: SendRef, now: int) -> bool:
    """Tell whether the run plans this message, and was not put off while the order lay on the queue."""
    return run.status == "active" and run.next_send == ref and run.due_at is not None and run.due_at <= now


def _ahead(run: Enrollment, homes: tuple[str, ...], tracks: Mapping[str, Track]) -> Enrollment | None:
    """Return the run that mails the lead before this one does, or None: a merge may have brought two together."""
    others = enrollments.get_all(home for home in homes if home != run.lead_id)
    active = [each for each in one_per_track([run, *others])[0].values() if each.status == "active"]
    first = first_of(active, tracks)
    return None if run.arm == HOLDOUT or first is run else first


def _track(run: Enrollment, pinned: Rules, by: Rules, now: int) -> Track | None:
    """Return the track that the run goes by; None when the playbook in force has none of that name any more."""
    track, current = pinned.tracks.get(run.track), by.tracks.get(run.track)
    return None if track is None or current is None else as_decided(track, run.step, current, now)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a decision is about; `words` is the playbook that mails are written from."""

    lead: Lead
    run: Enrollment
    track: Track | None
    address: Address | None
    number: Address | None
    words: dict[str, Any]

    @property
    def certain(self) -> tuple[Track, Address]:
        """The track of a message that is sent or dropped, and what it goes to: the number, where it is a text message."""
        through = self.number or self.address
        assert self.track is not None, "the rules send only on a track"
        assert through is not None, "the rules send only to an address"
        return self.track, through

    def said(self, decision: Send | Skip) -> Said:
        """What the send item keeps of a message that is sent or dropped."""
        trial = trial_at(self.track, self.run.step) if decision.arm else ""
        return Said(decision.content, self.words["bundle"], decision.channel, decision.arm, trial)


def _words(current: dict[str, Any], pinned: Mapping[str, Any]) -> dict[str, Any]:
    """Return the playbook in force, with what it no longer has of the mails and links of the one the run entered under."""
    if current["bundle"] == pinned["bundle"]:
        return current
    links = {**pinned["mail"].get("links", {}), **current["mail"].get("links", {})}
    return {
        **current,
        "templates": {**pinned["templates"], **current["templates"]},
        "mail": {**current["mail"], "links": links},
    }


def _follow(decision: Decision, plan: Plan, now: int) -> bool | None:
    run = plan.run
    match decision:
        case Send():
            return _send(decision, plan, now)
        case Skip():
            return None if _skip(decision, plan, now) == "changed" else False
        case Wait():
            held = waiting(run, decision)
            if held != run:
                enrollments.save(held)
        case Stop(status="paused") if plan.address is not None:
            return None if sends.pause(stopped(run, decision, now), plan.address) == "changed" else False
        case Stop():
            enrollments.save(stopped(run, decision, now))
        case _:
            assert_never(decision)
    return False


def _send(decision: Send, plan: Plan, now: int) -> bool | None:
    track, address = plan.certain
    ref = plan.run.next_send
    job = Job(plan.lead, ref, decision, address, plan.words, now, plan.run.tries)
    if decision.channel == "task":
        return _give(job, track, plan)
    deliver = CHANNELS[decision.channel](job)
    after = claiming(plan.run, track, at=now)
    claimed = sends.claim(
        ref,
        said=plan.said(decision),
        at=now,
        address=address,
        recent=remembered(address.recent, PastSend(now, ref.send_id)),
        run=after,
        unchanged=plan.address if address is not plan.address else None,
    )
    if claimed != "claimed":
        return None if claimed == "changed" else False
    outcome = hand_over(ref, deliver)
    logger.info("mail handed over", send_id=ref.send_id, reason=decision.reason, outcome=type(outcome).__name__)
    written = replace(after, version=after.version + 1)
    if isinstance(outcome, mailer.NotNow):
        give_back(
            ref,
            outcome.code,
            (address,),
            replace(postponed(plan.run, outcome.code, now, outcome.after), version=written.version),
        )
    elif written.step >= len(track.steps):
        _end(written, now)
    return decision.channel == "mail" and isinstance(outcome, mailer.Accepted | mailer.Unknown)


def _give(job: Job, track: Track, plan: Plan) -> bool | None:
    """Give the rep the task; the change that goes with it is told, and nobody else is asked."""
    given = tasks.give(
        job.ref,
        said=plan.said(job.decision),
        task=task_of(job),
        at=job.at,
        address=job.address,
        run=advanced(plan.run, track, at=job.at, counted_from=job.at),
    )
    return None if given == "changed" else False


def _end(run: Enrollment, now: int) -> None:
    """End a run whose last mail was handed over. If somebody changed it meanwhile, it is looked at again when it is due."""
    try:
        enrollments.save(stopped(run, ALL_PLANNED, now))
    except ConflictError:
        logger.info("the run changed while its last mail went out", lead_id=run.lead_id, track=run.track)


def _skip(decision: Skip, plan: Plan, now: int) -> sends.Claim:
    track, address = plan.certain
    return sends.skip(
        plan.run.next_send,
        said=plan.said(decision),
        at=now,
        address=address,
        run=advanced(plan.run, track, at=now, counted_from=decision.as_if_at),
        reason=decision.reason,
    )
