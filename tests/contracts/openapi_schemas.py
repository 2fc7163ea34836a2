"""
The JSON Schemas (2020-12) of what the HTTP API takes and answers, with the limits the code has: each is imported from where it is kept.

What a schema cannot say (how deep, how many bytes, who may) docs/intake.md says in words.
"""

from typing import Any, get_args

from functions.erase import requests as erasing
from functions.ingest import adjustments, by_hand, outcomes, verdicts
from functions.leads import handler as reading
from functions.mail_feedback import suppressions
from functions.mail_feedback.posted import SIGNED
from functions.sales.api import MoveRequest
from shared.contracts import StageChanged
from shared.handoff import OPTIONAL, TIMES, Means, Outcome, Priority, State
from shared.intake import fields, segment, values
from shared.lead import Source, Verdict
from shared.mailing import ConsentProof
from shared.rules.model import BANDS, GRADES

Schema = dict[str, Any]

LEAD_ID = "^[a-z2-7]{16}$"
ERASURE_ID = "^[0-9a-f]{20}$"
CODES = (
    "busy", "forbidden", "gone", "invalid", "not_allowed", "not_found", "not_suppressed", "shared_device", "stands",
    "too_large", "too_many", "unauthorized", "unknown_reason",
)  # fmt: skip
"""Every code an error may have; a test holds them against the code that answers."""


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def text(longest: int | None = None, about: str = "", *, shortest: int = 0) -> Schema:
    said: Schema = {"type": "string"}
    if longest is not None:
        said["maxLength"] = longest
    if shortest:
        said["minLength"] = shortest
    return said | ({"description": about} if about else {})


def one_of(names: Any) -> Schema:
    return {"type": "string", "enum": list(names)}


def closed(properties: Schema, required: Any = (), about: str = "") -> Schema:
    """Return an object of these fields and no others."""
    return opened(properties, required, about) | {"additionalProperties": False}


def opened(properties: Schema, required: Any = (), about: str = "") -> Schema:
    said: Schema = {"type": "object", "properties": properties}
    if required:
        said["required"] = sorted(required)
    return said | ({"description": about} if about else {})


def whole(properties: Schema, about: str = "") -> Schema:
    """Return an object that always has all of these fields."""
    return closed(properties, properties, about)


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": schema} | ({} if most is None else {"maxItems": most})


TIME: Schema = {"type": "string", "format": "date-time", "description": "ISO 8601 with a zone."}
INSTANT: Schema = {"type": "string", "format": "date-time", "pattern": "Z$", "description": "UTC."}
FREE: Schema = {"type": "object"}
SUCCESS: Schema = {"const": True}
POINTS: Schema = {"type": "number", "description": "Exact to three decimals."}
COUNT: Schema = {"type": "integer", "minimum": 0}
WHO: Schema = {
    "type": ["string", "number", "null"],
    "maxLength": fields.MAX_IDENTIFIER,
    "description": 'Text such as "", "null" and "undefined" names nobody.',
}


def _named(about: str) -> Schema:
    return {
        "type": ["object", "null"],
        "propertyNames": {"maxLength": values.MAX_KEY},
        "description": f"{about} At most {values.MAX_DEPTH} levels deep.",
    }


