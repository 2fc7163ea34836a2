"""
Posts of HTML forms, read into one lead event.

A plain `<form>` works without a script: urlencoded or multipart, and JSON from a fetch. Fields with conventional names
become the person's profile, everything else a property of the event. docs/intake.md lists the names.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from functions.ingest.body import parsed_object
from shared.errors import InvalidInputError
from shared.instants import utc_day
from shared.intake.fields import email_address, identifier, message_id, moment, settled_instant
from shared.intake.segment import Intake
from shared.intake.values import plain, storable
from shared.lead import LeadEvent

EVENT_NAME = "Form Submitted"

PROFILE = {
    "name": "name", "fullname": "name",
    "firstname": "first_name", "fname": "first_name", "givenname": "first_name",
    "lastname": "last_name", "lname": "last_name", "surname": "last_name", "familyname": "last_name",
    "company": "company", "companyname": "company", "organization": "company", "organisation": "company",
    "title": "title", "jobtitle": "title", "organizationtitle": "title",
    "industry": "industry",
    "employees": "employees", "companysize": "employees", "employeecount": "employees",
    "country": "country", "countryname": "country",
    "phone": "phone", "phonenumber": "phone", "tel": "phone", "telephone": "phone",
    "timezone": "timezone",
}  # fmt: skip
"""Field name (lower case, without space, hyphen and underscore) -> profile field; HTML autocomplete names are here."""

EMAIL = ("email", "emailaddress")
HONEYPOT = "website"
"""A field people never see; whoever fills it is a program."""

AGREED = frozenset({"true", "yes", "y", "on", "1", "agree", "agreed", "checked"})
DECLINED = frozenset({"false", "no", "n", "off", "0", "decline", "declined", ""})

MAX_FIELDS = 200
MAX_EXTRAS = 50
MAX_EXTRA_NAME = 64
MAX_VALUE = 1_000
MAX_PART_HEAD = 1_000
"""Bytes of a multipart part's headers in which its name must stand."""

_FORM = re.compile(r"[a-z0-9-]{1,64}")
_CONTROL = frozenset(
    {"writekey", "website", "next", "anonymousid", "userid", "messageid", "timestamp", "consent", *EMAIL, *PROFILE}
)
_CAMPAIGN = {
    "utmsource": "source", "utmmedium": "medium", "utmcampaign": "name", "utmterm": "term", "utmcontent": "content",
}  # fmt: skip
_NEVER_KEPT = re.compile(r"^_|passw|captcha|turnstile|csrf|^authenticity.?token$|^utf8$|^submit$", re.IGNORECASE)
"""What frameworks add to a form, and what nobody should have asked for."""

_NAME = re.compile(rb'content-disposition:[^\r\n]*?[;\s]name="([^"]*)"', re.IGNORECASE)
_FILE = re.compile(rb"filename\*?=", re.IGNORECASE)
_NUMBER = re.compile(r"\D{0,3}(\d{1,3}(?:[ .,']\d{3})+|\d+)")
_MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Form:
    """One submitted form: its values by plain field name (`first-name`, `First_Name` -> `firstname`), and the rest."""

    name: str
    values: Mapping[str, str]
    extras: Mapping[str, str]

    @property
    def is_filled_by_machine(self) -> bool:
        return bool(self.values.get(HONEYPOT, "").strip())


def form_name(path_part: str) -> str:
    if _FORM.fullmatch(path_part) is None:
        raise InvalidInputError("form", "must be 1 to 64 of a-z, 0-9 and hyphen, as in /forms/demo")
    return path_part


def read_form(name: str, data: bytes, content_type: str) -> Form:
    """
    Return the form the bytes spell; of fields with one name the last wins, as in a form with a hidden default.

    Raises:
        InvalidInputError: The body is neither urlencoded, multipart nor a JSON object.
    """
    values: dict[str, str] = {}
    extras: dict[str, str] = {}
    for field, value in _pairs(data, content_type):
        plain_name = re.sub(r"[\s_-]", "", field).lower()
        if plain_name in _CONTROL or plain_name in _CAMPAIGN:
            values[plain_name] = storable(value)
        elif (extra := field.strip()) and _NEVER_KEPT.search(extra) is None:
            extras[storable(extra)[:MAX_EXTRA_NAME]] = storable(value)
    return Form(name, values, extras)


def form_event(form: Form, *, intake: Intake, received_at: int, headers: Mapping[str, str]) -> LeadEvent:
    """
    Return what the form says.

    Raises:
        InvalidInputError: A field cannot be used, or nobody is named.
    """
    values = form.values
    email = next((found for name in EMAIL if (found := email_address(values.get(name), "email"))), None)
    anonymous_id = identifier(values.get("anonymousid"), "anonymous_id")
    user_id = identifier(values.get("userid"), "user_id")
    if email is None and anonymous_id is None and user_id is None:
        raise InvalidInputError("email", "nobody is named: fill in an email address")
    stated = moment(values.get("timestamp"), "timestamp")
    return LeadEvent(
        event_id=message_id(values.get("messageid"), _content(form, received_at)),
        name=EVENT_NAME,
        occurred_at=received_at if stated is None else settled_instant(stated, "timestamp", received_at),
        received_at=received_at,
        source=intake,
        anonymous_id=anonymous_id,
        user_id=user_id,
        email=email,
        properties=_properties(form),
        traits=_traits(values, email),
        context=_context(values, headers),
    )


