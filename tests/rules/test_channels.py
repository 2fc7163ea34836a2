"""Who gets which text message, task and webhook, and who does not."""

from dataclasses import replace

import pytest

from shared.instants import DAY, HOUR
from shared.lead import Lead, Register, Settled
from shared.mailing import Address, Enrollment, PastSend, TopicConsent
from shared.rules.channels import decide_step
from shared.rules.model import scoring_model
from shared.rules.nurture import Send, Skip, Stop, Wait, mail_policy
from shared.rules.tracks import Choice, Step, Track
from tests.nurture_world import NOW

LEAD_ID = "aaaaaaaaaaaaaaaa"
ADDRESS = Address("1.mail", proven_at=1, opted_in_at=1)
NUMBER = Address("1.number", proven_at=1, opted_in_at=1)
RUN = Enrollment(LEAD_ID, "decision", 1, "active", 0, "b", "c", LEAD_ID, 1, NOW, due_at=NOW)


def known(*, stage="lead", **fields):
    said = {"email": "ada@example.com", "phone": "+46701234567", **fields}
    profile = {name: Register(value, NOW, "k", proven=True) for name, value in said.items() if value is not None}
    return Lead(LEAD_ID, version=1, profile=profile, first_seen=NOW, settled=Settled(band="engaged", stage=stage))


def unproven(lead: Lead, field: str) -> Lead:
    return replace(lead, profile={**lead.profile, field: lead.profile[field]._replace(proven=False)})


def track(channel, *, topic=None, to=None):
    step = Step(0, channel=channel, choices=(Choice(None, "content"),), to=to)
    return Track("decision", frozenset({"engaged"}), 90 * DAY, (step,), topic=topic)


@pytest.fixture
def decide(playbook):
    model, policy = scoring_model(playbook), mail_policy(playbook)

    def decided(channel, *, lead=None, address=ADDRESS, number=NUMBER, run=RUN, now=NOW, **said):
        return decide_step(
            lead or known(), run, track(channel, **said), address, number, policy=policy, model=model, now=now
        )

    return decided


def test_a_number_that_opted_in_gets_the_text(decide):
    assert decide("sms") == Send("content", channel="sms")


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (None, "no phone number that can be texted"),
        (Address("1.number"), "text message: unproven"),
        (Address("1.number", proven_at=1), "text message: no opt-in"),
        (replace(NUMBER, stopped_at=2), "text message: stopped"),
        (replace(NUMBER, suppressed="manual"), "text message: manual"),
        (replace(NUMBER, suppressed="erased"), "text message: erased"),
    ],
)
def test_a_text_that_may_not_go_is_dropped_and_the_track_goes_on(decide, number, why):
    assert decide("sms", number=number) == Skip("content", NOW, why, "sms")


def test_silence_is_no_consent_to_texts_even_where_it_is_to_mails(playbook):
    model, policy = scoring_model(playbook), replace(mail_policy(playbook), silence_is_consent=True)
    number = Address("1.number", proven_at=1)
    decided = decide_step(known(), RUN, track("sms"), ADDRESS, number, policy=policy, model=model, now=NOW)
    assert decided == Skip("content", NOW, "text message: no opt-in", "sms")


def test_a_number_that_stopped_the_topic_gets_no_text_of_it(decide):
    number = replace(NUMBER, topics={"guides": TopicConsent(stopped_at=2)})
    assert isinstance(decide("sms", number=number, topic="guides"), Skip)
    assert isinstance(decide("sms", number=number), Send)


def test_a_number_nobody_proved_to_be_the_leads_gets_no_text(decide):
    decided = decide("sms", lead=unproven(known(), "phone"))
    assert decided == Skip("content", NOW, "text message: the number is unproven", "sms")


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        (replace(ADDRESS, stopped_at=2), False),
        (replace(ADDRESS, stopped_at=2, suppressed="bounced"), False),
        (replace(ADDRESS, suppressed="complained"), False),
        (replace(ADDRESS, suppressed="manual"), False),
        (replace(ADDRESS, suppressed="bounced"), True),
        (Address("1.mail"), True),
        (None, True),
    ],
)
def test_who_wants_no_mail_at_all_gets_no_text_and_who_merely_cannot_get_one_does(decide, address, sent):
    decided = decide("sms", address=address)
    assert isinstance(decided, Send if sent else Skip)
    assert sent or decided.reason == "unsubscribed from everything"


def test_caps_and_what_was_received_are_the_numbers_own(decide):
    mailed = replace(ADDRESS, recent=tuple(PastSend(NOW - HOUR, f"s{n}") for n in range(20)), sent={"content": NOW - 1})
    assert isinstance(decide("sms", address=mailed), Send)
    texted = replace(NUMBER, recent=(PastSend(NOW - HOUR, "s"),))
    assert decide("sms", number=texted).reason == "frequency cap"
    assert decide("sms", number=replace(NUMBER, sent={"content": NOW - DAY})).reason == (
        "the address has received it already"
    )


@pytest.mark.parametrize("channel", ["sms", "task", "webhook"])
def test_at_night_everything_waits(decide, channel):
    decided = decide(channel, now=NOW + 12 * HOUR, to="ads")
    assert isinstance(decided, Wait)
    assert decided.reason == "quiet hours or weekday"


@pytest.mark.parametrize("channel", ["sms", "task", "webhook"])
def test_while_sales_has_the_lead_everything_is_held(decide, channel):
    paused = replace(ADDRESS, paused_by=frozenset({f"{LEAD_ID}#1"}))
    assert decide(channel, address=paused) == Stop("paused", "sales has the lead")
    assert isinstance(decide(channel, lead=known(stage="sql")), Wait)


@pytest.mark.parametrize("channel", ["sms", "task", "webhook"])
def test_a_customer_is_left_alone(decide, channel):
    assert decide(channel, lead=known(stage="customer")) == Stop("exited", "the lead is a customer")


@pytest.mark.parametrize(
    "address",
    [
        Address("1.mail"),
        replace(ADDRESS, stopped_at=2),
        replace(ADDRESS, suppressed="bounced"),
        replace(ADDRESS, recent=tuple(PastSend(NOW - HOUR, f"s{n}") for n in range(20))),
        None,
    ],
)
def test_a_task_asks_no_consent_and_counts_no_mails(decide, address):
    assert decide("task", address=address) == Send("content", channel="task")


def test_there_is_no_task_about_who_was_erased_or_cannot_be_reached(decide):
    assert decide("task", address=replace(ADDRESS, suppressed="erased")) == Skip("content", NOW, "erased", "task")
    assert decide("task", address=None, number=None) == Stop("exited", "no address that can be reached")


def test_there_is_no_task_about_who_is_excluded_from_sales(playbook):
    model, policy = scoring_model(playbook), mail_policy(playbook)
    excluded = known(email="ada@ripen.example")
    decided = decide_step(excluded, RUN, track("task"), ADDRESS, None, policy=policy, model=model, now=NOW)
    assert decided == Skip("content", NOW, "excluded: Our own staff", "task")


def test_a_webhook_stands_in_for_a_mail(decide):
    assert decide("webhook", to="ads") == Send("content", channel="webhook", to="ads")
    assert decide("webhook", to="ads", address=replace(ADDRESS, stopped_at=2)) == Stop("exited", "unsubscribed")
    assert isinstance(decide("webhook", to="ads", lead=known(email=None), address=None), Stop)
