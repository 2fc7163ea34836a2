"""
The OpenAPI 3.1 document of the HTTP API, and the JSON Schemas of the intake: `make openapi` writes them, a test compares.

Routes are those of infra/http_api.py, limits and words those of the code, examples the samples of events/. The document is
`functions/ingest/static/openapi.json`, which the API serves; the schemas are in `events/schemas/intake/`.
"""

import ast
import base64
import json
import re
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import parse_qsl

from functions.ingest import forms_body
from functions.ingest.body import BATCH_BYTES
from functions.leads import handler as reading
from functions.sales.api import MAX_NUMBER
from shared.forms import FORM_NAME
from shared.intake import segment, values
from shared.links import RepPurpose
from shared.rules.handoff import ACTIONS
from shared.rules.model import BANDS
from shared.rules.sla_report import BY
from tests.contracts.openapi_schemas import (
    ERASURE_ID,
    FREE,
    LEAD_ID,
    TIME,
    Schema,
    components,
    lead_event_message,
    one_of,
    ref,
    text,
)
from tests.contracts.schemas import EVENTS, SCHEMAS
from tests.source_tree import ROOT, module

DOCUMENT = ROOT / "functions" / "ingest" / "static" / "openapi.json"
INTAKE = SCHEMAS / "intake"

KEYS: Schema = {
    "writeKey": {
        "type": "http",
        "scheme": "basic",
        "description": "A public or server key as the user name, no password.",
    },
    "writeKeyHeader": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
    "writeKeyInAddress": {"type": "apiKey", "in": "query", "name": "writeKey"},
    "formKeyInAddress": {"type": "apiKey", "in": "query", "name": "write_key"},
    "adminKey": {"type": "http", "scheme": "bearer", "description": "An admin key."},
    "salesKey": {"type": "http", "scheme": "bearer", "description": "A sales key."},
    "outcomesKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "An outcomes key; as the user name of HTTP Basic too.",
    },
    "standardWebhook": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks 1, with `webhook-id` and `webhook-timestamp`, and `?label=` in the address.",
    },
    "slackSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Slack-Signature",
        "description": "Slack's, version v0, with `X-Slack-Request-Timestamp`.",
    },
}
INTAKE_KEYS: list[Schema] = [{"writeKey": []}, {"writeKeyHeader": []}, {"writeKeyInAddress": []}, {}]
"""The last, none, stands for a key in the body."""

ADMIN: list[Schema] = [{"adminKey": []}]
TAGS = {
    "ingest": "Intake",
    "links": "Links of mails",
    "sales": "Sales",
    "leads": "Leads",
    "erase": "Erasure",
    "mail_feedback": "What became of mails, and who gets none",
}
WORDS = {
    "400": "It cannot be used: `field` and `message` say why. Sent again it will be refused again.",
    "401": "The key is missing, unknown, or one of another kind.",
    "404": "There is no such thing.",
    "409": "It stands in the way of what is.",
    "410": "The timeline no longer reaches back that far.",
    "413": "Too much at once: send less.",
    "429": "The key sends too much at once: send the same again after `Retry-After`.",
    "503": "Others kept changing it: nothing was done, send it again.",
    "5XX": "A fault on our side: send the same again.",
}


def json_of(name: str) -> Schema:
    return {"application/json": {"schema": ref(name)}}


def page() -> Schema:
    return {"text/html": {"schema": ref("WebPage")}}


def answer(status: str, content: Schema | None = None, about: str = "", headers: tuple[str, ...] = ()) -> Schema:
    said: Schema = {"description": about or WORDS.get(status, "Done.")}
    if headers:
        said["headers"] = {name: {"schema": text()} for name in headers}
    return {status: said | ({} if content is None else {"content": content})}


REFUSALS = ("400", "401", "404", "409", "413", "429", "503")


def refusals(*statuses: str) -> Schema:
    """Return the error answers of these statuses, and the one that any request may get."""
    return {status: {"$ref": f"#/components/responses/Refused{status}"} for status in statuses} | FAILURE


FAILURE: Schema = {"5XX": {"$ref": "#/components/responses/Failure"}}


