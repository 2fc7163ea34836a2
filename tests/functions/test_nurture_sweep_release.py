"""The nurture sweep under moto: no more than SES takes, in due order and fairly; and mailing that is paused."""

from collections import Counter

import pytest

from functions.nurture_sweep import releasing, watching
from functions.nurture_sweep.handler import handler
from shared import table
from shared.aws import clients, enrollments, mail_control, mailer
from shared.instants import DAY, HOUR, MINUTE, instant_text
from shared.mailing import Account, Counted
from tests.conftest import Aws, Context, sample
from tests.nurture_world import NOW, a_run, forget, run_of, use_playbook


@pytest.fixture(autouse=True)
def _playbook(playbook, tmp_path, monkeypatch):
    use_playbook(tmp_path, monkeypatch)
    monkeypatch.setenv("RELEASE_SECONDS", "300")
    yield
    forget()


@pytest.fixture
def account(monkeypatch):
    """What SES says; the tests change it."""
    said = {"account": Account(14.0, 50_000, 0)}
    monkeypatch.setattr(mailer, "account", lambda: said["account"])
    return said


def tick(context: Context, at: int = NOW) -> None:
    handler({**sample("schedule_nurture_sweep"), "time": instant_text(at)}, context)


def due(number: int, track: str = "awareness", *, since: int = HOUR) -> None:
    """Make mails due, one a second from `since` before now on."""
    for place in range(number):
        lead_id = f"{track[0]}{place:015d}".translate(str.maketrans("0123456789", "abcdefghij"))
        enrollments.save(a_run(track, lead_id=lead_id, due_at=NOW - since + place))


def queued(aws: Aws) -> list[dict]:
    return aws.messages(aws.sends_queue_url)


def test_what_ses_says_of_the_account_is_read(aws: Aws):
    assert mailer.account().daily == 200
    assert (mailer.account().rate, mailer.account().sent) == (1.0, 0)


def test_an_account_without_a_daily_limit_has_none(aws: Aws, monkeypatch):
    answer = {"Max24HourSend": -1.0, "MaxSendRate": 80.0, "SentLast24Hours": 7.0}
    monkeypatch.setattr(clients.ses(), "get_send_quota", lambda: answer)
    assert mailer.account() == Account(80.0, None, 7)


def test_no_more_go_than_are_left_of_the_day_the_oldest_first(aws: Aws, context: Context, account):
    due(12)
    account["account"] = Account(14.0, 50_000, 49_993)
    tick(context)
    assert len(queued(aws)) == 7
    waiting = sorted(item[table.DUE_AT] for item in aws.items() if "leased_until" not in item)
    assert waiting == [instant_text(NOW - HOUR + place) for place in range(7, 12)]
    account["account"] = Account(14.0, 50_000, 49_000)
    tick(context, NOW + 5 * MINUTE)
    assert len(queued(aws)) == 5


def test_of_each_track_a_mail_goes_in_turn_when_there_is_not_room_for_all(aws: Aws, context: Context, account):
    due(20)
    due(3, "decision", since=MINUTE)
    account["account"] = Account(14.0, 50_000, 49_992)
    tick(context)
    messages = queued(aws)
    assert Counter(message["track"] for message in messages) == {"awareness": 5, "decision": 3}
    assert [message["track"] for message in messages][:4] == ["awareness", "decision", "awareness", "decision"]


def test_mails_on_the_queue_take_part_of_the_room(aws: Aws, context: Context, account):
    due(5)
    account["account"] = Account(14.0, 50_000, 49_996)
    tick(context)
    due(5, "decision")
    tick(context, NOW + 5 * MINUTE)  # four are on the queue, and nobody has sent them
    assert len(queued(aws)) == 4


def test_mails_leave_the_queue_no_faster_than_the_rate_and_are_decided_for_then(
    aws: Aws, context: Context, account, monkeypatch
):
    due(7)
    account["account"] = Account(2.0, 50_000, 0)
    calls: list[tuple[int, list[str]]] = []
    monkeypatch.setattr(
        releasing.queue,
        "send_all",
        lambda _url, messages, *, delay_seconds: calls.append((delay_seconds, [each["as_of"] for each in messages])),
    )
    tick(context)
    assert calls == [(delay, [instant_text(NOW + delay)] * size) for delay, size in ((0, 2), (1, 2), (2, 2), (3, 1))]


