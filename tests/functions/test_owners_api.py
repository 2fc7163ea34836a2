"""Who is given leads and when they are away, by HTTP: who may ask, what is kept, and what is refused with which words."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from functions.sales import handler as module
from functions.sales.handler import handler
from shared import table
from shared.aws import owners
from shared.errors import ConflictError
from shared.instants import DAY, instant_text, parse_instant
from shared.keys import KeyKind, mint_key
from shared.owners import LEAD, Load, OwnerState, TimeOff
from tests.conftest import SIGNING_SECRET, Aws, Context, sample

AT = parse_instant("2026-01-05T08:40:00Z")


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: AT + 0.7))


def ask(
    context: Context, method: str = "GET", path: str = "/v1/owners", *, kind: KeyKind = "sales", **said: Any
) -> Any:
    event = sample("http_time_off" if method == "POST" else "http_owners")
    event["headers"]["authorization"] = f"Bearer {mint_key(kind, 'test', SIGNING_SECRET)}"
    event["requestContext"]["http"]["method"] = method
    event["rawPath"] = path
    answer = handler({**event, **said}, context)
    return answer["statusCode"], json.loads(answer["body"])


def away(context: Context, body: Any, owner: str = "jonas") -> Any:
    return ask(context, "POST", f"/v1/owners/{owner}/time-off", body=json.dumps(body))


def test_everybody_is_listed_once_with_what_they_have_and_when_they_are_away(aws: Aws, context: Context):
    owners.set_time_off(OwnerState("jonas"), [TimeOff(AT - DAY, AT + DAY, "helena"), TimeOff(1, 2, "long ago")])
    owners.clients.dynamodb().transact_write_items(
        TransactItems=[owners.given_entry(OwnerState("maria"), Load(AT // DAY, 3, 3 * LEAD))]
    )
    for kind in ("sales", "admin"):
        status, said = ask(context, kind=kind)
        assert status == 200
    by_id = {each["id"]: each for each in said["owners"]}
    assert list(by_id) == ["maria", "jonas", "priya", "helena", "astrid"]
    assert (by_id["maria"]["given_today"], by_id["maria"]["daily_quota"], by_id["maria"]["away"]) == (3, 16, False)
    assert by_id["jonas"]["away"]
    assert by_id["jonas"]["teams"] == ["dach"]
    assert by_id["jonas"]["time_off"] == [
        {"from": instant_text(AT - DAY), "until": instant_text(AT + DAY), "by": "helena"}
    ]
    assert by_id["helena"]["gets_leads"] is False


@pytest.mark.parametrize("kind", ["public", "server", "outcomes"])
def test_other_keys_are_refused(kind: KeyKind, aws: Aws, context: Context):
    status, said = ask(context, kind=kind)
    assert (status, said["message"]) == (401, "send a sales or admin key as Authorization: Bearer ...")


def test_days_count_whole_in_the_persons_zone_and_twice_the_same_is_kept_once(aws: Aws, context: Context):
    for _ in range(2):
        status, said = away(context, {"from": "2026-01-07", "until": "2026-01-09", "by": "helena"})
        assert (status, said["id"], said["away"]) == (200, "jonas", False)
        assert said["time_off"] == [{"from": "2026-01-06T23:00:00Z", "until": "2026-01-09T23:00:00Z", "by": "helena"}]
    away(context, {"from": "2026-01-05T08:00:00+00:00", "until": "2026-01-05T12:00:00Z"})
    kept = owners.get_owners(["jonas"])["jonas"]
    assert [(each.since, each.by) for each in kept.off] == [
        (parse_instant("2026-01-05T08:00:00Z"), "api"), (parse_instant("2026-01-06T23:00:00Z"), "helena"),
    ]  # fmt: skip


def test_time_off_is_taken_back_by_its_beginning_or_all_at_once(aws: Aws, context: Context):
    away(context, {"from": "2026-01-07", "until": "2026-01-09"})
    away(context, {"from": "2026-02-02", "until": "2026-02-03"})
    path = "/v1/owners/jonas/time-off"
    _, said = ask(context, "DELETE", path, queryStringParameters={"from": "2026-01-07"})
    assert [each["from"] for each in said["time_off"]] == ["2026-02-01T23:00:00Z"]
    for _ in range(2):
        status, said = ask(context, "DELETE", path)
        assert (status, said["time_off"]) == (200, [])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"from": "2026-01-09", "until": "2026-01-07"}, "until: must be after from"),
        ({"from": "2025-01-01", "until": "2025-01-07"}, "until: must be after from, and not be past"),
        ({"from": "2026-01-09", "until": "2027-02-07"}, "until: is more than a year after from"),
        ({"from": "2026-02-30", "until": "2026-03-07"}, "from: must be a day (2026-12-21) or a time with a zone"),
        ({"from": "2026-02-20T09:00:00", "until": "2026-03-07"}, "from: must be a day"),
        ({"from": "tomorrow", "until": "2026-03-07"}, "from: must be a day"),
        ({"from": "9999-12-01", "until": "9999-12-31"}, "until: must be a day"),
        ({"from": "9999-12-01", "until": "9999-12-31T23:59:59-14:00"}, "until: must be a day"),
        ({"until": "2026-03-07"}, "from: Field required"),
        ({"from": "2026-02-20", "until": "2026-03-07", "by": "a@b.example"}, "by: "),
        ({"from": "2026-02-20", "until": "2026-03-07", "to": "x"}, "to: Extra inputs"),
        (["x"], "body: "),
    ],
)
def test_time_off_that_cannot_be_is_refused_with_the_field(body: Any, words: str, aws: Aws, context: Context):
    status, said = away(context, body)
    assert (status, said["code"]) == (400, "invalid")
    assert said["message"].startswith(words)
    assert aws.items(table.owner_pk("jonas")) == []


def test_somebody_who_is_not_in_the_playbook_is_refused_with_who_is(aws: Aws, context: Context):
    status, said = away(context, {"from": "2026-01-07", "until": "2026-01-09"}, owner="left")
    assert (status, said["code"]) == (404, "not_found")
    assert "there is maria, jonas, priya, helena, astrid" in said["message"]
    assert ask(context, "POST", "/v1/owners", body="{}")[0] == 404


def test_no_more_than_fifty_absences_are_kept(aws: Aws, context: Context):
    off = [TimeOff(AT + number * DAY, AT + number * DAY + 60, "x") for number in range(50)]
    owners.set_time_off(OwnerState("jonas"), off)
    status, said = away(context, {"from": "2026-06-07", "until": "2026-06-09"})
    assert (status, said["code"]) == (409, "not_allowed")


def test_somebody_faster_does_not_undo_time_off(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch):
    write, raced = owners.set_time_off, []

    def first_another(seen: OwnerState, off: Any) -> None:
        if not raced:
            raced.append(True)
            write(seen, [TimeOff(AT, AT + 60, "other")])
        write(seen, off)

    monkeypatch.setattr(owners, "set_time_off", first_another)
    away(context, {"from": "2026-01-07", "until": "2026-01-09", "by": "helena"})
    assert [each.by for each in owners.get_owners(["jonas"])["jonas"].off] == ["other", "helena"]

    def always_slower(seen: OwnerState, off: Any) -> None:
        raise ConflictError(f"{seen.owner}: {len(off)}")

    monkeypatch.setattr(owners, "set_time_off", always_slower)
    with pytest.raises(ConflictError):
        away(context, {"from": "2026-01-17", "until": "2026-01-19"})
