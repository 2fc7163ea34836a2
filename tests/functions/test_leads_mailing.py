"""Why somebody was not mailed, through the API: what is read for it, and what is said."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.leads.handler import handler
from shared.aws import addresses, enrollments, mail_control, sends
from shared.instants import DAY, HOUR, instant_text
from shared.keys import KeyKind, mint_key
from shared.mailing import SendRef, TopicConsent
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.nurture_world import (
    ADDRESS,
    LEAD_ID,
    NOW,
    a_lead,
    a_run,
    consenting,
    deliver,
    enrolled,
    forget,
    keep,
    order,
    run_of,
    use_playbook,
)


@pytest.fixture(autouse=True)
def in_force(playbook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    use_playbook(tmp_path, monkeypatch)
    yield
    forget()


def ask(context: Context, at: int = NOW, *, lead_id: str = LEAD_ID, kind: KeyKind = "admin") -> tuple[int, Any]:
    path = f"/v1/leads/{lead_id}/mailing"
    request = sample("http_leads") | {"rawPath": path, "queryStringParameters": {"as_of": instant_text(at)}}
    request["requestContext"] = {"http": {"method": "GET", "path": path}}
    request["pathParameters"] = {"id": lead_id}
    request["headers"] = {"authorization": f"Bearer {mint_key(kind, 'test', SIGNING_SECRET)}"}
    answer = handler(request, context)  # type: ignore[arg-type]
    return answer["statusCode"], json.loads(answer["body"])


def view(context: Context, at: int = NOW) -> Any:
    status, said = ask(context, at)
    assert status == 200
    return said


def track(said: Any, name: str = "awareness") -> Any:
    return next(each for each in said["tracks"] if each["track"] == name)


def test_whoever_is_next_is_told_so(aws: Aws, context: Context) -> None:
    enrolled()
    said = view(context)
    assert said["summary"] == "Awareness: message 1 is due: the next sweep sends it"
    assert said["address"] | {"topics": {}} == {
        "address": ADDRESS, "mailable": True, "proven": True, "refused": None, "topics": {}, "suppressed": None,
        "suppressed_at": None, "held_by": [], "caps_free_at": None, "quiet_until": None, "zone": "Europe/Stockholm",
        "caps": {"day": {"used": 0, "most": 1}, "week": {"used": 0, "most": 3}, "month": {"used": 0, "most": 8}},
    }  # fmt: skip


def test_what_it_says_is_what_the_sender_then_does(aws: Aws, context: Context) -> None:
    """At night the one says until when, and the other holds it until then; a mail later the day's cap is in use."""
    night = NOW + 12 * HOUR
    enrolled()
    said = track(view(context, night))
    deliver(context, order(at=night))
    assert (said["why"], said["until"]) == ("waits: quiet hours or weekday", instant_text(run_of().due_at or 0))
    assert track(view(context, night))["why"] == said["why"]
    morning = run_of().due_at or 0
    deliver(context, order(at=morning))
    after = view(context, morning + 60)
    assert (after["address"]["caps"]["day"], after["address"]["caps_free_at"]) == (
        {"used": 1, "most": 1}, instant_text(morning + DAY),
    )  # fmt: skip
    assert (track(after)["why"], track(after)["until"]) == ("message 2 is not due yet", instant_text(morning + 7 * DAY))
    (sent,) = after["sends"]
    assert (sent["track"], sent["message"], sent["content"], sent["why"]) == ("awareness", 1, "awareness-1", "sent")


@pytest.mark.parametrize(
    ("state", "reason", "why"),
    [
        ("refused", "MessageRejected", "the channel refused it: MessageRejected"),
        (
            "parked",
            "no report",
            "nobody knows whether it went out, and it is not sent again; operations was told: no report",
        ),
        ("bounced", None, "bounced"),
    ],
)
def test_the_last_messages_say_how_they_fared(
    state: Any, reason: str | None, why: str, aws: Aws, context: Context
) -> None:
    enrolled()
    ref = SendRef(LEAD_ID, "awareness", 1, 0)
    said = sends.Said("awareness-1", "p")
    sends.claim(ref, said=said, at=NOW, address=addresses.get_address(ADDRESS), recent=(), run=run_of())
    sends.settle(ref, state, reason=reason)
    assert [each["why"] for each in view(context)["sends"]] == [why]