def responses() -> Schema:
    """Return the answers that many operations share."""
    said = {f"Refused{status}": answer(status, json_of("Error"))[status] for status in REFUSALS}
    said["Refused429"]["headers"] = {
        "Retry-After": {"description": "Seconds.", "schema": text()},
        "X-RateLimit-Reset": {"description": "Milliseconds since 1970.", "schema": text()},
    }
    said["Refused429"]["content"] = {"application/json": {"schema": {"anyOf": [ref("Error"), ref("Failure")]}}}
    return said | {"Failure": answer("5XX", json_of("Failure"))["5XX"]}


def body(schema: Schema, *samples: str, media: str = "application/json", about: str = "") -> Schema:
    content: Schema = {"schema": schema}
    if samples:
        content["examples"] = {name.removeprefix("http_"): {"value": example(name)} for name in samples}
    said: Schema = {"required": True, "content": {media: content}}
    return said | ({"description": about} if about else {})


def example(name: str) -> Any:
    """Return the body of the sample as the JSON it spells; of a form its fields."""
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    written = base64.b64decode(event["body"]).decode() if event["isBase64Encoded"] else event["body"]
    return json.loads(written) if written.startswith("{") else dict(parse_qsl(written, keep_blank_values=True))


def parameter(name: str, schema: Schema, *, where: str = "path", about: str = "") -> Schema:
    said: Schema = {"name": name, "in": where, "required": where == "path", "schema": schema}
    return said | ({"description": about} if about else {})


SIZES = (
    f"JSON in UTF-8 under any content type, plain, gzip or deflate: the bytes decide. {values.EVENT_BYTES // 1024} KB an event "
    f"({values.SINGLE_BYTES // 1024} KB as it travels)"
)


BODIES = {
    "Identify": "http_browser_identify", "Track": "http_curl_track", "Page": "http_browser_page", "Screen": None,
    "Group": "http_browser_group", "Alias": "http_browser_alias", "Batch": "http_python_batch", "Call": None,
}  # fmt: skip
"""Body of a call, or of one of many calls, to a sample of it."""


def request_bodies() -> Schema:
    said: Schema = {}
    for name, sample in BODIES.items():
        sizes = (
            f"{SIZES}, {BATCH_BYTES // 1024} KB and {segment.MAX_EVENTS:,} events a batch"
            if name in ("Batch", "Call")
            else SIZES
        )
        said[name] = body(ref(name), *([sample] if sample else []), about=f"{sizes}.")
    said["Call"]["content"]["application/json"]["schema"] = {"anyOf": [ref("Call"), ref("Batch")]}
    return said


def call(name: str, *, route: str) -> Schema:
    refused = ("400", "401", "404", "413", "429") if "{" in route else ("400", "401", "413", "429")
    return {
        "requestBody": {"$ref": f"#/components/requestBodies/{name}"},
        "security": INTAKE_KEYS,
        "responses": answer("200", json_of("Taken"), "Queued: it will count, once.") | refusals(*refused),
    }


def calls() -> dict[str, Schema]:
    """Return the operations of the tracking API under all their addresses."""
    said: dict[str, Schema] = {}
    for last, kind in segment.ROUTES.items():
        route = f"POST /v1/{last}"
        said[route] = {"summary": f"Segment's {kind}", **call(kind.capitalize(), route=route)}
    said["POST /beacon/v1/batch"] = {
        "summary": "A batch that a page of RudderStack's SDK sends as it goes away",
        **call("Batch", route="POST /beacon/v1/batch"),
    }
    for route, who in (("POST /api/s/{call}", "browser"), ("POST /api/s/s2s/{call}", "server")):
        said[route] = {
            "summary": f"A call of Jitsu's SDK, {who}",
            "parameters": [parameter("call", one_of(segment.ROUTES))],
            **call("Call", route=route),
        }
    return said


