"""Forms through the handler: the playbook in force, where the browser is sent, and how a script is answered."""

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.exceptions import ClientError

from functions.ingest import handler as ingest
from functions.ingest.forms import Form, read_form, redirect_target
from functions.ingest.forms_rules import FormRules
from shared.aws import clients, playbooks
from shared.instants import parse_instant
from shared.keys import mint_key
from tests.conftest import SIGNING_SECRET, Aws, Context
from tests.source_tree import ROOT

PUBLIC = mint_key("public", "website", SIGNING_SECRET)
SERVER = mint_key("server", "backend", SIGNING_SECRET)
NOW = parse_instant("2026-11-22T12:00:00Z")
HOSTS = ["www.example.com", "127.0.0.1:8000", ""]

LISTED = {
    "fields": {"firma": "traits.company"},
    "consent": {"field": "letter", "text": "Send me the letter", "version": "2026-11", "topic": "newsletter"},
    "double_opt_in": True,
    "honeypot": "url2",
    "min_seconds": 3,
    "next": "https://www.example.com/thanks",
    "event": {"product": "ripen"},
}


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "time", SimpleNamespace(time=lambda: NOW + 0.9))


def put_in_force(**form: Any) -> None:
    """Publish a playbook that lists the form `demo`."""
    playbooks.seed()
    compiled = {**playbooks.current(), "bundle": "with-forms-1", "forms": {"demo": {**LISTED, **form}}}
    playbooks.put(compiled, by="tests")
    seen = playbooks.pointer()
    assert seen is not None
    playbooks.move("with-forms-1", seen=seen.bundle, by="tests")
    playbooks.forget()


def post(context: Context, fields: dict[str, str], form: str = "demo", **headers: str) -> dict[str, Any]:
    request = {
        "rawPath": f"/forms/{form}",
        "headers": {"content-type": "application/x-www-form-urlencoded", **headers},
        "body": urlencode({"write_key": PUBLIC, "email": "maria@example.com", **fields}),
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = ingest.handler(request, context)
    return answer


def queued(aws: Aws) -> dict[str, Any]:
    (message,) = aws.messages(aws.events_queue_url)
    (event,) = message["events"]
    return dict(event)


def test_a_listed_form_is_read_by_the_playbook_in_force(aws: Aws, context: Context) -> None:
    assert post(context, {"firma": "Acme"})["statusCode"] == 200
    assert queued(aws)["properties"] == {"form": "demo", "firma": "Acme"}
    put_in_force()
    assert post(context, {"firma": "Acme", "letter": "weekly"})["headers"]["location"] == LISTED["next"]
    event = queued(aws)
    assert event["traits"] == {"email": "maria@example.com", "company": "Acme", "consent": True}
    assert event["properties"]["consent"]["text"] == "Send me the letter"
    assert event["context"]["form"] == "demo"
    post(context, {"firma": "Acme"}, form="other")
    assert queued(aws)["properties"] == {"form": "other", "firma": "Acme"}


@pytest.mark.parametrize("said", [{"url2": "x"}, {"started_at": f"{NOW}000"}])
def test_the_traps_of_the_playbook_only_mark(aws: Aws, context: Context, said: dict[str, str]) -> None:
    put_in_force()
    assert post(context, {**said, "letter": "on"})["statusCode"] == 303
    event = queued(aws)
    assert event["verdict"] == "machine"
    assert "consent" not in event["traits"]


def test_a_form_whose_playbook_cannot_be_read_is_not_lost(aws: Aws, context: Context, monkeypatch) -> None:
    def fail(**_said: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "GetItem")

    monkeypatch.setattr(clients.dynamodb(), "get_item", fail)
    with pytest.raises(ClientError):
        post(context, {})


def test_who_has_no_key_costs_no_read_of_the_table(aws: Aws, context: Context, monkeypatch) -> None:
    monkeypatch.setattr(clients.dynamodb(), "get_item", None)
    assert post(context, {"write_key": "public_website_forged"})["statusCode"] == 401


def test_only_forms_load_what_reads_the_playbook() -> None:
    program = "import json, sys, functions.ingest.handler; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert {"shared.aws.playbooks", "shared.bundle", "shared.aws.items"} & loaded == set()


PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("headers", "answered"),
    [(PAGE, "page"), ({}, "page"), ({"accept": "*/*"}, "page"), ({"accept": "application/json"}, "json"),
     ({"accept": "application/json, text/plain, */*"}, "json"), ({"content-type": "application/json"}, "json"),
     ({"content-type": "application/json", "accept": "*/*"}, "json"), ({"content-type": "application/json", **PAGE}, "page"),
     ({"content-type": "text/plain", "accept": "*/*"}, "page")],
)  # fmt: skip
def test_a_script_reads_json_and_a_person_a_page(aws: Aws, context: Context, headers, answered) -> None:
    request = {
        "rawPath": "/forms/demo",
        "headers": {"content-type": "application/x-www-form-urlencoded", **headers},
        "body": json.dumps({"email": "m@example.com", "write_key": PUBLIC}),
        "isBase64Encoded": False,
    }
    answer = ingest.handler(request, context)
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"].startswith("text/html" if answered == "page" else "application/json")