def test_a_pause_of_all_mailing_comes_first(aws: Aws, context: Context) -> None:
    enrolled()
    mail_control.pause(NOW, by="maria", reason="wrong price in a mail")
    said = view(context)
    assert said["summary"] == "Mailing is paused for everybody: wrong price in a mail (maria)"
    mail_control.resume(NOW + 1, by="maria")
    assert view(context)["mailing_paused"] is None


def test_a_stop_is_told_of_the_address_and_of_a_topic_alone(aws: Aws, context: Context) -> None:
    enrolled()
    addresses.record_consent(ADDRESS, topics={"guides": TopicConsent(stopped_at=NOW)})
    topics = view(context)["address"]["topics"]
    assert (topics["guides"]["refused"], topics["product_news"]["refused"]) == (
        "the person unsubscribed from the topic", None,
    )  # fmt: skip
    addresses.record_consent(ADDRESS, stopped_at=NOW + 1)
    said = view(context)
    assert said["summary"] == said["address"]["refused"].capitalize() == "The person unsubscribed from everything"
    assert track(said)["why"] == "the run ends at the next sweep: unsubscribed"


def test_a_suppressed_address_says_why(aws: Aws, context: Context) -> None:
    enrolled()
    addresses.suppress(ADDRESS, "bounced", at=NOW)
    assert view(context)["summary"] == "The address is suppressed: bounced"


def test_whoever_was_never_proven_waits_and_is_told_for_what(aws: Aws, context: Context) -> None:
    enrolled(lead=a_lead(email_proven=False))
    assert view(context)["address"]["refused"] == "the address is not proven to be this lead's"
    assert track(view(context))["why"] == "waits: unproven"


def test_a_lead_without_an_address_is_in_no_track(aws: Aws, context: Context) -> None:
    keep(a_lead(email=None))
    said = view(context)
    assert (said["address"], said["summary"]) == (None, "There is no address that can be mailed")
    assert {each["why"] for each in said["tracks"]} == {"it has no mail address"}


def test_a_run_that_waits_for_another_or_for_sales_says_so(aws: Aws, context: Context) -> None:
    enrolled(run=a_run(status="held", due_at=None, reason="track decision goes first"))
    said = track(view(context))
    assert (said["status"], said["why"]) == ("held", "track decision goes first")
    enrollments.save(replace(run_of(), status="paused", ended_at=NOW, reason="handoff 1 accepted"))
    assert (track(view(context))["status"], view(context)["summary"]) == ("paused", "Awareness: handoff 1 accepted")


def test_who_gets_nothing_to_be_compared_with_is_named(aws: Aws, context: Context) -> None:
    enrolled(run=a_run(arm="holdout", due_at=NOW + DAY))
    said = track(view(context))
    assert (said["status"], said["until"]) == ("held out", instant_text(NOW + DAY))
    assert view(context)["summary"].startswith("Awareness: it gets nothing, to be compared with those who do")


def test_an_ended_run_says_when_another_may_begin(aws: Aws, context: Context) -> None:
    enrolled(run=a_run(status="done", due_at=None, ended_at=NOW, reason="every mail of the track was planned"))
    said = track(view(context))
    assert (said["status"], said["again"]) == ("exhausted", f"it may begin again from {instant_text(NOW + 180 * DAY)}")
    again = track(view(context, NOW + 180 * DAY))["again"]
    assert again == "it may enter; that happens with the next change of its band"


def test_a_track_never_entered_names_the_condition_that_failed(aws: Aws, context: Context) -> None:
    keep(a_lead())
    consenting()
    said = view(context)
    assert track(said)["why"] == "it may enter; that happens with the next change of its band"
    assert track(said, "decision") | {"label": ""} == {
        "track": "decision", "label": "", "status": "never entered", "until": None,
        "why": "its band is early, the track is for engaged or sales_ready",
    }  # fmt: skip
    assert said["summary"] == "The person is in no track now"
    keep(a_lead(stage="customer"))
    assert track(view(context))["why"] == "its stage is customer"


def test_a_run_through_a_track_that_is_gone_is_shown_too(aws: Aws, context: Context) -> None:
    enrolled(run=a_run("winter"))
    said = track(view(context), "winter")
    assert said["why"] == "the run ends at the next sweep: the track is no longer in the playbook"


def test_nobody_has_no_answer_and_only_an_administrator_may_ask(aws: Aws, context: Context) -> None:
    assert ask(context, lead_id="bbbbbbbbbbbbbbbb")[0] == 404
    keep(a_lead())
    assert [ask(context, kind=kind)[0] for kind in ("sales", "server")] == [401, 401]