def intake() -> dict[str, Schema]:
    """Return the other operations of `ingest`."""
    file = {"description": "The client has it already."}
    kept = ("ETag", "Cache-Control")

    def served(media: str, about: str, schema: Schema) -> Schema:
        return {
            "security": [],
            "parameters": [parameter("If-None-Match", text(), where="header")],
            "responses": answer("200", {media: {"schema": schema}}, about, kept) | {"304": file} | FAILURE,
        }

    settings = refusals("404") | answer("404", json_of("Error"), "The key is not a public key of this stage.")
    form_body = body(ref("Form"), "http_form_urlencoded", media="application/x-www-form-urlencoded", about=(
        f"{values.EVENT_BYTES // 1024} KB and {forms_body.MAX_FIELDS} fields. `write_key` is the key, `next` where the visitor goes."
    ))  # fmt: skip
    form_body["content"] |= {
        "multipart/form-data": {"schema": ref("Form")},
        "application/json": {"schema": ref("Form")},
    }
    either = {**json_of("Error"), **page()}
    refused = refusals("400", "401", "413", "429")
    for status in ("400", "401", "413"):
        refused |= answer(status, either)

    def by_hand(summary: str, schema: str, sample: str) -> Schema:
        return {
            "summary": summary,
            "parameters": [parameter("lead_id", text() | {"pattern": LEAD_ID})],
            "requestBody": body(ref(schema), sample),
            "security": ADMIN,
            "responses": answer("200", json_of("Said"), "Queued: it counts once by `event_id`.")
            | refusals("400", "401", "404", "413"),
        }

    return {
        "GET /v1/projects/{key}/settings": {
            "summary": "What Segment's browser SDK asks for first",
            "parameters": [parameter("key", text(about="A public key."))],
            "security": [],
            "responses": answer("200", json_of("SegmentSettings"), "The settings.", ("Cache-Control",)) | settings,
        },
        "GET /sourceConfig": {
            "summary": "What RudderStack's browser SDK asks for first",
            "security": [{"writeKey": []}, {"writeKeyInAddress": []}],
            "responses": answer("200", json_of("SourceConfig"), "The settings.", ("Cache-Control",)) | settings,
        },
        "POST /v1/m": {
            "summary": "What Segment's browser SDK counts of itself; nothing is kept",
            "security": [],
            "responses": answer("200", json_of("Taken")) | FAILURE,
        },
        "GET /ripen.js": {
            "summary": "Our own tracker",
            **served("text/javascript", "The script.", {"type": "string"}),
        },
        "GET /openapi.json": {
            "summary": "This document",
            **served("application/json", "OpenAPI 3.1.", {"type": "object", "required": ["openapi", "paths"]}),
        },
        "POST /forms/{form}": {
            "summary": "An HTML form",
            "parameters": [parameter("form", text() | {"pattern": FORM_NAME})],
            "requestBody": form_body,
            "security": [{"writeKey": []}, {"formKeyInAddress": []}, {}],
            "responses": answer("200", json_of("Taken") | page(), "Taken: JSON for a script, a page for a person.")
            | answer("303", None, "Taken; the browser goes on to an allowed place.", ("Location",))
            | refused,
        },
        "POST /v1/leads/{lead_id}/adjustments": by_hand("Points by hand", "Adjustment", "http_adjustment"),
        "POST /v1/leads/{lead_id}/verdicts": by_hand("Who was at work", "Judgement", "http_verdict"),
        "POST /v1/outcomes": {
            "summary": "What became of leads",
            "parameters": [
                parameter("label", text() | {"pattern": "^[a-z0-9-]{1,32}$"}, where="query", about="Of the signature.")
            ],
            "requestBody": body({"anyOf": [ref("Outcome"), ref("Outcomes")]}, "http_outcome", "http_outcome_webhook"),
            "security": [{"outcomesKey": []}, {"standardWebhook": []}],
            "responses": answer("200", json_of("Taken"), "Queued: each counts once.")
            | refusals("400", "401", "413", "429"),
        },
    }


