"""
Calls of Segment's tracking API, read into lead events.

One function per question: which route is which call, is this event usable, what does it say. A batch is read event by
event, so one that cannot be used never stops the others. docs/intake.md tells clients the same in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from shared.errors import InvalidInputError
from shared.intake.fields import (
    SKEW,
    email_address,
    identifier,
    label,
    mapping,
    message_id,
    moment,
    settled_instant,
)
from shared.intake.values import EVENT_BYTES, TooLargeError, plain, size_of
from shared.lead import LeadEvent

Intake = Literal["public", "server"]
"""What the key proves that an event came with: nothing, or what it says."""

Call = Literal["identify", "track", "page", "screen", "group", "alias"]
Route = Call | Literal["batch"]

CALLS: dict[str, Call] = {call: call for call in get_args(Call)}
SHORT: dict[str, Call] = {call[0]: call for call in get_args(Call)}
ROUTES: dict[str, Route] = {
    **CALLS, **SHORT, "batch": "batch", "b": "batch", "import": "batch",
}  # fmt: skip
"""Last part of the path -> call. The short ones are what Segment's browser SDK asks for."""

NAMES: dict[Call, str] = {
    "identify": "Identified",
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "group": "Company Identified",
    "alias": "Aliased",
}
"""What the calls without a name of their own are called from here on."""

PROVEN_ONLY = frozenset(
    {"Address Confirmed", "Email Bounced", "Email Link Clicked", "Email Opened", "Email Marked as Spam",
     "Mail Preferences Saved", "Unsubscribed", "Lead Accepted", "Lead Rejected",
     "Lead Contacted", "Lead Won", "Lead Lost", "Lead Disqualified", "Became Customer"}
)  # fmt: skip
"""Events that state what only a mail service or sales can know; a key that anybody can read may not send them."""

SCORE_ADJUSTED = "Score Adjusted"
VISIT_JUDGED = "Visit Judged"

RESERVED = frozenset({SCORE_ADJUSTED, VISIT_JUDGED})
"""Events that only our own functions make, whatever the key."""

MAX_EVENTS = 2_500
"""Most events of a batch. Segment's limit."""

MAX_NAME = 200

_OF_THE_ATTEMPT = frozenset({"messageId", "sentAt", "receivedAt", "writeKey", "type", "integrations", "_metadata"})
"""What may differ between two attempts to send one event (`messageId` only counts when it cannot serve as an id)."""

OURS = ("Ripen", "Segment.io")
"""Our names under `integrations`: our own, and that of whose place we take."""

_PAGE = ("path", "url", "title", "referrer", "search")
_CAMPAIGN = ("source", "medium", "name", "term", "content")
_MAX_CONTEXT = {"timezone": 64, "locale": 64, "userAgent": 500}
_MAX_URL = 2_000
_MAX_CAMPAIGN = 200


@dataclass(frozen=True, slots=True)
class Rejection:
    """One event of a batch that was not taken, and what to do about it."""

    index: int
    field: str
    message: str

    def to_json(self) -> dict[str, Any]:
        return {"index": self.index, "field": self.field, "message": self.message}


def read_call(body: Mapping[str, Any], call: Call, *, intake: Intake, received_at: int) -> LeadEvent:
    """Return the event of a single call. Raises InvalidInputError naming the field when it cannot be used."""
    if size_of(body) > EVENT_BYTES:
        raise TooLargeError("body", f"is over {EVENT_BYTES // 1024} KB: send less about one event")
    return _lead_event(plain(body), call, intake=intake, received_at=received_at, sent_at=None, around={})


def is_kept_from_us(said: Any) -> bool:
    """
    Tell whether the sender wants this call kept from us: `integrations` names us and says false.

    Such a call is answered as any other, and nothing of it is kept. `All: false` is not about us: it speaks of where a
    collector sends things on to, and Segment's own keeps such calls as well.
    """
    wanted = said.get("integrations") if isinstance(said, dict) else None
    return isinstance(wanted, dict) and any(wanted.get(name) is False for name in OURS)


def stated_key(body: Mapping[str, Any]) -> Any:
    """Return the key a body states: its own, or the one of the first event of its batch."""
    batch = body.get("batch")
    if body.get("writeKey") is not None or not isinstance(batch, list) or not batch:
        return body.get("writeKey")
    return batch[0].get("writeKey") if isinstance(batch[0], dict) else None