_CALL: Schema = {
    "userId": WHO,
    "anonymousId": WHO,
    "messageId": {
        "type": ["string", "number", "null"],
        "description": f"What the call counts once by; one of more than {fields.MAX_MESSAGE_ID} signs is none.",
    },
    "timestamp": {"anyOf": [TIME, {"type": "null"}, {"const": ""}], "description": "When it happened; else now."},
    "sentAt": {"anyOf": [TIME, {"type": "null"}, {"const": ""}], "description": "Corrects a clock that is off."},
    "context": {"$ref": "#/components/schemas/Context"},
    "integrations": {
        "description": f"`false` for {' or '.join(segment.OURS)} keeps the call from us. Anything else is passed over."
    },
    "writeKey": {"type": "string", "description": "The key, when it stands nowhere else."},
}
_OWN: dict[str, tuple[Schema, tuple[str, ...], str]] = {
    "identify": (
        {"traits": _named("What is known of the person; `email` names them, `consent` says whether they want mail.")},
        (),
        "Who somebody is.",
    ),
    "track": (
        {"event": text(segment.MAX_NAME, shortest=1), "properties": _named("What is to say of it.")},
        ("event",),
        "What somebody did.",
    ),
    "page": (
        {
            "name": {"type": ["string", "null"]},
            "category": {"type": ["string", "null"]},
            "properties": _named("`path`, `url`, `title`, `referrer`, `search`, and others."),
        },
        (),
        "A page somebody viewed.",
    ),
    "screen": (
        {
            "name": {"type": ["string", "null"]},
            "category": {"type": ["string", "null"]},
            "properties": _named("What is to say of it."),
        },
        (),
        "A screen somebody viewed.",
    ),
    "group": (
        {"groupId": WHO, "traits": _named("What is known of the company.")},
        (),
        "The company somebody belongs to.",
    ),
    "alias": (
        {"previousId": {"type": ["string", "number"], "maxLength": fields.MAX_IDENTIFIER}},
        ("previousId",),
        "Another id of one person.",
    ),
}  # fmt: skip


def calls() -> Schema:
    """Return the schema of each call, of one inside a batch, and of a batch."""
    said: Schema = {
        call.capitalize(): opened(_CALL | own, required, about) for call, (own, required, about) in _OWN.items()
    }
    said["Call"] = {"anyOf": [ref(call.capitalize()) for call in _OWN]}
    said["BatchedCall"] = {
        "oneOf": [
            {"allOf": [ref(call.capitalize()), {"properties": {"type": {"const": call}}, "required": ["type"]}]}
            for call in _OWN
        ],
    }
    said["Batch"] = opened(
        {
            "batch": many(ref("BatchedCall"), segment.MAX_EVENTS),
            "context": ref("Context"),
            "sentAt": _CALL["sentAt"],
            "writeKey": _CALL["writeKey"],
            "history": {
                "type": ["boolean", "null"],
                "description": "What happened then: it scores, and alerts nobody. Server keys only.",
            },
        },
        ["batch"],
        "An event that cannot be used is left out and listed in the answer; the others are taken.",
    )
    said["Context"] = _named("Around the event.") | {
        "properties": {
            "traits": {"description": "`email` names the person."},
            "page": {"description": "`path`, `url`, `title`, `referrer`, `search`"},
            "campaign": {"description": "`source`, `medium`, `name`, `term`, `content`"},
            "timezone": {},
            "locale": {},
            "userAgent": {},
            "webdriver": {},
        }
    }
    return said


def lead_event_message() -> Schema:
    """Return the schema of what `ingest` and our other functions put on the queue `events`."""
    event = closed(
        {
            "event_id": text(shortest=1),
            "name": text(shortest=1),
            "occurred_at": INSTANT,
            **{name: text() for name in ("anonymous_id", "user_id", "email")},
            "lead_id": text() | {"pattern": LEAD_ID},
            **dict.fromkeys(("properties", "traits", "context"), FREE),
            "verdict": one_of(get_args(Verdict)),
            "verdict_reason": text(),
            "history": SUCCESS,
        },
        ["event_id", "name", "occurred_at"],
    ) | {"anyOf": [{"required": [name]} for name in ("anonymous_id", "user_id", "email", "lead_id")]}
    return whole(
        {"schema": {"const": 1}, "received_at": INSTANT, "source": one_of(get_args(Source)), "events": many(event)},
        "What the queue `events` carries.",
    )