def reads() -> dict[str, Schema]:
    """Return the operations of `leads` and `erase`."""
    lead = parameter("id", text() | {"pattern": LEAD_ID}, about="Of the lead, or of any home that leads to it.")
    as_of = parameter("as_of", TIME, where="query", about="The instant asked about; else now.")
    limit = parameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": reading.LIMIT, "default": 20}, where="query"
    )
    gone = answer("410", json_of("Gone"))

    def read(summary: str, schema: str, *parameters: Schema, missing: bool = True, **more: Any) -> Schema:
        return {
            "summary": summary,
            **({"parameters": list(parameters)} if parameters else {}),
            "security": ADMIN,
            **more,
            "responses": answer("200", json_of(schema), "Found.")
            | refusals("400", "401", *(["404"] if missing else [])),
        }

    erased = answer("200", json_of("EraseAsked"), "It is no lead any more; the rest follows.") | refusals(
        "400", "401", "404", "409", "503"
    )
    said = {
        "GET /v1/leads": read(
            "The ranking", "RankedLeads", as_of, limit, parameter("band", one_of(BANDS), where="query"), missing=False
        ),
        "GET /v1/leads/{id}": read("One lead", "Lead", lead, as_of),
        "GET /v1/leads/{id}/history": read("What was settled when", "LeadHistory", lead, as_of),
        "GET /v1/leads/{id}/export": read(
            "Everything held about one person",
            "ExportPage",
            lead,
            as_of,
            parameter("cursor", text(), where="query", about="`next` of the page before."),
        ),
        "GET /v1/leads/{id}/mailing": read("Why a lead was not mailed", "LeadMailing", lead, as_of),
        "POST /v1/leads/lookup": read(
            "One lead, by address", "Lead", as_of, requestBody=body(ref("Lookup"), "http_lead_lookup")
        ),
        "POST /v1/leads/{id}/erase": {
            "summary": "Erase a person",
            "parameters": [lead],
            "requestBody": body(ref("EraseOrder"), "http_erase"),
            "security": ADMIN,
            "responses": erased,
        },
        "POST /v1/leads/erase": {
            "summary": "Erase a person, by address or user id",
            "requestBody": body(ref("EraseByIdentity"), "http_erase_by_identity"),
            "security": ADMIN,
            "responses": erased,
        },
        "GET /v1/reports/sla": {
            **read(
                "How soon sales answers what it is given",
                "SlaReport",
                parameter(
                    "from", text(), where="query", about="A day of UTC or a time with a zone; else 13 weeks ago."
                ),
                parameter("to", text(), where="query", about="The same; else now."),
                parameter("by", one_of(BY), where="query", about="One split; else all of them."),
                missing=False,
            ),
            "security": [{"adminKey": []}, {"salesKey": []}],
        },
        "GET /v1/reports/nurture": {
            **read(
                "What the tracks did",
                "NurtureReport",
                parameter(
                    "from", text(), where="query", about="A day of UTC or a time with a zone; else 13 weeks ago."
                ),
                parameter("to", text(), where="query", about="The same; else now."),
                parameter("track", text(), where="query", about="One track of the playbook; else all of them."),
                missing=False,
            ),
            "security": [{"adminKey": []}, {"salesKey": []}],
        },
        "GET /v1/erasures/{id}": read(
            "How far an erasure is", "Erasure", parameter("id", text() | {"pattern": ERASURE_ID})
        ),
    }
    for route in ("GET /v1/leads/{id}", "POST /v1/leads/lookup"):
        said[route]["responses"] |= gone
    return said


def links() -> dict[str, Schema]:
    """Return the operations of `links`: what people follow from a mail. Their token is their key."""
    token = [parameter("token", text(about="As it stands in the mail."))]
    not_ours = answer("404", page(), "The token is not one of ours.") | FAILURE

    def link(summary: str, done: Schema) -> Schema:
        return {"summary": summary, "parameters": token, "security": [], "responses": done | not_ours}

    on = answer("302", None, "On to the page the mail links to.", ("Location",))
    return {
        "GET /c/{token}": link("A link of a mail", on),
        "HEAD /c/{token}": link("A link of a mail, looked at by a scanner", on | {"404": {"description": "Not ours."}}),
        "GET /o/{token}": link(
            "The pixel of a mail",
            answer("200", {"image/gif": {"schema": {"type": "string", "contentMediaType": "image/gif"}}}, "A pixel."),
        ),
        "GET /d/{token}": link("A link that no person sees, and programs follow", answer("200", page(), "Nothing.")),
        "HEAD /d/{token}": link(
            "The same, looked at by a scanner",
            answer("200", None, "Nothing.") | {"404": {"description": "Not ours."}},
        ),
        "GET /u/{token}": link("The page of what is sent, topic by topic", answer("200", page(), "Changes nothing.")),
        "HEAD /u/{token}": link(
            "The same, looked at by a scanner",
            answer("200", None, "Changes nothing.") | {"404": {"description": "Not ours."}},
        ),
        "POST /u/{token}": link(
            "Unsubscribe (RFC 8058), or save topics",
            answer(
                "200",
                page(),
                "No more mail, whatever is posted but the page's own form; else what is sent from now on.",
            ),
        ),
        "GET /y/{token}": link("The page that asks for a confirmation", answer("200", page(), "Changes nothing.")),
        "POST /y/{token}": link(
            "Confirm an address",
            answer("200", page(), "Confirmed.") | answer("410", page(), "Somebody said stop since. Changes nothing."),
        ),
    }


