"""A person erased on the deployed stage: what they left, in the table, in Slack and on the bus, and what comes late."""

import json
from urllib.parse import quote

import pytest
import requests

from tests.end_to_end.conftest import Platform, eventually

pytestmark = pytest.mark.embedded

EMAIL = "iris.canary@northbound.example"


def admin(platform: Platform, method: str, path: str, body: object = None) -> requests.Response:
    headers = {"authorization": f"Bearer {platform.outputs.admin_key}"}
    return requests.request(method, f"{platform.outputs.api_url}{path}", json=body, headers=headers, timeout=30)


def said_in_slack(platform: Platform) -> str:
    return json.dumps(platform.slack_messages()).lower()


def held(platform: Platform) -> str:
    return json.dumps(platform.items(), default=str).lower()


def arrive(platform: Platform, number: int) -> None:
    traits = {
        "email": EMAIL,
        "first_name": "Iriscanary",
        "company": "Canary Freight",
        "title": "Director",
        "consent": True,
    }
    said = {"userId": "iris-canary", "anonymousId": "device-canary"}
    for path, body in (
        ("/v1/identify", {"traits": traits, "messageId": f"iris-{number}"}),
        ("/v1/track", {"event": "Demo Requested", "messageId": f"iris-demo-{number}"}),
    ):
        assert platform.post(path, said | body).status_code == 200


def exported(platform: Platform, lead_id: str) -> list[object]:
    """Return the items of all pages: which of a person's homes comes first follows from the stage's secret."""
    path: str = f"/v1/leads/{lead_id}/export"
    page = admin(platform, "GET", path).json()
    items = page["items"]
    while page["next"] is not None:
        page = admin(platform, "GET", f"{path}?cursor={quote(page['next'])}").json()
        items += page["items"]
    return items  # type: ignore[no-any-return]


def test_an_erased_person_is_gone_everywhere_and_does_not_come_back(platform: Platform) -> None:
    arrive(platform, 1)
    lead = eventually(lambda: (found := platform.look_up(EMAIL)).get("handoffs") and found, "a handoff of Iris")
    eventually(lambda: "iriscanary" in said_in_slack(platform), "Iris in Slack")
    assert EMAIL in json.dumps(exported(platform, lead["lead_id"]))
    asked = admin(platform, "POST", "/v1/leads/erase", {"email": EMAIL, "by": "maria", "reason": "asked by mail"})
    assert (asked.status_code, asked.json()["success"]) == (200, True)
    assert platform.look_up(EMAIL)["code"] == "not_found"
    arrive(platform, 2)
    place = f"/v1/erasures/{asked.json()['erasure']}"
    proof = eventually(
        lambda: (found := admin(platform, "GET", place).json())["state"] == "done" and found, "the proof of the erasure"
    )
    assert proof["counts"]["handoffs"] == 1
    eventually(lambda: "canary" not in said_in_slack(platform), "Slack without Iris")
    platform.settle_down("late events of somebody erased")
    assert "canary" not in held(platform)
    assert platform.look_up(EMAIL)["code"] == "not_found"
    told = [each for each in platform.taken(platform.bus_queue_url) if each["detail-type"] == "LeadErased"]
    assert [each["detail"]["erasure"] for each in told] == [proof["erasure"]]