def test_a_new_sender_sends_few(aws: Aws, context: Context, account, tmp_path, monkeypatch):
    use_playbook(tmp_path, monkeypatch, warm_up={"starts": "2026-11-17", "first_day": 4, "grows": 1.5})
    due(12)
    account["account"] = Account(14.0, 50_000, 1)
    tick(context)
    assert len(queued(aws)) == 5  # the second day's six, less the one that went


def test_where_time_is_replayed_the_account_is_not_asked(aws: Aws, context: Context, monkeypatch):
    monkeypatch.setenv("RELEASE_SECONDS", "0")
    monkeypatch.setattr(mailer, "account", lambda: pytest.fail("asked"))
    due(12)
    tick(context)
    assert {message["as_of"] for message in queued(aws)} == {instant_text(NOW)}


def test_when_nothing_is_due_nobody_is_asked(aws: Aws, context: Context, monkeypatch):
    monkeypatch.setattr(mailer, "account", lambda: pytest.fail("asked"))
    tick(context)
    assert queued(aws) == []


def test_while_mailing_is_paused_nothing_is_queued_or_leased(aws: Aws, context: Context, account):
    due(3)
    assert mail_control.pause(NOW, by="helena", reason="bought list")
    before = aws.items()
    tick(context)
    assert (queued(aws), aws.items()) == ([], before)
    assert aws.messages(aws.operations_queue_url) == []  # who paused it knows
    mail_control.resume(NOW, by="helena")
    tick(context)
    assert len(queued(aws)) == 3


def came_back(sent: int, bounced: int = 0, complained: int = 0, at: int = NOW - DAY) -> None:
    mail_control.count_sent(at, sent)
    for _ in range(bounced):
        mail_control.count_bounce(at)
    for _ in range(complained):
        mail_control.count_complaint(at)


@pytest.mark.parametrize(
    ("bounced", "complained", "why"),
    [(11, 0, "11 of 200 mails bounced"), (0, 1, "1 of 200 mails were complained about")],
)
def test_mailing_pauses_by_itself_and_operations_are_told_once(
    aws: Aws, context: Context, account, bounced, complained, why
):
    due(3)
    came_back(200, bounced, complained)
    for minutes in (0, 5, 10):
        tick(context, NOW + minutes * MINUTE)
    assert queued(aws) == []
    (notice,) = aws.messages(aws.operations_queue_url)
    assert notice["Subject"] == "Mailing paused by itself"
    assert why in notice["Message"]
    control = mail_control.control()
    assert (control.paused, control.by, control.at) == (True, "ripen", NOW)


def test_what_came_back_before_mailing_was_resumed_stops_it_no_second_time(aws: Aws, context: Context, account):
    due(1)
    came_back(200, 50)
    tick(context)
    mail_control.resume(NOW + HOUR, by="helena")
    tick(context, NOW + 2 * HOUR)
    assert len(queued(aws)) == 1
    came_back(100, 50, at=NOW + 3 * HOUR)
    tick(context, NOW + 3 * HOUR)
    assert mail_control.control().paused


@pytest.mark.parametrize("returned", [(200, 10, 0), (99, 99, 0)])
def test_what_is_usual_or_little_stops_nothing(aws: Aws, context: Context, account, returned):
    came_back(*returned)
    came_back(200, 200, at=NOW - 8 * DAY)
    tick(context)
    assert not mail_control.control().paused


def test_a_pause_nobody_was_told_of_is_told_by_the_next_sweep(aws: Aws, context: Context, account, monkeypatch):
    came_back(200, 50)

    def away(*_args, **_said):
        raise RuntimeError("topic is away")

    with monkeypatch.context() as patch:
        patch.setattr(watching.topics, "publish", away)
        with pytest.raises(RuntimeError):
            tick(context)
    assert mail_control.control().paused
    tick(context, NOW + 5 * MINUTE)
    tick(context, NOW + 10 * MINUTE)
    assert len(aws.messages(aws.operations_queue_url)) == 1


def test_a_run_keeps_when_its_mail_was_first_due_through_leases(aws: Aws, context: Context, account):
    enrollments.save(a_run())
    for number in range(3):
        tick(context, NOW + number * HOUR)
    assert (run_of().first_due, run_of().due_at) == (NOW, NOW)


def test_counts_of_an_hour_add_up(aws: Aws):
    came_back(3, 1, 1, at=NOW)
    came_back(4, at=NOW + HOUR)
    assert mail_control.counted(NOW - HOUR, NOW) == Counted(3, 1, 1)
    assert mail_control.counted(NOW, NOW + HOUR) == Counted(4, 0, 0)
    assert mail_control.counted(NOW - DAY, NOW + HOUR) == Counted(7, 1, 1)
