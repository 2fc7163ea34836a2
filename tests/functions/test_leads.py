"""Reading leads back through the API."""

import json
from decimal import Decimal

import pytest

from functions.leads import reading
from functions.leads.handler import handler
from functions.score.handler import handler as score
from shared import table
from shared.aws import clients, timeline
from shared.aws.items import to_item
from shared.aws.leads import get_lead
from shared.identity import home
from shared.instants import DAY, HOUR, instant_text
from shared.keys import mint_key
from tests.conftest import IDENTITY_SECRET, SIGNING_SECRET, Aws, Context, sample
from tests.functions.test_score import NOW, event, message, records
from tests.publishing import publish

pytestmark = pytest.mark.usefixtures("playbook")


def ask(path, context, *, kind="admin", method="GET", body=None, lead_id=None, **query):
    request = sample("http_leads") | {"rawPath": path, "queryStringParameters": query or None, "body": body}
    request["requestContext"] = {"http": {"method": method, "path": path}}
    request["headers"] = {"authorization": f"Bearer {mint_key(kind, 'test', SIGNING_SECRET)}"}
    request["pathParameters"] = {"id": lead_id} if lead_id else None
    answer = handler(request, context)
    return answer["statusCode"], json.loads(answer["body"], parse_float=Decimal)


def ann(context):
    score(
        records(
            ("m1", message(event("1", "Page Viewed", NOW - 3 * DAY, user_id="ann", anonymous_id="a", properties={"path": "/pricing"}))),
            ("m2", message(event("2", "Demo Requested", NOW - HOUR, user_id="ann", email="ann@example.com", traits={"title": "Director"}))),
        ),
        context,
    )  # fmt: skip
    return home("email", "ann@example.com", IDENTITY_SECRET)


def test_one_lead_with_lines_that_add_up_to_the_last_digit(aws: Aws, context: Context):
    lead_id = ann(context)
    status, lead = ask(f"/v1/leads/{lead_id}", context, lead_id=lead_id, as_of=instant_text(NOW))
    assert status == 200
    assert sum(Decimal(line["points"]) for line in lead["score"]["lines"]) == Decimal(lead["score"]["total"])
    assert lead["settled"]["stage"] == "mql"
    assert {line["rule"] for line in lead["score"]["lines"]} == {"title_leads", "pricing_page", "demo_request"}
    assert lead["score"]["next_change_at"] > instant_text(NOW)
    assert [each["name"] for each in lead["recent"]] == ["Demo Requested", "Page Viewed"]
    assert lead["profile"]["email"] == {"value": "ann@example.com", "proven": True}


def test_a_lead_shows_its_tracks_and_mails(aws: Aws, context: Context):
    lead_id = ann(context)
    partition = {table.PK: table.lead_pk(lead_id)}
    for item in (
        {
            table.SK: table.track_sk("decision"),
            "status": "active",
            "step": 1,
            "due_key": "nurture#1",
            "due_at": "2026-12-01T00:00:00Z",
        },
        {
            table.SK: table.track_sk("later"),
            "status": "held",
            "step": 0,
            "due_key": "run#later#1",
            "due_at": "2026-11-01T00:00:00Z",
        },
        {table.SK: table.send_sk("decision", 1, 0), "state": "sent", "content": "decision-1"},
        {table.SK: table.send_sk("confirm-abc", 1, 0), "state": "sent", "content": "confirm"},
    ):
        clients.dynamodb().put_item(TableName=aws.table_name, Item=to_item(partition | item))
    _, lead = ask(f"/v1/leads/{lead_id}", context, lead_id=lead_id, as_of=instant_text(NOW))
    assert lead["enrollments"] == [
        {"track": "decision", "status": "active", "step": 1, "due_at": "2026-12-01T00:00:00Z"},
        {"track": "later", "status": "held", "step": 0},
    ]
    assert [(send["track"], send["rotation"], send["step"]) for send in lead["sends"]] == [
        ("confirm-abc", 1, 0),
        ("decision", 1, 0),
    ]


def test_every_identity_leads_to_the_same_lead(aws: Aws, context: Context):
    lead_id = ann(context)
    for kind, value in (("user", "ann"), ("anon", "a"), ("email", "ann@example.com")):
        alias = home(kind, value, IDENTITY_SECRET)
        assert (
            ask(f"/v1/leads/{alias}", context, lead_id=alias, as_of=instant_text(NOW))[1]["lead_id"]
            == ask(f"/v1/leads/{lead_id}", context, lead_id=lead_id, as_of=instant_text(NOW))[1]["lead_id"]
        )


