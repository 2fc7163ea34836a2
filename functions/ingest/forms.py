"""
Posts of HTML forms, read into one lead event.

A plain `<form>` works without a script: urlencoded or multipart, and JSON from a fetch. Fields with conventional names
become the person's profile, everything else a property of the event; the playbook may say more of a form.
docs/intake.md lists the names.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from functions.ingest.forms_body import Pairs
from functions.ingest.forms_rules import UNLISTED, FormRules
from shared.errors import InvalidInputError
from shared.forms import CONTROLS, FORM_NAME, IDENTITIES, plain_name
from shared.instants import parse_instant, utc_day
from shared.intake.fields import email_address, identifier, message_id, moment, settled_instant
from shared.intake.person_fields import AGREED, DECLINED, EMAIL, PROFILE, head_count
from shared.intake.segment import Intake
from shared.intake.values import storable
from shared.lead import LeadEvent

EVENT_NAME = "Form Submitted"

PROPERTY = "properties."

MAX_EXTRAS = 50
MAX_EXTRA_NAME = 64
MAX_VALUE = 1_000
MAX_LISTED = 20

_CAMPAIGN = {
    "utmsource": "source", "utmmedium": "medium", "utmcampaign": "name", "utmterm": "term", "utmcontent": "content",
}  # fmt: skip
_CONVENTIONAL = frozenset({*CONTROLS, "anonymousid", "userid", "consent", *EMAIL, *PROFILE, *_CAMPAIGN})
_NEVER_KEPT = re.compile(r"^_|passw|captcha|turnstile|csrf|^authenticity.?token$|^utf8$|^submit$", re.IGNORECASE)
"""What frameworks add to a form, and what nobody should have asked for."""

_OF_THE_ATTEMPT = frozenset({"writekey", "next", "startedat", "pageurl", "charset"})
"""What may differ between two posts of one and the same answers."""

_EPOCH = re.compile(r"\d{10}(?:\d{3})?(?:\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Form:
    """
    One submitted form.

    `values` are its answers by plain field name (`first-name`, `First_Name` -> `firstname`), `mapped` those that the
    playbook gives a place, by that place, `extras` the rest.
    """

    name: str
    values: Mapping[str, str]
    extras: Mapping[str, str | list[str]]
    mapped: Mapping[str, str]
    rules: FormRules = UNLISTED

    @property
    def is_trapped(self) -> bool:
        """Tell whether the field that people never see says something."""
        return bool(self.values.get(self.rules.honeypot, "").strip())

    @property
    def agreed(self) -> bool | None:
        """
        Tell whether the box that asks for mail was ticked, None when the form does not say.

        A page gives its own box whatever value it likes, so any but a no is a yes; of a field that happens to be called
        consent only a clear yes is.
        """
        box = self.rules.consent
        said = self.values.get("consent" if box is None else box.field)
        if said is None:
            return None
        word = said.strip().lower()
        if word in DECLINED:
            return False
        return True if word in AGREED or box is not None else None

    def is_too_fast(self, received_at: int) -> bool:
        """
        Tell whether the form came back sooner after the page was opened than a person can fill it in.

        The page says when that was; one that does not, or whose clock is ahead of ours, is believed. The receive time
        is cut to the second, so up to a second is given.
        """
        started = _started_at(self.values.get("startedat", ""))
        return started is not None and 0 <= received_at + 1 - started < self.rules.min_seconds


def form_name(path_part: str) -> str:
    if re.fullmatch(FORM_NAME, path_part) is None:
        raise InvalidInputError("form", "must be 1 to 64 of a-z, 0-9 and hyphen, as in /forms/demo")
    return path_part


def key_of(pairs: Pairs) -> str | None:
    """Return the key the form carries in a hidden field."""
    return next((value.strip() for name, value in reversed(pairs) if plain_name(name) == "writekey"), None)


def read_form(name: str, pairs: Pairs, rules: FormRules = UNLISTED) -> Form:
    """
    Return the form.

    Of answers about the person the last one with that name counts, as in a form with a hidden default. Of the rest
    every one that says something does: a list of boxes is a list.
    """
    values: dict[str, str] = {}
    mapped: dict[str, str] = {}
    extras: dict[str, list[str]] = {}
    known = _CONVENTIONAL | {rules.honeypot} | ({rules.consent.field} if rules.consent else set())
    for field, value in pairs:
        plain_field = plain_name(field.removesuffix("[]"))
        target = rules.fields.get(plain_field)
        if target is not None and not target.startswith(PROPERTY):
            mapped[target] = storable(value) if value.strip() else mapped.get(target, "")
        elif target is None and plain_field in known:
            values[plain_field] = storable(value)
        else:
            extra = storable(target.removeprefix(PROPERTY) if target else field.strip().removesuffix("[]"))
            if extra and (target or _NEVER_KEPT.search(extra) is None):
                extras.setdefault(extra[:MAX_EXTRA_NAME], []).append(storable(value))
    return Form(name, values, {field: _joined(said) for field, said in extras.items()}, mapped, rules)


def form_event(form: Form, *, intake: Intake, received_at: int, headers: Mapping[str, str]) -> LeadEvent:
    """
    Return what the form says.

    What came back too fast, or filled the trap, is kept as a program's doing and asks for no mail: a person who was that
    quick, or whose form has a real field of the trap's name, can still be found, one whose post was thrown away could not.

    Raises:
        InvalidInputError: A field cannot be used, or nobody is named.
    """
    values = form.values
    email = next((found for said in _emails(form) if (found := email_address(said, "email"))), None)
    anonymous_id = identifier(form.mapped.get("anonymous_id") or values.get("anonymousid"), "anonymous_id")
    user_id = identifier(form.mapped.get("user_id") or values.get("userid"), "user_id")
    if email is None and anonymous_id is None and user_id is None:
        raise InvalidInputError("email", "nobody is named: fill in an email address")
    stated = moment(values.get("timestamp"), "timestamp")
    too_fast = form.is_too_fast(received_at)
    reason = _machine_reason(form, too_fast=too_fast)
    agreed = None if reason else form.agreed
    return LeadEvent(
        event_id=message_id(
            values.get("messageid"), _content(form, received_at) | ({"fast": True} if too_fast else {})
        ),
        name=EVENT_NAME,
        occurred_at=received_at if stated is None else settled_instant(stated, "timestamp", received_at),
        received_at=received_at,
        source=intake,
        anonymous_id=anonymous_id,
        user_id=user_id,
        email=email,
        properties=_properties(form, agreed),
        traits=_traits(form, email) | _consent_trait(form, agreed, intake),
        context=_context(form, headers),
        verdict="machine" if reason else "human",
        verdict_reason=reason,
    )


def _machine_reason(form: Form, *, too_fast: bool) -> str:
    """Return why a program posted the form; empty when nothing speaks for one."""
    if form.is_trapped:
        return "the hidden field was filled"
    return f"a form filled in within {form.rules.min_seconds} seconds" if too_fast else ""


def redirect_target(form: Form, allowed_hosts: Sequence[str]) -> str | None:
    """
    Return where the browser goes next, or None when neither the form nor the playbook names a place we may send people to.

    Only http and https, and only hosts listed exactly (`www.example.com` on any port, `127.0.0.1:8000` on that one):
    an open redirect under our name would serve phishing.
    """
    allowed = {listed.strip().lower() for listed in allowed_hosts} - {""}
    return _allowed_place(form.values.get("next", ""), allowed) or _allowed_place(form.rules.next or "", allowed)


def is_program(headers: Mapping[str, str]) -> bool:
    """Tell whether a script sent the form, and reads JSON: it says so, or posts what no plain form can."""
    if "application/json" in headers.get("accept", ""):
        return True
    return "json" in headers.get("content-type", "").lower() and "text/html" not in headers.get("accept", "")


def _allowed_place(wanted: str, allowed: set[str]) -> str | None:
    if not wanted or len(wanted) > MAX_VALUE or re.search(r"[\s\\\x00-\x20\x7f]", wanted):
        return None
    try:
        parts = urlsplit(wanted)
        _ = parts.port
    except ValueError:  # a host in broken brackets, a port that is none
        return None
    place = parts.netloc.lower()
    if parts.scheme not in ("http", "https") or "@" in place:
        return None
    if not allowed & {place, parts.hostname}:
        return None
    return quote(wanted, safe=":/?#[]@!$&'()*+,;=%~-._")


def _joined(said: Sequence[str]) -> str | list[str]:
    """Return what a repeated field says: a hidden no before the boxes says nothing beside a yes."""
    if len(said) == 1:
        return said[0]
    told = list(dict.fromkeys(text for value in said if (text := value.strip())))
    if len(told) > 1:
        told = [text for text in told if text.lower() not in DECLINED] or told[-1:]
    return "".join(told) if len(told) < 2 else told[:MAX_LISTED]


def _emails(form: Form) -> list[str | None]:
    return [form.mapped.get("email") or None, *(form.values.get(name) for name in EMAIL)]


def _started_at(said: str) -> float | None:
    """Return when the page was opened, in seconds: epoch milliseconds or seconds, or ISO 8601."""
    text = said.strip()
    if _EPOCH.fullmatch(text):
        whole = text.partition(".")[0]
        return float(text) / 1000 if len(whole) > 10 else float(text)
    try:
        return float(parse_instant(text))
    except (OverflowError, ValueError):
        return None


def _content(form: Form, received_at: int) -> dict[str, Any]:
    """
    Return what makes two posts the same one: the form, its fields, and the day.

    A browser does not repeat a form by itself; who sends the same request on another day asks again.
    """
    said = {name: value for name, value in form.values.items() if name not in _OF_THE_ATTEMPT}
    told = {"form": form.name, "fields": said, "extras": dict(form.extras), "day": utc_day(received_at)}
    return told | ({"mapped": dict(form.mapped)} if form.mapped else {})


def _properties(form: Form, agreed: bool | None) -> dict[str, Any]:
    filled = [(name, kept) for name, said in form.extras.items() if (kept := _kept(said))]
    told: dict[str, Any] = dict(filled[:MAX_EXTRAS]) | dict(form.rules.event)
    trap = form.rules.honeypot
    if form.is_trapped and trap not in _CONVENTIONAL:
        told[trap] = form.values[trap].strip()[:MAX_VALUE]
    box = form.rules.consent
    if agreed is not None and form.rules.listed:
        wording = {} if box is None else {"text": box.text, "version": box.version, "topic": box.topic}
        told["consent"] = {"agreed": agreed, **wording}
    return told | {"form": form.name}


def _kept(said: str | list[str]) -> str | list[str]:
    return said.strip()[:MAX_VALUE] if isinstance(said, str) else [text[:MAX_VALUE] for text in said]


def _traits(form: Form, email: str | None) -> dict[str, Any]:
    traits: dict[str, Any] = {} if email is None else {"email": email}
    for target, said in form.mapped.items():
        value = said.strip()[:MAX_VALUE]
        if value and target not in IDENTITIES:
            _put(traits, target.removeprefix("traits.").split("."), value)
    for name, profile_field in PROFILE.items():
        value = form.values.get(name, "").strip()[:MAX_VALUE]
        if value and profile_field not in traits:
            _put(traits, [profile_field], value)
    return traits


def _put(traits: dict[str, Any], path: Sequence[str], value: str) -> None:
    for name in path[:-1]:
        inner = traits.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        traits = inner
    traits[path[-1]] = head_count(value) if path[-1] == "employees" else value


def _consent_trait(form: Form, agreed: bool | None, intake: Intake) -> dict[str, bool]:
    """
    Return the trait that asks for mail, or says no to it.

    From a page it only asks for a confirmation mail. A form without double opt-in asks for none: the wish is a property
    then, kept and never enough.
    """
    if agreed is None or (agreed and intake == "public" and not form.rules.double_opt_in):
        return {}
    return {"consent": agreed}


def _context(form: Form, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return where it was filled in. `form` stands there only when the playbook lists it: no client can say so."""
    values = form.values
    context: dict[str, Any] = {"form": form.name} if form.rules.listed else {}
    campaign = {into: values[name].strip()[:200] for name, into in _CAMPAIGN.items() if values.get(name, "").strip()}
    if campaign:
        context["campaign"] = campaign
    if agent := storable(headers.get("user-agent", ""))[:500]:
        context["userAgent"] = agent
    if page := (values.get("pageurl", "").strip() or storable(headers.get("referer", "")))[:2_000]:
        context["page"] = {"url": page}
    return context
