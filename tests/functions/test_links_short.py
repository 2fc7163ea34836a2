"""The short links of text messages: where they lead, that nobody else can make one, and that a new playbook breaks none."""

import json
import os
from pathlib import Path

import pytest

from functions.links import handler as module
from functions.links.handler import handler
from shared import links
from shared.aws import sends
from shared.aws.addresses import get_address
from shared.bundle import playbook_document
from shared.engagement import Seen
from shared.mailing import SendRef
from shared.short_links import ShortLink, short_token
from tests.conftest import SIGNING_SECRET, Aws, Context, sample
from tests.nurture_world import ADDRESS, LEAD_ID, LINKS, NOW, a_run, consenting, forget, use_playbook

REF = SendRef(LEAD_ID, "decision", 1, 2)


@pytest.fixture(autouse=True)
def _playbook(aws, tmp_path, monkeypatch):
    use_playbook(tmp_path, monkeypatch)
    monkeypatch.setattr(module.time, "time", lambda: NOW)
    yield
    forget()


def follow(context: Context, token: str, path: str = "c", method: str = "GET"):
    event = sample("http_click")
    http = {**event["requestContext"]["http"], "method": method}
    return handler(
        {**event, "rawPath": f"/{path}/{token}", "pathParameters": {"token": token},
         "requestContext": {**event["requestContext"], "http": http}},
        context,
    )  # fmt: skip


def told(aws: Aws) -> list[Seen]:
    return [Seen.from_message(message["touch"]) for message in aws.messages(aws.engagement_queue_url)]


TOKEN = short_token(ShortLink(REF, "demo"), SIGNING_SECRET)


def test_a_short_link_leads_to_its_page_and_is_told_as_a_click_of_its_message(aws: Aws, context: Context):
    answer = follow(context, TOKEN)
    assert (answer["statusCode"], answer["headers"]["location"]) == (302, LINKS["demo"])
    (seen,) = told(aws)
    assert (seen.send_id, seen.kind, seen.url) == (REF.send_id, "click", LINKS["demo"])
    assert seen.id == f"click:{links.fingerprint(TOKEN)}:{NOW}"


@pytest.mark.parametrize(("path", "method"), [("u", "GET"), ("u", "POST"), ("o", "GET"), ("y", "POST"), ("d", "GET")])
def test_a_short_link_is_good_for_nothing_else(aws: Aws, context: Context, path, method):
    assert follow(context, TOKEN, path, method)["statusCode"] == 404
    assert told(aws) == []
    assert get_address(ADDRESS).version == 0


@pytest.mark.parametrize("token", [TOKEN[:-1] + ("A" if TOKEN[-1] != "A" else "B"), "1" + "A" * 31, "9" + TOKEN[1:]])
def test_nobody_else_can_make_one(aws: Aws, context: Context, token):
    assert follow(context, token)["statusCode"] == 404
    assert told(aws) == []


def test_a_link_outlives_its_track_and_its_page(aws: Aws, context: Context, tmp_path, monkeypatch):
    """The playbook of the send says what a newer one no longer does."""
    consenting()
    said = sends.Said("decision-3-sms", playbook_document()["bundle"], "sms")
    address = get_address(ADDRESS)
    run = a_run("decision", step=3)
    assert sends.claim(REF, said=said, at=NOW, address=address, recent=(), run=run) == "claimed"
    older = json.loads(Path(os.environ["PLAYBOOK_PATH"]).read_text("utf-8"))
    monkeypatch.setattr("functions.links.short.playbooks.document", lambda _bundle: older)
    newer = {**older, "bundle": "newer", "tracks": {}, "mail": {**older["mail"], "links": {}}}
    monkeypatch.setattr("functions.links.short.playbooks.current", lambda: newer)
    answer = follow(context, TOKEN)
    assert (answer["statusCode"], answer["headers"]["location"]) == (302, LINKS["demo"])


def test_of_who_was_erased_an_old_link_leads_nowhere(aws: Aws, context: Context, monkeypatch):
    monkeypatch.setattr(
        "functions.links.short.playbooks.current",
        lambda: {"bundle": "newer", "tracks": {}, "mail": {"links": {}}},
    )
    assert follow(context, TOKEN)["statusCode"] == 404