def redirect_target(form: Form, allowed_hosts: Sequence[str]) -> str | None:
    """
    Return where the browser goes next, or None when the form names no place we may send people to.

    Only http and https, and only hosts listed exactly (`www.example.com` on any port, `127.0.0.1:8000` on that one):
    an open redirect under our name would serve phishing.
    """
    wanted = form.values.get("next", "")
    if not wanted or len(wanted) > MAX_VALUE or re.search(r"[\s\\\x00-\x20\x7f]", wanted):
        return None
    try:
        parts = urlsplit(wanted)
        _ = parts.port
    except ValueError:  # a host in broken brackets, a port that is none
        return None
    allowed = {listed.strip().lower() for listed in allowed_hosts} - {""}
    place = parts.netloc.lower()
    if parts.scheme not in ("http", "https") or "@" in place:
        return None
    if not allowed & {place, parts.hostname}:
        return None
    return quote(wanted, safe=":/?#[]@!$&'()*+,;=%~-._")


def _pairs(data: bytes, content_type: str) -> list[tuple[str, str]]:
    """Return the fields in order. The bytes decide; only multipart needs the header, which holds its boundary."""
    boundary = re.search(r'boundary="?([^";,]{1,70})', content_type, re.IGNORECASE)
    if boundary is not None and content_type.strip().lower().startswith("multipart/form-data"):
        return _multipart(data, boundary[1].strip().encode())
    if data.lstrip()[:1] in (b"{", b"["):
        body = plain(parsed_object(data))
        return [(name, _written(value)) for name, value in body.items() if isinstance(value, str | int | float)]
    try:
        pairs = parse_qsl(data.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS, encoding="latin-1")
    except ValueError:
        raise _too_many() from None
    return [(_decoded(name.encode("latin-1")), _decoded(value.encode("latin-1"))) for name, value in pairs]


def _multipart(data: bytes, boundary: bytes) -> list[tuple[str, str]]:
    """
    Return the text fields of a multipart body; files are left out.

    A form's multipart is flat (RFC 7578). The standard library's parser is made for mail: it follows whatever nesting
    a hostile body declares.
    """
    parts = (b"\r\n" + data).split(b"\r\n--" + boundary, MAX_FIELDS + 2)
    if len(parts) > MAX_FIELDS + 2:
        raise _too_many()
    if len(parts) < 2:
        raise InvalidInputError("body", "is not the multipart its Content-Type declares")
    pairs = []
    for part in parts[1:]:
        if part.startswith(b"--"):
            break
        head, blank, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head[:MAX_PART_HEAD])
        if blank and name is not None and _FILE.search(head) is None:
            pairs.append((_decoded(name[1]), _decoded(value)))
    return pairs


def _too_many() -> InvalidInputError:
    return InvalidInputError("body", f"has more than {MAX_FIELDS} fields")


def _decoded(data: bytes) -> str:
    """Return the text: UTF-8, or what old pages without a charset send, Windows-1252."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _written(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _content(form: Form, received_at: int) -> dict[str, Any]:
    """
    Return what makes two posts the same one: the form, its fields, and the day.

    A browser does not repeat a form by itself; who sends the same request on another day asks again.
    """
    said = {name: value for name, value in form.values.items() if name not in ("writekey", "next")}
    return {"form": form.name, "fields": said, "extras": dict(form.extras), "day": utc_day(received_at)}


def _properties(form: Form) -> dict[str, Any]:
    filled = [(name, value.strip()) for name, value in form.extras.items() if value.strip()]
    return {name: value[:MAX_VALUE] for name, value in filled[:MAX_EXTRAS]} | {"form": form.name}


def _traits(values: Mapping[str, str], email: str | None) -> dict[str, Any]:
    traits: dict[str, Any] = {} if email is None else {"email": email}
    for name, profile_field in PROFILE.items():
        value = values.get(name, "").strip()[:MAX_VALUE]
        if value and profile_field not in traits:
            traits[profile_field] = _head_count(value) if profile_field == "employees" else value
    consent = values.get("consent", "").strip().lower()
    if consent in AGREED:
        traits["consent"] = True
    elif "consent" in values and consent in DECLINED:
        traits["consent"] = False
    return traits


def _head_count(text: str) -> int | str:
    """Return the number a company size begins with: "1,200" is 1200, "201-500" and "201+" are 201; else the text."""
    found = _NUMBER.match(text)
    digits = re.sub(r"\D", "", found[1]) if found else ""
    return int(digits) if 0 < len(digits) <= _MAX_DIGITS else text


def _context(values: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    context: dict[str, Any] = {}
    campaign = {into: values[name].strip()[:200] for name, into in _CAMPAIGN.items() if values.get(name, "").strip()}
    if campaign:
        context["campaign"] = campaign
    if agent := storable(headers.get("user-agent", ""))[:500]:
        context["userAgent"] = agent
    if page := storable(headers.get("referer", ""))[:2_000]:
        context["page"] = {"url": page}
    return context