def mail_feedback() -> dict[str, Schema]:
    """Return the operations of `mail_feedback`."""

    def by_hand(summary: str, schema: str, sample: str, result: str, *refused: str) -> Schema:
        return {
            "summary": summary,
            "requestBody": body(ref(schema), sample),
            "security": ADMIN,
            "responses": answer("200", json_of(result)) | refusals("400", "401", *refused),
        }

    forbidden = answer("403", json_of("Error"), "It is not signed by Amazon SNS for a topic of the stage's list.")
    return {
        "POST /v1/mail/events": {
            "summary": "What became of mails, posted by an SNS topic of another account",
            "requestBody": body(ref("SnsMessage"), "http_mail_events", media="text/plain"),
            "security": [],
            "responses": answer("200", {"application/json": {"schema": FREE}}, "Followed.")
            | forbidden
            | answer("404", json_of("Error"), "The stage lists no topic.")
            | FAILURE,
        },
        "POST /v1/suppressions": by_hand(
            "Say whom never to mail again", "Suppressions", "http_suppressions", "SuppressionsTaken"
        ),
        "POST /v1/suppressions/remove": by_hand(
            "Take a suppression back", "SuppressionBack", "http_suppression_remove", "MailAddress", "404", "409"
        ),
        "POST /v1/suppressions/lookup": by_hand(
            "What one address allows", "Lookup", "http_suppression_lookup", "MailAddress"
        ),
    }


def sales() -> dict[str, Schema]:
    """Return the operations of `sales`."""
    refused = {
        "403": "The lead is somebody else's.", "404": "The link does not work, or the lead is gone.",
        "409": "Decided already.", "410": "The link has expired.",
    }  # fmt: skip
    pages = {status: answer(status, page(), about)[status] for status, about in refused.items()} | FAILURE
    link: Schema = {
        "parameters": [
            parameter("action", one_of(get_args(RepPurpose))),
            parameter("token", text(about="As it stands in the alert.")),
        ],
        "security": [],
    }
    return {
        "GET /s/{action}/{token}": {
            "summary": "What a link of an alert would do",
            **link,
            "responses": answer("200", page(), "Changes nothing.") | pages,
        },
        "POST /s/{action}/{token}": {
            "summary": "Do what a link of an alert is for",
            **link,
            "requestBody": {
                "content": {"application/x-www-form-urlencoded": {"schema": ref("LinkForm")}},
                "required": False,
            },
            "responses": answer("200", page()) | answer("400", page()) | answer("413", json_of("Error")) | pages,
        },
        "POST /slack/interactions": {
            "summary": "A button of a handoff, pressed in Slack",
            "requestBody": body(ref("SlackForm"), "http_slack_interaction", media="application/x-www-form-urlencoded"),
            "security": [{"slackSignature": []}],
            "responses": answer("200", None, "Heard.") | refusals("400", "401", "413"),
        },
        "GET /v1/owners": {
            "summary": "Who is given leads, how many they have today, and when they are away",
            "security": [{"salesKey": []}, {"adminKey": []}],
            "responses": answer("200", json_of("Owners"), "Everybody of the playbook.") | refusals("401"),
        },
        "POST /v1/owners/{id}/time-off": {
            "summary": "Say that somebody is away",
            "parameters": [parameter("id", text(), about="The person's id in the playbook.")],
            "requestBody": body(ref("TimeOff"), "http_time_off"),
            "security": [{"salesKey": []}, {"adminKey": []}],
            "responses": answer("200", json_of("Owner"), "The person as they are now.")
            | refusals("400", "401", "404", "409", "413"),
        },
        "DELETE /v1/owners/{id}/time-off": {
            "summary": "Take time off back",
            "parameters": [
                parameter("id", text(), about="The person's id in the playbook."),
                parameter("from", text(), where="query", about="The one that begins then; else all."),
            ],
            "security": [{"salesKey": []}, {"adminKey": []}],
            "responses": answer("200", json_of("Owner"), "The person as they are now.") | refusals("400", "401", "404"),
        },
        "GET /v1/mail": {
            "summary": "Whether mails go out, and what came back of those of the last days",
            "security": [{"adminKey": []}],
            "responses": answer("200", json_of("Mailing")) | refusals("401"),
        },
        "POST /v1/mail/pause": {
            "summary": "Stop every mail that is not on its way yet",
            "requestBody": body(ref("MailPause"), "http_mail_pause"),
            "security": [{"adminKey": []}],
            "responses": answer("200", json_of("Mailing")) | refusals("400", "401", "413"),
        },
        "POST /v1/mail/resume": {
            "summary": "Let mails go out again",
            "requestBody": body(ref("MailResume")),
            "security": [{"adminKey": []}],
            "responses": answer("200", json_of("Mailing")) | refusals("400", "401", "413"),
        },
        "POST /v1/handoffs/{lead_id}/{n}/{action}": {
            "summary": "Accept, reject, contact, win or lose a lead",
            "parameters": [
                parameter("lead_id", text() | {"pattern": LEAD_ID}),
                parameter("n", {"type": "integer", "minimum": 0, "maximum": 10**MAX_NUMBER - 1}),
                parameter("action", one_of(ACTIONS)),
            ],
            "requestBody": body(ref("Move"), "http_handoff_accept"),
            "security": [{"salesKey": []}],
            "responses": answer("200", json_of("Handoff"), "The handoff as it is now.")
            | refusals("400", "401", "404", "409", "413"),
        },
    }