def read_batch(
    body: Mapping[str, Any], *, intake: Intake, received_at: int, key: str | None = None
) -> tuple[list[LeadEvent], list[Rejection]]:  # fmt: skip
    """
    Return the events of a batch that can be used, and those that cannot.

    Args:
        body: As parsed.
        intake: What the key of the request proves.
        received_at: When the request came.
        key: The key of the request when it stands in the body only: then an event may not state another one.

    Raises:
        TooLargeError: The batch has too many events.
        InvalidInputError: The request around the events cannot be used, so none of them can.
    """
    batch = body.get("batch")
    if not isinstance(batch, list):
        raise InvalidInputError("batch", "must be a list of events")
    if len(batch) > MAX_EVENTS:
        raise TooLargeError("batch", f"has more than {MAX_EVENTS} events: send several batches")
    history = _is_history(body.get("history"), intake)
    sent_at = moment(body.get("sentAt"), "sentAt")
    around = _around(body)
    events: list[LeadEvent] = []
    rejections: list[Rejection] = []
    for index, said in enumerate(batch):
        if is_kept_from_us(said):
            continue
        try:
            _check_key(said, key)
            events.append(
                _of_batch(
                    said, intake=intake, received_at=received_at, sent_at=sent_at, around=around, history=history
                ),
            )
        except InvalidInputError as refusal:
            rejections.append(Rejection(index, refusal.field, refusal.problem))
    return events, rejections


def _check_key(said: Any, key: str | None) -> None:
    if key is not None and isinstance(said, dict) and said.get("writeKey") not in (None, "", key):
        raise InvalidInputError("writeKey", "is not the key of this batch: send the event in a batch of its own")


def _is_history(said: Any, intake: Intake) -> bool:
    """Tell whether the batch is history: taken, counted, and told to nobody. Only who may prove may say so."""
    if said is None or said is False:
        return False
    if said is not True:
        raise InvalidInputError("history", "must be true or false")
    if intake == "public":
        raise InvalidInputError("history", "needs a server key: leave it out, or import from a server")
    return True