@pytest.mark.parametrize(
    ("headers", "kind"),
    [(PAGE, "text/html"), ({}, "application/json"), ({"accept": "application/json"}, "application/json"),
     ({"content-type": "application/json", "accept": "*/*"}, "application/json")],
)  # fmt: skip
def test_an_error_names_its_field_to_a_script_and_to_a_person(aws: Aws, context: Context, headers, kind) -> None:
    request = {
        "rawPath": "/forms/demo",
        "headers": {"content-type": "application/x-www-form-urlencoded", **headers},
        "body": json.dumps({"email": "<b>maria", "write_key": PUBLIC}),
        "isBase64Encoded": False,
    }
    answer = ingest.handler(request, context)
    assert answer["statusCode"] == 400
    assert answer["headers"]["content-type"].startswith(kind)
    assert "email is not an email address" in answer["body"]
    assert "maria" not in answer["body"]


def form_with(wanted: str, **rules: Any) -> Form:
    return read_form("demo", [("next", wanted)], FormRules(**rules))


_HOST = "www.example.com"
TRICKS = [
    # another host
    "https://evil.example", "http://evil.example/", "//evil.example", "///evil.example", "////evil.example", "https:evil.example",
    "https:/evil.example", "https:///evil.example", "https:////evil.example", "http:evil.example", "HTTPS://EVIL.EXAMPLE",
    # a host that looks like ours
    f"https://{_HOST}.evil.example", f"https://{_HOST}evil.example", f"https://evil.example/{_HOST}", f"https://evil.example?{_HOST}",
    f"https://evil.example#{_HOST}", f"https://evil.{_HOST}", f"https://evil{_HOST}", "https://example.com", "https://example.com.",
    f"https://{_HOST}.", f"https://.{_HOST}", f"https://{_HOST}..", "https://www.example.co", "https://www.example.comm",
    "https://www-example.com", "https://wwwexample.com", "https://www.example.com-evil.example", "https://www.exampIe.com",
    # user names
    f"https://{_HOST}@evil.example", f"https://{_HOST}:443@evil.example", f"https://{_HOST}:x@evil.example", f"https://@{_HOST}",
    f"https://evil.example@{_HOST}", f"https://evil.example:pw@{_HOST}", f"https://{_HOST}%40evil.example",
    f"https://{_HOST}%2540evil.example", "https://@@evil.example", f"https://{_HOST}@@evil.example", f"https://a@b@{_HOST}",
    # backslashes, blanks and control characters
    f"https:\\\\{_HOST}", "\\\\evil.example", "/\\evil.example", "https://evil.example\\" + f"@{_HOST}", f"https://{_HOST}\\@evil.example",
    f"https://{_HOST}\\.evil.example", f" https://{_HOST}", f"https://{_HOST} .evil.example", f"\thttps://{_HOST}", f"\x01https://{_HOST}",
    f"https://{_HOST}\r\nLocation: https://evil.example", f"https://{_HOST}\n", f"https://{_HOST}/\r\n\r\n<script>", f"ht\ntps://{_HOST}",
    f"https://{_HOST}\t.evil.example", f"https://{_HOST}\x00.evil.example", f"https://{_HOST}\x7f", f"https://{_HOST}\x0b", f"\ufeffhttps://{_HOST}",
    f"https://\u00a0{_HOST}", f"https://{_HOST}\u2028", f"https://{_HOST}\u3000.evil.example",
    # encoded hosts
    "https://%65vil.example", f"https://{_HOST}%00.evil.example", f"https://{_HOST}%2eevil.example", f"https://{_HOST}%2f.evil.example",
    f"https://{_HOST}%5c.evil.example", f"https://{_HOST}%23.evil.example", f"https://{_HOST}%3f.evil.example", "https://www%2eexample%2ecom",
    # other signs for dots, slashes and letters
    f"https://{_HOST}\uff0eevil.example", f"https://{_HOST}\u3002evil.example", f"https://{_HOST}\uff61evil.example", "https://www\u3002example\u3002com",
    f"https://{_HOST}\uff0fevil.example", f"https://{_HOST}\u2044evil.example", f"https://{_HOST}\u2215evil.example", f"https://{_HOST}\u2100evil.example",
    f"https://{_HOST}\uff03evil.example", f"https://{_HOST}\uff1fevil.example", f"https://{_HOST}\uff20evil.example", f"https:\uff0f\uff0f{_HOST}",
    "https://\uff57\uff57\uff57.example.com", "https://www.ex\u0430mple.com", "https://www.example.c\u1d0fm", "https://xn--www-example-com",
    f"https://{_HOST}\u200b.evil.example", f"https://\u202e{_HOST}", f"https://{_HOST}\u00ad",
    # other schemes
    "javascript:alert(1)", f"javascript://{_HOST}/%0aalert(1)", f"JaVaScRiPt://{_HOST}", "data:text/html,<script>", f"data://{_HOST}", "vbscript:x",
    f"ftp://{_HOST}", f"file://{_HOST}/etc/passwd", f"ws://{_HOST}", f"blob:https://{_HOST}/x", f"view-source:https://{_HOST}", "about:blank",
    f"intent://{_HOST}#Intent;end", f"httpss://{_HOST}", f"http+s://{_HOST}", "mailto:a@www.example.com", "tel:1", _HOST, f"{_HOST}/x", "/thanks",
    "thanks", "?x", "#x", ".", "..", "",
    # ports and addresses
    f"https://{_HOST}:evil", f"https://{_HOST}:80:80", f"https://{_HOST}:99999", f"https://{_HOST}:-1", "https://127.0.0.1", "https://127.0.0.1:80",
    "https://127.0.0.1:8001", "https://2130706433:8000", "https://0x7f.1:8000", "https://127.1:8000", "https://[::ffff:127.0.0.1]:8000", "https://[::1]",
    f"https://[{_HOST}]", f"https://[{_HOST}", "https://[", "https://]", "https://", "https://:80", "https://?", "http://#", "https://;",
    f"https://{_HOST};evil.example", f"https://{_HOST},evil.example", f"https://{_HOST}|evil.example", f"https://{_HOST}&@evil.example",
    f"https://{_HOST}" + "/x" * 600, "https://" + "a." * 400 + "example",
]  # fmt: skip