def routes() -> dict[str, tuple[str, ...]]:
    """Function to its routes, read from the infrastructure without importing the CDK."""
    for node in module("infra.http_api").tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "ROUTES":
            assert node.value is not None
            return dict(ast.literal_eval(node.value))
    raise AssertionError("infra/http_api.py has no ROUTES")


def operations() -> Mapping[str, Schema]:
    """Return every operation by its route."""
    return calls() | intake() | reads() | links() | sales() | mail_feedback()


def document() -> Schema:
    """
    Return the document.

    Raises:
        KeyError: A route has no description here.
    """
    known = operations()
    paths: dict[str, Schema] = {}
    for function, served in routes().items():
        for route in served:
            method, path = route.split(" ")
            name = re.sub(r"[^A-Za-z0-9]+", "_", f"{method.lower()}{path}").strip("_")
            paths.setdefault(path, {})[method.lower()] = {"operationId": name, "tags": [TAGS[function]], **known[route]}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Ripen",
            "version": "1",
            "description": (
                "Intake by Segment's tracking API, forms and outcomes; leads, their export and erasure; handoffs. Every "
                "error is `{code, message}`, with the `field` that is wrong where there is one."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": "/", "description": "The API of your stage."}],
        "tags": [{"name": name} for name in TAGS.values()],
        "paths": paths,
        "components": {
            "securitySchemes": KEYS,
            "requestBodies": request_bodies(),
            "responses": responses(),
            "schemas": components(),
        },
    }


def alone(name: str, schema: Schema) -> Schema:
    """Return the schema with what it refers to beside it, for a file of its own."""
    every = components()
    needed: dict[str, Schema] = {}
    waiting = [schema]
    while waiting:
        for found in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(waiting.pop())):
            if found not in needed:
                needed[found] = every[found]
                waiting.append(every[found])
    said = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name, **schema}
    if needed:
        said["$defs"] = dict(sorted(needed.items()))
    return dict(json.loads(json.dumps(said).replace("#/components/schemas/", "#/$defs/")))


def files() -> dict[str, str]:
    """Return what is generated: path within the repository to content."""
    schemas = {call: components()[call.capitalize()] for call in (*segment.CALLS, "batch", "outcome", "outcomes")}
    schemas["lead_event_message"] = lead_event_message()
    made = {INTAKE / f"{name}.json": written(alone(name, schema)) for name, schema in sorted(schemas.items())}
    made[DOCUMENT] = written(document())
    return {path.relative_to(ROOT).as_posix(): content for path, content in made.items()}


def written(said: Schema) -> str:
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    INTAKE.mkdir(exist_ok=True)
    for place, content in files().items():
        (ROOT / place).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    write()