def test_look_up_by_address_is_a_post_and_forgives_case(aws: Aws, context: Context):
    lead_id = ann(context)
    body = json.dumps({"email": " Ann@Example.com "})
    status, lead = ask("/v1/leads/lookup", context, method="POST", body=body)
    assert (
        status,
        home("user", "ann", IDENTITY_SECRET) in (lead["lead_id"], lead_id) or lead["lead_id"] == lead_id,
    ) == (200, True)


def test_the_past_is_folded_from_the_timeline_and_beyond_it_is_gone(aws: Aws, context: Context):
    lead_id = ann(context)
    _, then = ask(f"/v1/leads/{lead_id}", context, lead_id=lead_id, as_of=instant_text(NOW - 2 * DAY))
    assert [line["rule"] for line in then["score"]["lines"]] == ["pricing_page"]
    status, gone = ask(f"/v1/leads/{lead_id}", context, lead_id=lead_id, as_of=instant_text(NOW - 30 * DAY))
    assert (status, gone["code"], gone["newest_change_before"]) == (410, "gone", None)


def test_the_ranking_is_by_score_at_the_instant_asked_for(aws: Aws, context: Context):
    for number in range(30):
        pages = [
            event(
                f"{number}-{visit}",
                "Page Viewed",
                NOW - (number + 1) * HOUR,
                user_id=f"u{number}",
                properties={"path": "/pricing"},
            )
            for visit in range(number % 4)
        ]
        score(
            records(
                (
                    f"m{number}",
                    message(
                        event(f"{number}-w", "Webinar Attended", user_id=f"u{number}", properties={"webinar": "w"}),
                        *pages,
                    ),
                )
            ),
            context,
        )
    status, page = ask("/v1/leads", context, limit="7", as_of=instant_text(NOW + DAY))
    totals = [lead["score"]["total"] for lead in page["leads"]]
    assert status == 200
    assert len(totals) == 7
    assert totals == sorted(totals, reverse=True)
    every = ask("/v1/leads", context, limit="200", as_of=instant_text(NOW + DAY))[1]["leads"]
    assert totals == sorted((lead["score"]["total"] for lead in every), reverse=True)[:7]
    engaged = ask("/v1/leads", context, band="engaged", as_of=instant_text(NOW + DAY))[1]["leads"]
    assert engaged
    assert all(lead["settled"]["band"] == "engaged" for lead in engaged)


def test_the_history_says_what_was_settled_and_why(aws: Aws, context: Context):
    lead_id = ann(context)
    status, history = ask(f"/v1/leads/{lead_id}/history", context, lead_id=lead_id)
    assert status == 200
    assert [change["type"] for change in history["changes"]] == ["BandChanged", "LeadQualified"]
    assert history["changes"][1]["reason"] == "Asked for a demo"


@pytest.mark.parametrize("kind", ["public", "server", "sales"])
def test_only_an_admin_key_reads(kind, aws: Aws, context: Context):
    assert ask("/v1/leads", context, kind=kind)[0] == 401


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"band": "hot"}, "band"),
        ({"limit": "0"}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"as_of": "2026-01-01"}, "as_of"),
        ({"as_of": "soon"}, "as_of"),
    ],
)
def test_a_bad_question_is_answered_with_the_field_and_the_remedy(query, field, aws: Aws, context: Context):
    status, answer = ask("/v1/leads", context, **query)
    assert status == 400
    assert answer["message"].startswith(f"{field}: must be")


@pytest.mark.parametrize("body", [None, "{", "[]", '{"email": 5}', '{"email": "x"}'])
def test_a_bad_look_up_is_refused(body, aws: Aws, context: Context):
    assert ask("/v1/leads/lookup", context, method="POST", body=body)[0] == 400


@pytest.mark.parametrize("body", ["a", "\u00e9", "/w==", ""])
def test_a_look_up_that_cannot_be_decoded_is_refused(body, aws: Aws, context: Context):
    request = sample("http_leads") | {"rawPath": "/v1/leads/lookup", "body": body, "isBase64Encoded": True}
    request["requestContext"] = {"http": {"method": "POST", "path": "/v1/leads/lookup"}}
    request["headers"] = {"authorization": f"Bearer {mint_key('admin', 'test', SIGNING_SECRET)}"}
    answer = handler(request, context)
    assert (answer["statusCode"], "body: must be JSON" in answer["body"]) == (400, True)