def test_there_are_a_hundred_tricks_and_more() -> None:
    assert len(set(TRICKS)) == len(TRICKS) >= 100


@pytest.mark.parametrize("wanted", TRICKS)
def test_no_trick_sends_a_browser_where_we_do_not_send_it(wanted: str) -> None:
    assert redirect_target(form_with(wanted), HOSTS) is None
    assert redirect_target(form_with(wanted, next=f"https://{_HOST}/thanks"), HOSTS) == f"https://{_HOST}/thanks"


@pytest.mark.parametrize("wanted", TRICKS)
def test_no_trick_in_the_playbook_either(wanted: str) -> None:
    assert redirect_target(form_with("", next=wanted), HOSTS) is None


@pytest.mark.parametrize(
    "wanted",
    [f"https://{_HOST}", f"https://{_HOST}/", f"HTTPS://{_HOST.upper()}/A", f"http://{_HOST}:8443/x?y=1#z", "http://127.0.0.1:8000/ok",
     f"https://{_HOST}/tåck?q=ü", f"https://{_HOST}/?u=https://evil.example", f"https://{_HOST}/%0d%0aX:1", f"https://{_HOST}//evil.example",
     f"https://{_HOST}?x#@evil.example"],
)  # fmt: skip
def test_a_place_we_list_is_reached_and_the_header_stays_one_line_of_ascii(wanted: str) -> None:
    target = redirect_target(form_with(wanted), HOSTS)
    assert target is not None
    assert target.isascii()
    assert target.isprintable()
    assert urlsplit(target).hostname == urlsplit(wanted).hostname


def test_an_empty_list_of_hosts_allows_nothing() -> None:
    assert redirect_target(form_with("https:///x"), [""]) is None