def requests() -> Schema:
    """Return the schemas of the other bodies."""
    outcome = closed(
        {
            "id": maybe(text(outcomes.MAX_ID, "What it counts once by.", shortest=1)),
            "type": one_of(outcomes.NAMES),
            "email": maybe(text(fields.MAX_ADDRESS)),
            "userId": WHO,
            "leadId": maybe(text() | {"pattern": LEAD_ID}),
            "occurredAt": _CALL["timestamp"],
            "reason": maybe(text(by_hand.MAX_REASON, shortest=1)),
            "value": maybe({"type": "number", "minimum": 0, "maximum": outcomes.MOST_VALUE}),
            "currency": maybe(text() | {"pattern": "^[A-Z]{3}$"}),
            "by": maybe(text(by_hand.MAX_BY, shortest=1)),
        },
        ["type"],
        "What became of a lead: of `leadId` alone, or of `email`, `userId` or both.",
    )
    order: Schema = {
        "by": text(about="Who asked for it: an id, no mail address.") | {"pattern": "^[A-Za-z0-9_.:-]{1,64}$"},
        "reason": text(erasing.MAX_REASON, "No address: it is kept when the person is forgotten.", shortest=1),
    }
    move = MoveRequest.model_json_schema()
    return {
        "Outcome": outcome,
        "Outcomes": whole({"outcomes": many(ref("Outcome"), outcomes.MOST)}),
        "Adjustment": closed(
            {
                "points": {
                    "type": "number",
                    "minimum": -adjustments.MOST_POINTS,
                    "maximum": adjustments.MOST_POINTS,
                    "not": {"const": 0},
                    "description": "At most three decimals.",
                },
                "reason": text(by_hand.MAX_REASON, shortest=1),
                "by": text(by_hand.MAX_BY, shortest=1),
                "until": maybe(TIME | {"description": "In the future; without it, for good."}),
                "messageId": maybe(text(fields.MAX_MESSAGE_ID, shortest=1)),
            },
            ["points", "reason", "by"],
            "Points given or taken by hand.",
        ),
        "Judgement": closed(
            {
                "verdict": one_of(verdicts.VERDICTS),
                "from": TIME,
                "until": TIME,
                "reason": text(by_hand.MAX_REASON, shortest=1),
                "by": text(by_hand.MAX_BY, shortest=1),
                "messageId": maybe(text(fields.MAX_MESSAGE_ID, shortest=1)),
            },
            ["verdict", "from", "until", "reason", "by"],
            "Who was at work from one instant to another.",
        ),
        "Form": {
            "type": "object",
            "description": "The fields of the form: an address or another identity, and whatever the page asks.",
            "properties": {"email": text(fields.MAX_ADDRESS), "write_key": text()},
            "additionalProperties": {"type": ["string", "array", "number", "boolean", "null"]},
        },
        "Lookup": opened({"email": text(about="A mail address.") | {"pattern": "@"}}, ["email"]),
        "EraseOrder": closed(order, order),
        "Suppressions": closed(
            {"suppressions": many(SUPPRESSION, suppressions.MOST), "by": BY_HAND}, ["suppressions", "by"]
        ),
        "SuppressionBack": closed(
            {"email": text(suppressions.MAX_ADDRESS) | {"pattern": "@"}, "reason": WHY, "by": BY_HAND},
            ["email", "reason", "by"],
        ),
        "SnsMessage": opened(
            {name: text() for name in SIGNED["Notification"]} | {"SignatureVersion": text(), "Signature": text()},
            ["Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature"],
            "As Amazon SNS posts it.",
        ),
        "EraseByIdentity": closed(
            order | {"email": maybe(text(fields.MAX_ADDRESS)), "user_id": maybe(text(fields.MAX_IDENTIFIER))},
            order,
            "One of `email` and `user_id`.",
        ),
        "Move": {key: said for key, said in move.items() if key != "title"},
        "TimeOff": closed(
            {
                "from": text(40, "The first day in the person's zone, or a time with a zone."),
                "until": text(40, "The last day, or a time with a zone."),
                "by": text(64, "Who says so: an id, no mail address."),
            },
            ["from", "until"],
        ),
        "MailPause": closed({"reason": text(200, shortest=1), "by": order["by"]}, ["reason", "by"]),
        "MailResume": closed({"by": order["by"]}, ["by"]),
        "LinkForm": opened({"reason": text(), "means": one_of(get_args(Means)), "note": text()}),
        "SlackForm": whole({"payload": text(about="JSON of the type `block_actions`.")}),
    }


