"""Machines through the deployed functions: flagged, judged by speed or by hand, scored again, told to nobody."""

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from functions.ingest.handler import handler as ingest
from functions.ingest.verdicts import judgement_event
from functions.leads.handler import handler as leads
from functions.notify.gathering import gather
from functions.score.handler import handler
from shared.aws import playbooks, timeline
from shared.aws.leads import get_lead
from shared.errors import InvalidInputError
from shared.identity import home
from shared.instants import DAY, HOUR, instant_text
from shared.intake import segment
from shared.keys import mint_key
from shared.lead import LeadEvent
from shared.rules import bots
from shared.rules.model import scoring_model
from shared.rules.routing import handoff_policy
from shared.rules.scoring import evaluate
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context
from tests.crashes import Killed, calls_counted, killed_at
from tests.functions.test_ingest import sample
from tests.functions.test_score import NOW, event, message, records
from tests.functions.test_score_crashes import anew
from tests.messages.test_handoff_messages import HANDOFF
from tests.publishing import publish
from tests.rules.test_bots import CHROME, GOOGLEBOT

U = home("user", "u", IDENTITY_SECRET)
ADMIN = mint_key("admin", "test", SIGNING_SECRET)

pytestmark = pytest.mark.usefixtures("playbook")


def viewed(number, at=NOW, *, agent=CHROME, path="/pricing", **said):
    said = {"user_id": "u", "anonymous_id": "a", "received_at": at, **said}
    context = {"userAgent": agent}
    properties = {"path": path}
    return event(f"e{number}", "Page Viewed", at, source="public", properties=properties, context=context, **said)


def sent(*events: LeadEvent, name="m", received_at=NOW):
    return records((name, message(*events, source="public", received_at=received_at)))


