"""
Read leads back: ranked, one, by address, what was settled when, why one was not mailed; and how sales and nurturing did.

Trigger      HTTP GET /v1/leads, GET /v1/leads/{id}, GET /v1/leads/{id}/history, GET /v1/leads/{id}/export,
             GET /v1/leads/{id}/mailing, POST /v1/leads/lookup, with an admin key (events/http_leads.json,
             events/http_lead_lookup.json, ...); GET /v1/reports/sla, GET /v1/reports/nurture, with an admin or a sales
             key (events/http_report_sla.json, events/http_report_nurture.json)
Reads        lead, alias, timeline, change, handoff, enrollment and send items, the rank and due indexes, the playbook;
             address items too; whether mailing is paused
Writes       nothing
Emits        nothing
Repeat-safe  read only
"""

import base64
import json
import re
import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.leads.consent import consent_view
from functions.leads.export import export_page
from functions.leads.mailing import mailing_answer
from functions.leads.nurture_reports import nurture_answer
from functions.leads.reading import ranked, recent, standing_at
from functions.leads.reports import sla_answer
from functions.leads.view import history_view, lead_view, ranked_view
from shared.aws import lead_views, playbooks
from shared.aws.leads import get_lead
from shared.aws.secret_values import identity_secret, signing_secret
from shared.errors import InvalidInputError, NaiveTimeError
from shared.identity import EMAIL, home, normal_email
from shared.instants import EARLIEST, parse_instant
from shared.keys import key_kind
from shared.lead import Lead
from shared.rules.model import BANDS, ScoringModel, scoring_model

REPORTS = {"/v1/reports/sla": sla_answer, "/v1/reports/nurture": nurture_answer}
LEAD_ID = re.compile("[a-z2-7]{16}")
LATEST = 7_258_118_400
"""2200-01-01T00:00:00Z."""

LIMIT = 200
"""Most leads one page lists."""


def model() -> ScoringModel:
    """The scoring part of the playbook in force."""
    return _model(playbooks.current()["bundle"])


@lru_cache(maxsize=1)
def _model(bundle: str) -> ScoringModel:
    return scoring_model(playbooks.document(bundle))


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one API request. Errors are `{"code", "message"}`."""
    _ = context
    headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
    scheme, _space, token = headers.get("authorization", "").partition(" ")
    report = next((made for path, made in REPORTS.items() if event["rawPath"].rstrip("/").endswith(path)), None)
    may_ask = ("admin",) if report is None else ("admin", "sales")
    if scheme.lower() != "bearer" or key_kind(token.strip(), signing_secret()) not in may_ask:
        return _answer(401, _error("unauthorized", f"send Authorization: Bearer <{' or '.join(may_ask)} key>"))
    try:
        if report is not None:
            return _answer(200, report(event.get("queryStringParameters") or {}, int(time.time())))
        return _answer(*_respond(event))
    except InvalidInputError as error:
        return _answer(400, _error("invalid", str(error)))


def _respond(event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    query = event.get("queryStringParameters") or {}
    path = event["rawPath"].rstrip("/")
    now = _as_of(query)
    if event["requestContext"]["http"]["method"] == "POST":
        address = _address(event)
        return _one(home(EMAIL, address, identity_secret()), now)
    if path.endswith("/v1/leads"):
        band = query.get("band")
        if band is not None and band not in BANDS:
            raise InvalidInputError("band", f"must be one of {', '.join(BANDS)}")
        best = ranked((band,) if band else BANDS, _limit(query), model(), now, past="as_of" in query)
        return 200, ranked_view(best, now)
    lead_id = (event.get("pathParameters") or {})["id"]
    if LEAD_ID.fullmatch(lead_id) is None:
        return 404, _no_lead()
    what = path.rpartition("/")[2]
    if what not in ("history", "export", "mailing"):
        return _one(lead_id, now)
    lead = get_lead(lead_id)
    return (404, _no_lead()) if lead is None else (200, _part(what, lead, query, now))


def _part(what: str, lead: Lead, query: dict[str, str], now: int) -> dict[str, Any]:
    if what == "history":
        return history_view(lead, lead_views.changes(lead))
    if what == "export":
        return export_page(lead, query.get("cursor"))
    return mailing_answer(lead, model(), now)


def _one(lead_id: str, now: int) -> tuple[int, dict[str, Any]]:
    lead = get_lead(lead_id)
    if lead is None:
        return 404, _no_lead()
    rules = model()
    then = standing_at(lead, rules, now)
    if then is None:
        newest = lead_views.newest_change_before(lead, now)
        gone = _error("gone", "as_of lies before the oldest event the timeline still holds")
        return 410, gone | {"newest_change_before": newest}
    shown = lead_view(then, lead_views.companions(lead), recent(lead, until=now), rules, now)
    silence = playbooks.current()["mail"]["consent"] == "implied"
    return 200, shown | {"consent": consent_view(lead, silence_is_consent=silence)}


def _as_of(query: dict[str, str]) -> int:
    said = query.get("as_of")
    if said is None:
        return int(time.time())
    try:
        instant = parse_instant(said.replace(" ", "+"))
    except (NaiveTimeError, OverflowError, ValueError) as error:
        raise InvalidInputError("as_of", "must be a time with a zone, as in 2026-01-05T09:00:00Z") from error
    if not EARLIEST <= instant <= LATEST:
        raise InvalidInputError("as_of", "must lie between 1990 and 2200")
    return instant


def _limit(query: dict[str, str]) -> int:
    said = query.get("limit", "20")
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:4]) <= LIMIT and len(said) <= 3):
        raise InvalidInputError("limit", f"must be a whole number from 1 to {LIMIT}")
    return int(said)


def _address(event: dict[str, Any]) -> str:
    body = event.get("body") or ""
    try:
        said = json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except (RecursionError, ValueError) as error:
        raise InvalidInputError("body", 'must be JSON, as in {"email": "ada@example.com"}') from error
    address = said.get("email") if isinstance(said, dict) else None
    if not isinstance(address, str) or "@" not in address or not address.isprintable():
        raise InvalidInputError("email", "must be a mail address")
    return normal_email(address)


def _no_lead() -> dict[str, Any]:
    return _error("not_found", "no such lead")


def _error(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message}


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps(body, ensure_ascii=False),
    }