def _around(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the context the whole batch shares."""
    context = mapping(body.get("context"), "context")
    if size_of(context) > EVENT_BYTES:
        raise TooLargeError("context", f"is over {EVENT_BYTES // 1024} KB")
    return mapping(plain(context, ("context",)), "context")


def _of_batch(
    said: Any, *, intake: Intake, received_at: int, sent_at: int | None, around: Mapping[str, Any], history: bool
) -> LeadEvent:  # fmt: skip
    if not isinstance(said, dict):
        raise InvalidInputError("body", "must be an object")
    if size_of(said) > EVENT_BYTES:
        raise InvalidInputError("body", f"is over {EVENT_BYTES // 1024} KB: send less about one event")
    call = CALLS.get(said["type"]) if isinstance(said.get("type"), str) else None
    if call is None:
        raise InvalidInputError("type", f"must be one of {', '.join(CALLS)}")
    return _lead_event(
        plain(said), call, intake=intake, received_at=received_at, sent_at=sent_at, around=around, history=history
    )


def _lead_event(
    said: Mapping[str, Any], call: Call, *, intake: Intake, received_at: int, sent_at: int | None,
    around: Mapping[str, Any], history: bool = False,
) -> LeadEvent:  # fmt: skip
    context = {**around, **mapping(said.get("context"), "context")}
    traits = _stated_traits(said, call, context)
    properties = mapping(said.get("properties"), "properties")
    anonymous_id = identifier(said.get("anonymousId"), "anonymousId")
    user_id = identifier(said.get("userId"), "userId")
    email = _email(call, traits, context)
    if anonymous_id is None and user_id is None and email is None:
        raise InvalidInputError("userId", "nobody is named: give userId, anonymousId, or identify with traits.email")
    return LeadEvent(
        event_id=message_id(
            said.get("messageId"),
            {name: value for name, value in said.items() if name not in _OF_THE_ATTEMPT}
            | {"type": call, "messageId": said.get("messageId")},
        ),
        name=_name(said, call, intake),
        occurred_at=_occurred_at(said, sent_at=sent_at, received_at=received_at, history=history),
        received_at=received_at,
        source=intake,
        anonymous_id=anonymous_id,
        user_id=user_id,
        email=email,
        properties=_properties(said, call, properties, context),
        traits={"company": traits} if call == "group" else traits,
        context=_kept_context(context),
        history=history,
    )


def _stated_traits(said: Mapping[str, Any], call: Call, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the call says of the person or company; RudderStack's identify says it in `context.traits` alone."""
    if call == "identify" and said.get("traits") is None and isinstance(context.get("traits"), dict):
        return mapping(context["traits"], "context.traits")
    return mapping(said.get("traits"), "traits") if call in ("identify", "group") else {}


def _name(said: Mapping[str, Any], call: Call, intake: Intake) -> str:
    if call != "track":
        return NAMES[call]
    name = label(said.get("event"), "event", MAX_NAME)
    if name in RESERVED:
        raise InvalidInputError("event", f"{name!r} is not for clients: it has a route of its own, for an admin key")
    if intake == "public" and name in PROVEN_ONLY:
        raise InvalidInputError("event", f"{name!r} needs a server key")
    return name


def _email(call: Call, traits: Mapping[str, Any], context: Mapping[str, Any]) -> str | None:
    """
    Return the person's address.

    An identify says who somebody is, so a bad address there is an error; `context.traits` rides along on any call and
    a bad one there is left aside. Addresses in properties are about whatever the event is about.
    """
    if call == "identify" and (stated := email_address(traits.get("email"), "traits.email")) is not None:
        return stated
    riding = context.get("traits")
    try:
        return email_address(riding.get("email"), "context.traits.email") if isinstance(riding, dict) else None
    except InvalidInputError:
        return None


def _occurred_at(said: Mapping[str, Any], *, sent_at: int | None, received_at: int, history: bool) -> int:
    """
    Return when it happened.

    A client whose clock is off says so by `sentAt`: the difference to our receive time is added. An event that
    carries `receivedAt` came through another server, which did that already. What history says was sent long ago: its
    `sentAt` says nothing of a clock.
    """
    field = "originalTimestamp" if said.get("timestamp") in (None, "") else "timestamp"
    stated = moment(said.get(field), field)
    own = moment(said.get("sentAt"), "sentAt")
    sent = sent_at if own is None else own
    if stated is None:
        return received_at
    if sent is not None and abs(received_at - sent) > SKEW and not said.get("receivedAt") and not history:
        stated += received_at - sent
    return settled_instant(stated, field, received_at)


def _properties(
    said: Mapping[str, Any], call: Call, properties: Mapping[str, Any], context: Mapping[str, Any]
) -> Mapping[str, Any]:
    if call == "page":
        return _page_properties(said, properties, context)
    if call == "screen":
        return {**_named(said), **properties}
    if call == "group":
        group = identifier(said.get("groupId"), "groupId")
        return properties if group is None else {**properties, "group_id": group}
    if call == "alias":
        previous = identifier(said.get("previousId"), "previousId")
        if previous is None:
            raise InvalidInputError("previousId", "must be the id the person had before")
        return {**properties, "previous_id": previous}
    return properties


def _page_properties(
    said: Mapping[str, Any], properties: Mapping[str, Any], context: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is known of the page, wherever the client put it: rules look at `path`, servers send only `url`."""
    filled = dict(properties)
    for name, text in (_texts(context.get("page"), _PAGE, _MAX_URL) | _named(said)).items():
        if not filled.get(name):
            filled[name] = text
    url = filled.get("url")
    if not filled.get("path") and isinstance(url, str):
        try:
            filled["path"] = urlsplit(url).path or "/"
        except ValueError:
            return filled
    return filled


def _named(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the name and category of a page or screen; long ones are cut, the view still counts."""
    for field in ("name", "category"):
        if not isinstance(said.get(field), str | None):
            raise InvalidInputError(field, "must be text")
    return _texts(said, ("name", "category"), MAX_NAME)


def _texts(value: Any, names: tuple[str, ...], longest: int) -> dict[str, Any]:
    """Return the named texts of an object, cut to a length; what is no text, or empty, is left out."""
    if not isinstance(value, Mapping):
        return {}
    return {name: value[name][:longest] for name in names if isinstance(value.get(name), str) and value[name]}


def _kept_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of the context a rule or a person may look at. The network address is not among them."""
    kept: dict[str, Any] = {
        name: context[name][:longest]
        for name, longest in _MAX_CONTEXT.items()
        if isinstance(context.get(name), str) and context[name]
    }
    if context.get("webdriver") is True:
        kept["webdriver"] = True
    if page := _texts(context.get("page"), _PAGE, _MAX_URL):
        kept["page"] = page
    if campaign := _texts(context.get("campaign"), _CAMPAIGN, _MAX_CAMPAIGN):
        kept["campaign"] = campaign
    return kept