def burst(pages=21, first=NOW - HOUR):
    return [viewed(number, first + number // 4) for number in range(pages)]


def score(context: Context, batch: dict[str, Any]) -> None:
    """Have the function take a batch, and take it again."""
    for _ in range(2):
        assert handler(batch, context) == {"batchItemFailures": []}


def total(at=NOW + HOUR) -> float:
    lead = get_lead(U)
    return evaluate(lead, scoring_model(playbooks.current()), at).engagement / 1000


def say(verdict, since, until, context, *, at=NOW + HOUR, by="maria"):
    said = {"verdict": verdict, "from": instant_text(since), "until": instant_text(until), "reason": "why", "by": by}
    told = judgement_event(U, said, received_at=at)
    score(context, records((f"{verdict}{since}{at}", message(told, source="system", received_at=at))))


def shown(context: Context) -> dict[str, Any]:
    answer = leads(
        {
            "rawPath": f"/v1/leads/{U}",
            "pathParameters": {"id": U},
            "requestContext": {"http": {"method": "GET"}},
            "headers": {"authorization": f"Bearer {ADMIN}"},
            "queryStringParameters": {"as_of": instant_text(NOW + 2 * HOUR)},
        },
        context,
    )
    assert answer["statusCode"] == 200
    said: dict[str, Any] = json.loads(answer["body"])
    return said


def test_a_crawler_is_kept_flagged_and_worth_nothing(aws: Aws, context: Context):
    score(context, sent(viewed(1, agent=GOOGLEBOT), viewed(2, NOW - 60, path="/product/a")))
    lead = shown(context)
    crawler, person = lead["recent"]
    assert (crawler["verdict"], crawler["refused"]) == ("machine", True)
    assert "Googlebot" in crawler["verdict_reason"]
    assert (person["verdict"], person["verdict_reason"], person["refused"]) == ("human", "", False)
    assert lead["refused_events"] == 1
    assert [line["rule"] for line in lead["score"]["lines"]] == ["product_page"]


def test_a_visit_that_is_too_fast_is_judged_in_the_round_that_finds_it(aws: Aws, context: Context):
    score(context, sent(*burst()))
    (judgement,) = get_lead(U).judgements
    assert judgement.verdict == "machine"
    assert total() == 0
    judged = [each for each in timeline.events_at(U) if each.name == bots.VISIT_JUDGED]
    assert len(judged) == 1
    assert aws.messages(aws.events_queue_url) == []
    lead = shown(context)
    assert lead["judgements"][0]["by"] is None
    assert all(each["refused"] for each in lead["recent"] if each["name"] == "Page Viewed")
    assert lead["refused_events"] > 0


def test_views_that_come_one_message_each_are_judged_as_those_that_come_at_once(aws: Aws, context: Context):
    for number, each in enumerate(burst(30)):
        handler(sent(each, name=f"m{number}"), context)
    (judgement,) = get_lead(U).judgements
    assert judgement.reason == "more than 20 page views within 10 seconds"
    assert total() == 0


def test_dying_at_any_call_of_the_round_that_judges_leaves_one_judgement(aws: Aws, context: Context):
    batch = sent(*burst())
    anew(aws)
    with calls_counted() as made:
        handler(batch, context)
    truth = _stood(aws)
    for number, after in itertools.product(range(len(made)), (False, True)):
        anew(aws)
        with pytest.raises(Killed), killed_at(number, after=after):
            handler(batch, context)
        handler(batch, context)
        assert _stood(aws) == truth, (number, after, made[number])


def _stood(aws: Aws) -> Any:
    return [item for item in aws.items() if not item["SK"].startswith("CHANGE")]


def test_a_person_says_machine_then_human_and_the_score_follows_both_times(aws: Aws, context: Context):
    score(context, sent(*(viewed(number, NOW - number * 60) for number in range(3))))
    before = total()
    assert before > 0
    say("machine", NOW - HOUR, NOW, context)
    assert total() == 0
    say("human", NOW - HOUR, NOW, context, at=NOW + 2 * HOUR)
    assert total(NOW + HOUR) == before


def test_a_person_who_says_human_is_believed_over_speed_and_agent(aws: Aws, context: Context):
    crawled = viewed(100, NOW - HOUR + 30, agent=GOOGLEBOT, path="/product/a")
    score(context, sent(*burst(), crawled))
    assert total() == 0
    say("human", NOW - HOUR, NOW, context)
    assert {line["rule"] for line in shown(context)["score"]["lines"]} >= {"pricing_page", "product_page"}


def test_a_published_playbook_with_a_newer_list_judges_what_was_taken_before(aws: Aws, context: Context):
    """A crawler nobody knew, and one that was people's all along; the walk settles the lead, no event comes."""
    score(context, sent(viewed(1, agent="Grazer/1.0"), viewed(2, NOW - 60, agent=GOOGLEBOT, path="/product/a")))
    assert [line["rule"] for line in shown(context)["score"]["lines"]] == ["pricing_page"]

    def renew(document: dict[str, Any]) -> None:
        document["bots"]["names"] = ["Grazer"]
        document["scoring"]["filed"] = "renewed"

    publish(renew, whole=True)
    settle = {"schema": 1, "settle": [U], "as_of": instant_text(NOW + HOUR)}
    score(context, records(("settle", settle)))
    assert get_lead(U).filed == "renewed"
    assert [line["rule"] for line in shown(context)["score"]["lines"]] == ["product_page"]


def test_before_the_lead_is_filed_again_the_past_is_judged_by_the_newer_list_already(aws: Aws, context: Context):
    score(context, sent(viewed(1, agent=GOOGLEBOT)))

    def renew(document: dict[str, Any]) -> None:
        document["bots"]["names"] = []
        document["scoring"]["filed"] = "renewed"

    publish(renew, whole=True)
    assert [line["rule"] for line in shown(context)["score"]["lines"]] == ["pricing_page"]


def test_visitors_judgement_goes_with_them_to_the_lead_they_turn_out_to_be(aws: Aws, context: Context):
    nameless = [replace(each, user_id=None) for each in burst()]
    score(context, sent(*nameless))
    score(context, sent(viewed(100, NOW, path="/product/a"), name="m2"))
    assert [each.verdict for each in get_lead(U).judgements] == ["machine"]
    assert [line["rule"] for line in shown(context)["score"]["lines"]] == ["product_page"]


def test_an_alert_shows_nothing_a_machine_did(aws: Aws, context: Context):
    score(context, sent(viewed(1, agent=GOOGLEBOT), viewed(2, NOW - 60, path="/product/a")))
    facts = gather(replace(HANDOFF, lead_id=U), handoff_policy(playbooks.current()))
    assert [action.partition(": ")[2] for action in facts.actions] == ["Viewed /product/a"]


def test_an_alert_shows_nothing_that_others_did_on_a_shared_device(aws: Aws, context: Context):
    score(context, sent(viewed(1, NOW - HOUR, user_id="ann"), viewed(2, NOW - 50 * 60, user_id=None, path="/secret")))
    score(context, sent(viewed(3, NOW - 40 * 60, path="/product/a"), name="m2"))
    facts = gather(replace(HANDOFF, lead_id=U), handoff_policy(playbooks.current()))
    assert [action.partition(": ")[2] for action in facts.actions] == ["Viewed /product/a"]


def test_a_verdict_posted_is_an_event_of_our_own(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    asked = sample("http_verdict")
    asked["headers"]["authorization"] = f"Bearer {ADMIN}"
    for _ in range(2):
        answer = ingest(asked, context)
        assert answer["statusCode"] == 200
    one, other = aws.messages(aws.events_queue_url)
    assert one["source"] == "system"
    assert one["events"][0]["event_id"] == other["events"][0]["event_id"] == json.loads(answer["body"])["event_id"]
    (said,) = one["events"]
    assert (said["name"], said["properties"]) == (
        bots.VISIT_JUDGED,
        {
            "verdict": "machine",
            "from": "2026-11-21T09:00:00Z",
            "until": "2026-11-21T10:00:00Z",
            "reason": "Our own load test",
            "by": "maria",
        },
    )


@pytest.mark.parametrize("kind", ["public", "server", "sales"])
def test_only_an_admin_judges(aws: Aws, context: Context, kind: Any):
    asked = sample("http_verdict")
    asked["headers"]["authorization"] = f"Bearer {mint_key(kind, 'test', SIGNING_SECRET)}"
    assert ingest(asked, context)["statusCode"] == 401
    assert aws.messages(aws.events_queue_url) == []


GIVEN = {
    "verdict": "human", "from": instant_text(NOW - DAY), "until": instant_text(NOW), "reason": "why", "by": "maria",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"verdict": "unsure"}, "verdict"), ({"verdict": None}, "verdict"), ({"verdict": ["human"]}, "verdict"),
        ({"from": None}, "from"), ({"from": "yesterday"}, "from"), ({"from": "2026-11-22T00:00:00"}, "from"),
        ({"from": "1970-01-01T00:00:00Z"}, "from"), ({"from": instant_text(NOW + 1), "until": instant_text(NOW)}, "from"),
        ({"until": instant_text(NOW + 1)}, "until"), ({"until": 5}, "until"), ({"until": ""}, "until"),
        ({"reason": ""}, "reason"), ({"reason": "x" * 121}, "reason"), ({"by": None}, "by"), ({"by": "x" * 61}, "by"),
        ({"visitor": "a"}, "visitor"), ({"messageId": ""}, "messageId"), ({"messageId": "x" * 101}, "messageId"),
    ],
)  # fmt: skip
def test_a_verdict_that_cannot_be_used_names_the_field(change: dict[str, Any], field: str):
    with pytest.raises(InvalidInputError) as caught:
        judgement_event(U, {**GIVEN, **change}, received_at=NOW)
    assert caught.value.field == field


