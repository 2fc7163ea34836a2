"""What every SDK tells in its tests, and what must have become of it."""

from collections import Counter
from typing import Any

from shared.identity import USER, home
from tests.end_to_end.conftest import Platform, eventually

EVENTS = {
    "Page Viewed": 2,
    "Asset Downloaded": 1,
    "Aliased": 1,
    "Identified": 1,
    "Screen Viewed": 1,
    "Company Identified": 1,
    "Demo Requested": 1,
}
POINTS = {
    "title_leads": (20, 0),
    "company_size": (10, 0),
    "industry": (15, 0),
    "demo_request": (40, 1),
    "pricing_page": (40, 2),
    "buying_guide": (20, 1),
}
"""Rule of the default playbook -> its points and the facts it counted: two views of one page are two facts."""

COLD = 90.0
"""Seconds the first story may take: every function starts cold, and a browser or a program beside them."""

GUIDE = {"kind": "comparison", "asset": "ripen-and-others"}
COMPANY = {"name": "Northbound", "industry": "Logistics", "employees": 300}
TITLE = "Director of Operations"


def address(who: str) -> str:
    return f"{who}@sdk.example"


def lead_of(platform: Platform, who: str) -> dict[str, Any]:
    """Return the lead that the user id leads to; without events while there is none."""
    secret = platform.client("secretsmanager").get_secret_value(SecretId=platform.outputs.identity_secret)
    return {"recent": []} | platform.ask(f"/v1/leads/{home(USER, who, secret['SecretString'])}")


def assert_counted_once(platform: Platform, who: str) -> None:
    """Wait for the whole story and for silence after it; then every event is there once, and the score adds up."""
    told = sum(EVENTS.values())
    eventually(lambda: len(lead_of(platform, who)["recent"]) >= told, f"every event of {who}", seconds=COLD)
    platform.settle_down(f"the story of {who}")
    lead = lead_of(platform, who)
    assert Counter(each["name"] for each in lead["recent"]) == EVENTS
    assert {each["rule"]: (each["points"], each["facts"]) for each in lead["score"]["lines"]} == POINTS
    assert lead["score"]["total"] == sum(points for points, _ in POINTS.values())
    assert lead["profile"]["email"]["value"] == address(who)
