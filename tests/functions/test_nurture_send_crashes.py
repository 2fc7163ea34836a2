"""
Dying anywhere: nurture_send is stopped before and after every AWS call it makes, and the message is delivered again.

Whatever happens, nobody gets a mail twice, and every planned mail ends as sent, parked, refused, skipped, or planned.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.nurture_send.handler import handler as nurture_send
from functions.nurture_sweep.handler import handler as nurture_sweep
from shared.aws import addresses, clients, enrollments, playbooks, secret_values, sends
from shared.identity import EMAIL, home
from shared.instants import DAY, HOUR, instant_text
from shared.lead import Naming, Settled
from shared.mailing import SendRef
from tests.conftest import IDENTITY_SECRET, Aws, Context, sample
from tests.crashes import Killed, calls_counted, killed_at
from tests.nurture_world import (
    NOW,
    Person,
    a_lead,
    a_run,
    batch,
    confirm_order,
    consenting,
    forget,
    keep,
    order,
    send_items,
    use_playbook,
)


@pytest.fixture(autouse=True)
def _playbook(aws, tmp_path, monkeypatch):
    use_playbook(tmp_path, monkeypatch)
    secret_values.identity_secret()
    secret_values.signing_secret()  # read once per process, so no part of the calls a message takes,
    monkeypatch.setattr(playbooks, "LOOK_EVERY", 10**9)  # nor is the look at which playbook is in force
    playbooks.refresh()
    yield
    forget()


def mailable(who: Person) -> None:
    qualified = Settled(band="early", stage="mql", qualified=True, qualification=1)
    keep(a_lead(who.lead_id, email=who.email, settled=qualified))
    enrollments.save(a_run(lead_id=who.lead_id, cause_lead=who.lead_id))
    consenting(who.address)


def received_it_before(who: Person) -> None:
    mailable(who)
    address = addresses.get_address(who.address)
    sent = {"sent": {"awareness-1": instant_text(NOW - DAY)}}
    clients.dynamodb().transact_write_items(TransactItems=[addresses.claim_entry(address, sent)])


def held_by_sales(who: Person) -> None:
    mailable(who)
    clients.dynamodb().transact_write_items(TransactItems=[addresses.pause_entry(who.address, f"{who.lead_id}#1")])


def stopped(who: Person) -> None:
    mailable(who)
    addresses.record_consent(who.address, stopped_at=NOW)


def at_its_last(who: Person) -> None:
    mailable(who)
    run = enrollments.get_enrollment(who.lead_id, "awareness")
    assert run is not None
    enrollments.save(replace(run, step=3))


def held_out(who: Person) -> None:
    mailable(who)
    run = enrollments.get_enrollment(who.lead_id, "awareness")
    assert run is not None
    enrollments.save(replace(run, arm="holdout"))


def merged(who: Person) -> None:
    """Another lead was merged into this one, and its run through the track is the older."""
    other = home(EMAIL, f"other-{who.email}", IDENTITY_SECRET)
    mailable(who)
    keep(
        a_lead(
            who.lead_id,
            email=who.email,
            identities={"email#x": Naming(who.lead_id, 1, 1), "user#u": Naming(other, 1, 1)},
        )
    )
    enrollments.save(a_run(lead_id=other, cause_lead=other, entered_at=NOW - DAY))


def unproven(who: Person) -> None:
    keep(a_lead(who.lead_id, email=who.email, email_proven=False, proven={}))


def mail_of(who: Person, at: int) -> dict[str, Any]:
    return order(lead_id=who.lead_id, at=at)


def last_mail_of(who: Person, at: int) -> dict[str, Any]:
    return order(lead_id=who.lead_id, at=at, step=3)


def question_to(who: Person, at: int) -> dict[str, Any]:
    return confirm_order(at, who.lead_id)


def no_answer(*_args: Any, **_said: Any) -> None:
    raise ReadTimeoutError(endpoint_url="https://email.example")


def refusing(code: str) -> Callable[..., None]:
    def refuse(**_said: Any) -> None:
        raise clients.ses().exceptions.ClientError({"Error": {"Code": code, "Message": ""}}, "SendRawEmail")

    return refuse


EVENING = NOW + 10 * HOUR


@dataclass(frozen=True)
class Scenario:
    """What stands there, the message that comes, its instant, and the AWS calls that carrying it out takes."""

    prepare: Callable[[Person], None]
    message: Callable[[Person, int], dict[str, Any]]
    at: int
    calls: int


SCENARIOS = {
    "a mail is sent": Scenario(mailable, mail_of, NOW, 9),
    "the last mail is sent": Scenario(at_its_last, last_mail_of, NOW, 10),
    "an address is asked": Scenario(unproven, question_to, NOW, 7),
    "a mail waits for the morning": Scenario(mailable, mail_of, EVENING, 5),
    "a mail is skipped": Scenario(received_it_before, mail_of, NOW, 5),
    "a stale mail is dropped": Scenario(mailable, mail_of, NOW + 20 * DAY, 5),
    "a run is paused": Scenario(held_by_sales, mail_of, NOW, 5),
    "a run ends": Scenario(stopped, mail_of, NOW, 5),
    "who is held out is done": Scenario(held_out, mail_of, NOW, 5),
    "a merge left two runs": Scenario(merged, mail_of, NOW, 4),
}


def sweep(context: Context, at: int) -> None:
    nurture_sweep({**sample("schedule_nurture_sweep"), "time": instant_text(at)}, context)


def left_behind(aws: Aws, who: Person) -> tuple[Any, ...]:
    """What a message left: mails, the send, and the run, without the ids that differ from person to person."""
    sent = [(item["state"], item.get("reason"), item["claimed_at"]) for item in send_items(aws, who.lead_id)]
    run = enrollments.get_enrollment(who.lead_id, "awareness")
    place = run and (run.status, run.step, run.due_at, run.reason, run.version)
    return who.mails, sent, place


@pytest.mark.parametrize("name", SCENARIOS)
def test_whoever_dies_anywhere_sends_no_mail_twice_and_loses_none(aws: Aws, context: Context, name):
    scenario = SCENARIOS[name]
    whole = Person(0)
    scenario.prepare(whole)
    with calls_counted() as made:
        nurture_send(batch(scenario.message(whole, scenario.at)), context)
    assert len(made) == scenario.calls, made
    undisturbed = left_behind(aws, whole)
    asked = made.index("SendRawEmail") if "SendRawEmail" in made else None

    settled = len(made) if asked is None else asked + 1
    points = [(call, after) for call in range(scenario.calls) for after in (False, True)]
    for number, (call, after) in enumerate(points, start=1):
        who = Person(number)
        scenario.prepare(who)
        message = scenario.message(who, scenario.at)
        with killed_at(call, after=after), pytest.raises(Killed):
            nurture_send(batch(message), context)
        assert nurture_send(batch(message, message), context) == {"batchItemFailures": []}
        found = left_behind(aws, who)
        if asked is None or (call, after) < (asked - 1, True):
            assert found == undisturbed, (made[call], after)
            continue
        if (call, after) >= (settled, True):  # all that is left is to end the run, which the sweep does in any case
            assert found[:2] == undisturbed[:2], (made[call], after)
            assert name == "the last mail is sent" or found == undisturbed
            nurture_send(batch(order(lead_id=who.lead_id, step=4, at=scenario.at + HOUR)), context)
            continue
        # between the claim and the note of what SES answered: never offered again, parked by the sweep
        assert found[0] == int((call, after) >= (asked, True)), (made[call], after)
        assert [state for state, *_ in found[1]] == ["claimed"]
        sweep(context, scenario.at + HOUR)
        assert [item["state"] for item in send_items(aws, who.lead_id)] == ["parked"]
        nurture_send(batch(order(lead_id=who.lead_id, step=4, at=scenario.at + HOUR)), context)
    if name == "the last mail is sent":
        runs = [enrollments.get_enrollment(Person(number).lead_id, "awareness") for number in range(len(points) + 1)]
        assert {run.status for run in runs if run is not None} == {"done"}
    print(f"{name}: {len(points)} points")


@pytest.mark.parametrize(
    ("answer", "state"),
    [(no_answer, "parked"), (refusing("MessageRejected"), "refused"), (refusing("Throttling"), "sent")],
    ids=["no answer", "refused", "not now"],
)
def test_whoever_dies_around_a_bad_answer_sends_no_mail_twice_and_loses_none(
    aws: Aws, context: Context, monkeypatch, answer, state
):
    """SES answers badly while we die, and well when the message comes again."""
    send_well = clients.ses().send_raw_email
    people = []
    for number in range(2 * 7):
        who = Person(number)
        people.append(who)
        mailable(who)
        monkeypatch.setattr(clients.ses(), "send_raw_email", answer)
        with killed_at(number // 2, after=bool(number % 2)), pytest.raises(Killed):
            nurture_send(batch(mail_of(who, NOW)), context)
        monkeypatch.setattr(clients.ses(), "send_raw_email", send_well)
        nurture_send(batch(mail_of(who, NOW), mail_of(who, NOW + HOUR)), context)
    sweep(context, NOW + 2 * HOUR)
    states = []
    for who in people:
        (item,) = send_items(aws, who.lead_id)
        states.append(item["state"])
        assert who.mails == int(item["state"] == "sent")
    assert states == ["sent"] * 11 + ["parked"] * 2 + [state]


def test_a_late_send_event_settles_what_died_after_ses_took_it(aws: Aws, context: Context):
    who = Person(1)
    mailable(who)
    with killed_at(6, after=True), pytest.raises(Killed):
        nurture_send(batch(mail_of(who, NOW)), context)
    sweep(context, NOW + HOUR)
    assert sends.settle(SendRef(who.lead_id, "awareness", 1, 0), "sent", message_id="m1")
    assert [item["state"] for item in send_items(aws, who.lead_id)] == ["sent"]
    assert who.mails == 1