def test_nobody_is_404(aws: Aws, context: Context):
    assert ask("/v1/leads/nobody", context, lead_id="nobody")[0] == 404


def test_the_past_looks_like_the_past_in_the_ranking_and_among_recent_events(aws: Aws, context: Context):
    lead_id = ann(context)
    then = instant_text(NOW - 2 * DAY)
    _, one = ask(f"/v1/leads/{lead_id}", context, lead_id=lead_id, as_of=then)
    _, page = ask("/v1/leads", context, as_of=then)
    assert [lead["score"]["total"] for lead in page["leads"]] == [one["score"]["total"]]
    assert [each["name"] for each in one["recent"]] == ["Page Viewed"]


def test_what_others_did_on_a_shared_device_is_not_among_a_leads_events(aws: Aws, context: Context):
    kiosk = {"anonymous_id": "kiosk"}
    story = [
        event("1", "Identified", NOW - 9 * HOUR, user_id="ann", **kiosk),
        event("2", "Secret Of Ann", NOW - 8 * HOUR, **kiosk),
        event("3", "Identified", NOW - 7 * HOUR, user_id="bob", **kiosk),
        event("4", "Secret Of Bob", NOW - 6 * HOUR, **kiosk),
    ]
    for _ in range(2):
        score(records(("m1", message(*story))), context)
    found = {}
    for user in ("ann", "bob"):
        lead_id = home("user", user, IDENTITY_SECRET)
        _, one = ask(f"/v1/leads/{lead_id}", context, lead_id=lead_id)
        found[user] = [each["name"] for each in one["recent"]]
    assert found == {"ann": ["Secret Of Ann", "Identified"], "bob": ["Secret Of Bob", "Identified"]}


@pytest.mark.parametrize("odd", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:59"])
def test_an_instant_beyond_all_calendars_is_refused(odd, aws: Aws, context: Context):
    assert ask("/v1/leads", context, as_of=odd)[0] == 400


def test_the_past_ranks_a_lead_that_has_been_excluded_since(aws: Aws, context: Context, monkeypatch):
    monkeypatch.setattr(reading, "PAGE", 1)
    seen = [
        event(f"e{user}", "Page Viewed", NOW - 3 * DAY, user_id=f"u{user}", properties={"path": "/pricing"})
        for user in range(3)
    ]
    score(records(("m1", message(*seen))), context)
    staff = event("x", "Identified", NOW, user_id="u0", email="anna@ripen.example")
    score(records(("m2", message(staff))), context)
    _, found = ask("/v1/leads", context, as_of=instant_text(NOW - DAY), limit="1")
    assert found["leads"][0]["score"]["total"] > 0
    _, found = ask("/v1/leads", context, as_of=instant_text(NOW - DAY), limit="3")
    assert [lead["score"]["total"] > 0 for lead in found["leads"]] == [True, True, True]


def test_of_an_endless_timeline_the_newest_part_is_filed_again(aws: Aws, context: Context, monkeypatch):
    monkeypatch.setattr(timeline, "MOST", 40)
    original = clients.dynamodb().get_paginator
    for part in range(6):
        views = [
            event(f"{part}-{number}", "Page Viewed", NOW - (6 - part) * DAY + number, user_id="u",
                  received_at=NOW - (6 - part) * DAY + 60, properties={"path": "/docs"})
            for number in range(20)
        ]  # fmt: skip
        score(records((f"m{part}", message(*views, received_at=NOW - (6 - part) * DAY + 60))), context)

    def one_item_a_page(name):
        found = original(name)
        paginate = found.paginate
        found.paginate = lambda **asked: paginate(**{**asked, "PaginationConfig": {"PageSize": 1}})
        return found

    monkeypatch.setattr(clients.dynamodb(), "get_paginator", one_item_a_page)

    def documentation_counts(scoring):
        (rule,) = (rule for rule in scoring["engagement"] if rule["id"] == "pricing_page")
        rule["where"] = {"properties": {"path": ["/docs"]}}
        rule["filing"] = "pricing_page.docs"
        scoring["filed"] = "docs"

    publish(documentation_counts)
    score(
        records(("s", {"schema": 1, "settle": [home("user", "u", IDENTITY_SECRET)], "as_of": instant_text(NOW)})),
        context,
    )
    lead = get_lead(home("user", "u", IDENTITY_SECRET))
    assert len(lead.facts["pricing_page.docs"]) == 5
    assert lead.complete_since == NOW - 2 * DAY