OWNER = {
    "id": text(),
    "name": text(),
    "zone": text(),
    "away": {"type": "boolean"},
    "time_off": many(whole({"from": INSTANT, "until": INSTANT, "by": text()})),
    "given_today": {"type": "integer", "minimum": 0},
    "gets_leads": {"type": "boolean"},
    "teams": many(text()),
    "capacity": {"type": "integer", "minimum": 1},
    "daily_quota": {"type": ["integer", "null"], "minimum": 1},
    "as_of": INSTANT,
}
"""Somebody of sales."""


PERCENT = {"type": "number", "exclusiveMinimum": 0, "maximum": 100}
MAILING = {
    "paused": {"type": "boolean"},
    "since": maybe(INSTANT),
    "by": maybe(text()),
    "reason": maybe(text()),
    "last_days": whole({"sent": COUNT, "bounced": COUNT, "complained": COUNT}),
    "stop_when": maybe(whole({"bounces": PERCENT, "complaints": PERCENT, "least": COUNT})),
    "as_of": INSTANT,
}
"""Whether mails go out, and what became of those of seven days."""


SUPPRESSION = closed(
    {
        "email": text(suppressions.MAX_ADDRESS) | {"pattern": "@"},
        "reason": one_of(get_args(suppressions.Reason)),
        "at": maybe(TIME),
        "why": maybe(text(suppressions.MAX_WHY)),
    },
    ["email", "reason"],
    "Since when and for what an address is not mailed.",
)
WHY = text(suppressions.MAX_WHY, "Kept, so no address in it.") | {"minLength": 1}
BY_HAND = text(suppressions.MAX_BY, "Who says so: no address.") | {"minLength": 1}
TOPICS: Schema = {
    "type": "object",
    "additionalProperties": whole({"opted_in_at": maybe(INSTANT), "stopped_at": maybe(INSTANT)}),
    "description": "What was said of single topics.",
}


def answers() -> Schema:
    """Return the schemas of what is answered."""
    page = {"type": "string", "contentMediaType": "text/html"}
    error: Schema = {"code": one_of(CODES), "message": text(shortest=1)}
    rejection = whole({"index": COUNT, "field": text(), "message": text()})
    erasure = whole(
        {
            "erasure": text() | {"pattern": ERASURE_ID},
            "state": one_of(("working", "done")),
            "asked_at": INSTANT,
            "by": text(),
            "reason": text(),
            "finished_at": maybe(INSTANT),
            "counts": {"type": "object", "additionalProperties": COUNT},
        },
        "How far the erasure is; once it is done, the proof.",
    )
    return {
        "Error": closed(error | {"field": text(about="The field that is wrong.")}, error),
        "Failure": opened({"message": text()}, about="Of the platform. Send the same request again: it counts once."),
        "WebPage": page,
        "Taken": closed(
            {"success": SUCCESS, "rejected": many(rejection)}, ["success"], "`rejected` is there when something was."
        ),
        "Said": whole({"success": SUCCESS, "event_id": text()}),
        "EraseAsked": whole({"success": SUCCESS, "erasure": text() | {"pattern": ERASURE_ID}}),
        "Erasure": erasure,
        "Owner": whole(OWNER),
        "SuppressionsTaken": whole({"added": COUNT, "known": COUNT}),
        "MailAddress": whole(
            {
                "suppressed": maybe(text()),
                "soft_bounces": COUNT,
                **{name: maybe(INSTANT) for name in ("suppressed_at", "proven_at", "opted_in_at", "stopped_at")},
                "topics": TOPICS,
            }
        ),
        "Mailing": whole(MAILING),
        "Owners": whole({"owners": many(whole(OWNER))}),
        "SlaReport": opened({"from": INSTANT, "to": INSTANT}, ["from", "to"]),
        **_nurture(),
        "SegmentSettings": opened({"integrations": FREE, "metrics": FREE, "plan": FREE}, ["integrations"]),
        "SourceConfig": opened({"source": FREE}, ["source"]),
        "ExportPage": whole(
            {
                "schema": {"const": 1},
                "lead_id": text() | {"pattern": LEAD_ID},
                "items": many(opened({"kind": text()}, ["kind"])),
                "next": maybe(text(about="The `cursor` of the next page.")),
            }
        ),
        **_leads(),
    }