def test_the_same_verdict_is_one_and_a_message_id_makes_it_another():
    def named(**how: Any) -> str:
        return judgement_event(U, {**GIVEN, **how}, received_at=NOW + how.pop("later", 0)).event_id

    assert named() == judgement_event(U, GIVEN, received_at=NOW + DAY).event_id
    others = {named(), named(messageId="1"), named(messageId="2"), named(by="ann"), named(verdict="machine")}
    assert len(others) == 5


def test_clients_cannot_judge():
    assert segment.VISIT_JUDGED == bots.VISIT_JUDGED
    for intake in ("public", "server"):
        with pytest.raises(InvalidInputError, match="is not for clients"):
            segment.read_call(
                {"userId": "u", "event": bots.VISIT_JUDGED}, "track", intake=intake, received_at=NOW
            )  # fmt: skip


def test_a_judgement_that_says_nothing_is_no_message_of_ours(aws: Aws, context: Context):
    broken = LeadEvent("e", bots.VISIT_JUDGED, NOW, NOW, "system", lead_id=U, properties={"verdict": "machine"})
    answer = handler(records(("m", message(broken, source="system"))), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}


def test_a_driven_browser_says_so_and_that_is_kept():
    said = {"anonymousId": "a", "context": {"webdriver": True, "userAgent": CHROME}}
    assert segment.read_call(said, "page", intake="public", received_at=NOW).context["webdriver"] is True
    said["context"]["webdriver"] = "no"
    assert "webdriver" not in segment.read_call(said, "page", intake="public", received_at=NOW).context
