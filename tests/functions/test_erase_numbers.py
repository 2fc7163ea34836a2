"""Erasing a person takes their phone number out too, and the words of their tasks, in Slack as well."""

import json

import pytest

from shared import table
from shared.aws import addresses, clients, deliveries, tasks
from shared.aws.items import to_item
from shared.aws.sends import Said
from shared.identity import number_hash
from shared.instants import MINUTE
from shared.mailing import SendRef
from tests.conftest import IDENTITY_SECRET, Aws, Context
from tests.erasure_world import EMAIL_ADDRESS, LEAD_ID, USER_ID, ada, ask, did, finish
from tests.nurture_world import ADDRESS, NOW, a_run

PHONE = "+46 70 123 45 67"
NAME = number_hash("+46701234567", IDENTITY_SECRET)

pytestmark = pytest.mark.usefixtures("erasures")


def texted(context: Context) -> None:
    """Ada, whose customer says that she wants text messages."""
    ada(context)
    consent = {"channel": "sms", "agreed": True, "text": "Text me, said Canary"}
    did(context, "e3", "Consent Given", at=NOW - 50 * MINUTE, user_id=USER_ID, email=EMAIL_ADDRESS, traits={"phone": PHONE}, properties={"consent": consent})  # fmt: skip
    assert addresses.get_address(NAME).opted_in_at is not None


def test_a_number_is_left_as_one_that_is_never_texted(aws: Aws, context: Context, monkeypatch):
    texted(context)
    finish(ask(), monkeypatch)
    left = addresses.get_address(NAME)
    assert (left.suppressed, left.opted_in_at) == ("erased", None)
    assert "Canary" not in str(aws.items(table.address_pk(NAME)))


def test_a_number_that_only_the_profile_still_says_is_left_so_too(aws: Aws, context: Context, monkeypatch):
    """The timeline forgets after 400 days who said it; the lead does not."""
    texted(context)
    for item in aws.items():
        if item[table.SK].startswith(table.EVENTS_PREFIX):
            clients.dynamodb().delete_item(TableName=aws.table_name, Key=to_item({n: item[n] for n in (table.PK, table.SK)}))  # fmt: skip
    finish(ask(), monkeypatch)
    left = addresses.get_address(NAME)
    assert (left.suppressed, left.opted_in_at) == ("erased", None)


def test_a_number_that_only_a_browser_named_is_somebody_elses_perhaps_and_stays(
    aws: Aws, context: Context, monkeypatch
):
    ada(context)
    did(context, "e3", "Form Submitted", email=EMAIL_ADDRESS, traits={"phone": PHONE}, source="public")
    finish(ask(), monkeypatch)
    assert addresses.get_address(NAME).version == 0


def test_the_words_of_a_task_go_and_its_message_in_slack_is_found(aws: Aws, context: Context, monkeypatch):
    ada(context)
    ref = SendRef(LEAD_ID, "decision", 1, 0)
    run, address = a_run("decision", lead_id=LEAD_ID, step=1), addresses.get_address(ADDRESS)
    words = tasks.Task("Call Adacanary", "Ask about Canary Freight")
    assert (
        tasks.give(ref, said=Said("call-task", "b", "task"), task=words, at=NOW, address=address, run=run) == "claimed"
    )
    deliveries.record(LEAD_ID, ref, "slack", by="a", channel="C1", ts="1.2")
    finish(ask(), monkeypatch)
    told = [json.loads(item["detail"]) for item in aws.items() if item.get("detail_type") == "LeadErased"]
    assert [each["messages"] for each in told] == [[{"channel": "C1", "ts": "1.2"}]]
    assert tasks.get_task(ref) is None
    assert "canary" not in str(aws.items()).lower().replace(LEAD_ID, "")