def _nurture() -> Schema:
    """Return what is told of tracks: the report, and why one lead was not mailed."""
    reasons = {"type": "object", "additionalProperties": COUNT}
    rate = {"type": "number", "minimum": 0, "maximum": 1}
    difference = {"type": "number", "minimum": -1, "maximum": 1}
    share = whole({"count": COUNT, "of": COUNT, "rate": maybe(rate), "interval": maybe(many(rate, 2))})
    touched = whole(dict.fromkeys(("human", "unsure", "machine"), COUNT))
    runs = whole(
        {
            **dict.fromkeys(("entered", "held_out", "active", "held", "paused", "exhausted", "exited"), COUNT),
            "exited_by_reason": reasons,
            "goal": share,
            "goal_held_out": share,
            "held_out_going": COUNT,
            "lift": maybe(
                whole(
                    {"difference": difference, "interval": many(difference, 2), "significant": {"type": "boolean"}},
                )
            ),
        }
    )
    message = whole(
        {
            "step": COUNT,
            "arm": maybe(text()),
            "content": text(),
            "channel": text(),
            **dict.fromkeys(
                ("planned", "waiting", "sent", "delivered", "bounced", "complained", "refused", "parked", "skipped"),
                COUNT,
            ),
            "skipped_by_reason": reasons,
            "unsubscribed": share,
            "opened": touched,
            "clicked": touched,
            "click_rate": share,
            "goal_after": share,
        }
    )
    arm_share = whole({"count": COUNT, "rate": maybe(rate), "interval": maybe(many(rate, 2))})
    arm = whole(
        {
            "arm": text(),
            "content": text(),
            "at": maybe(text()),
            "sent": COUNT,
            "reached": arm_share,
            "harmed": arm_share,
        }
    )
    test = whole({"test": text(), "measure": text(), "confidence": {"type": "number"}, "arms": many(arm)})
    track = whole({"track": text(), "label": text(), "runs": runs, "messages": many(message), "tests": many(test)})
    standing = opened({"track": text(), "label": text(), "status": text(), "why": text(), "until": maybe(INSTANT)},
                      ["track", "label", "status", "why", "until"])  # fmt: skip
    send = opened({"track": text(), "content": text(), "at": INSTANT, "state": text(), "why": text()},
                  ["track", "content", "at", "state", "why"])  # fmt: skip
    return {
        "NurtureReport": whole({"from": INSTANT, "to": INSTANT, "as_of": INSTANT, "tracks": many(track)}),
        "LeadMailing": whole(
            {
                "lead_id": text() | {"pattern": LEAD_ID},
                "as_of": INSTANT,
                "summary": text(about="In one sentence."),
                "mailing_paused": maybe(text()),
                "address": maybe(opened({"refused": maybe(text())}, ["refused"])),
                "number": maybe(opened({"refused": maybe(text())}, ["refused"])),
                "tracks": many(standing),
                "sends": many(send),
            }
        ),
    }


def _leads() -> Schema:
    stage = StageChanged.model_json_schema()["properties"]["to_stage"]
    line = whole(
        {
            "rule": text(),
            "label": text(),
            "kind": text(),
            "points": POINTS,
            "facts": COUNT,
            "decayed_from": maybe(POINTS),
        }
    )
    score: Schema = {
        "total": POINTS,
        "fit": POINTS,
        "engagement": POINTS,
        "grade": one_of(GRADES),
        "level": {"type": "integer", "minimum": 1, "maximum": 4},
        "quadrant": text(),
        "band": one_of(BANDS),
        "excluded": {"type": ["string", "null", "boolean"]},
        "blocked": {"type": ["string", "null", "boolean"]},
        "lines": many(line),
        "rules": many(text()),
    }
    settled = whole(
        {
            "band": maybe(one_of(BANDS)),
            "stage": text(about=str(stage.get("description", ""))),
            "at": INSTANT,
            "qualification": COUNT,
            "unannounced": {"type": "boolean"},
        }
    )
    head: Schema = {"lead_id": text() | {"pattern": LEAD_ID}, "version": COUNT, "settled": settled}
    change = opened(
        {
            "type": text(),
            "change_id": text(),
            "lead_id": text(),
            "occurred_at": INSTANT,
            "silent": {"type": "boolean"},
            "published_at": maybe(text()),
        },
        ["type", "silent", "published_at", "lead_id", "occurred_at"],
        "As events/schemas has it by `type`, and whether anybody was told.",
    )
    clock = opened({"name": text(), "due_at": INSTANT}, ["name", "due_at"])
    handoff: Schema = {
        "lead_id": text(),
        "number": COUNT,
        "version": COUNT,
        "state": one_of(get_args(State)),
        "priority": one_of(get_args(Priority)),
        "owner": text(),
        "reason": text(),
        "created_at": INSTANT,
        "clocks": many(clock),
        "score": FREE,
    }
    known: Schema = {"means": one_of(get_args(Means)), "outcome": one_of(get_args(Outcome)), "paused": many(text())}
    known |= dict.fromkeys(TIMES, INSTANT) | {"snoozed_for": COUNT, "handovers": many(FREE)}
    later = {name: known.get(name, text()) for name in OPTIONAL}
    recent = whole(
        {
            "event_id": text(),
            "name": text(),
            "occurred_at": INSTANT,
            "source": one_of(get_args(Source)),
            "verdict": one_of(get_args(Verdict)),
            "verdict_reason": text(),
            "refused": {"type": "boolean"},
            "properties": FREE,
        }
    )
    judgement = whole(
        {
            "given_at": INSTANT,
            "from": INSTANT,
            "until": INSTANT,
            "verdict": one_of(get_args(Verdict)),
            "reason": text(),
            "by": maybe(text()),
        }
    )
    proof = opened(
        {name: text() for name in ConsentProof.__dataclass_fields__} | {"at": INSTANT, "proves": {"type": "boolean"}},
        ["address", "at", "said", "by", "proves"],
    )
    state = whole(
        {
            "address": text(),
            "refused": maybe(text()),
            **{name: maybe(INSTANT) for name in ("proven_at", "opted_in_at", "stopped_at")},
            "topics": TOPICS,
            "suppressed": maybe(text()),
            "confirmation_mails": many(INSTANT),
        }
    )
    return {
        "Gone": closed(
            {"code": {"const": "gone"}, "message": text(), "newest_change_before": maybe(change)},
            ["code", "message", "newest_change_before"],
        ),
        "Handoff": closed(handoff | later, handoff),
        "RankedLeads": whole(
            {
                "as_of": INSTANT,
                "leads": many(
                    whole(
                        head | {"name": text(), "company": {}, "title": {}, "score": whole(score)},
                    ),
                    reading.LIMIT,
                ),
            }
        ),
        "LeadHistory": whole({"lead_id": head["lead_id"], "changes": many(change)}),
        "Lead": whole(
            head
            | {
                "as_of": INSTANT,
                "identities": many(text()),
                "profile": {
                    "type": "object",
                    "additionalProperties": whole({"value": {}, "proven": {"type": "boolean"}}),
                },
                "score": whole(score | {"next_change_at": maybe(INSTANT)}),
                "outcome": maybe(opened({"at": INSTANT}, ["at"])),
                "playbook": text(),
                "first_seen": INSTANT,
                "complete_since": maybe(INSTANT),
                "handoffs": many(opened(handoff, ["lead_id", "number", "state"])),
                "enrollments": many(opened({"track": text()}, ["track"])),
                "sends": many(opened({"track": text(), "rotation": COUNT, "step": COUNT}, ["track"])),
                "refused_events": COUNT,
                "judgements": many(judgement),
                "recent": many(recent),
                "consent": whole({"state": maybe(state), "trail": many(proof)}),
            }
        ),
    }


def components() -> Schema:
    """Return every schema of the document by name, in order."""
    return dict(sorted((calls() | requests() | answers()).items()))
