"""
The `forms` part of a playbook: what the fields of a form mean, what was agreed to by ticking a box, what gives a
program away.

A form that is not listed is read by its conventional names alone; docs/intake.md has both.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from shared.forms import CONTROLS, IDENTITIES, OWN_PROPERTIES, WORDING, plain_name
from shared.playbook_types import TARGET, MisplacedError, Name, Section, Text, Url, YesNo, nearest
from shared.rules.patterns import Place

PROPERTY = "properties."

LONGEST = 200
LARGEST = 10**9
"""Bounds of a value that every event of the form carries."""

FieldName = Annotated[Text, Field(max_length=64)]
"""A field of the page, as its `name` says."""

Target = Annotated[str, Field(pattern=TARGET)]


def _constant(said: Any) -> Any:
    if isinstance(said, bool) or (isinstance(said, int | float) and abs(said) <= LARGEST):
        return said
    if isinstance(said, str) and 0 < len(said.strip()) <= LONGEST:
        return said
    raise ValueError(f"is no plain value; write a text of at most {LONGEST} characters, a number, true or false")


Constant = Annotated[
    Any,
    BeforeValidator(_constant),
    WithJsonSchema({"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": LONGEST}),
]


Wording = Annotated[str, Field(min_length=1, max_length=WORDING)]


class Consent(Section):
    """The box that asks for mail: which field it is, and what exactly it says, so that it can be shown later."""

    field: FieldName
    text: Wording
    version: Annotated[Text, Field(max_length=40)]
    topic: Name


class Form(Section):
    """One form by its name in the address."""

    fields: Annotated[dict[FieldName, Target], Field(max_length=100)] = {}
    consent: Consent | None = None
    double_opt_in: YesNo = True
    honeypot: FieldName | None = None
    min_seconds: Annotated[int, Field(strict=True, ge=1, le=60)] | None = None
    next: Url | None = None
    event: Annotated[dict[Annotated[Text, Field(max_length=64)], Constant], Field(max_length=20)] = {}

    @model_validator(mode="after")
    def means_one_thing_by_a_name(self) -> Self:
        problems = list(self._misnamed())
        if problems:
            raise MisplacedError(*problems)
        return self

    def _misnamed(self) -> Iterator[tuple[Place, str]]:
        said: dict[str, str] = {}
        named: list[tuple[Place, str]] = [(("fields", name), name) for name in self.fields]
        if self.consent is not None:
            named.append((("consent", "field"), self.consent.field))
        if self.honeypot is not None:
            named.append((("honeypot",), self.honeypot))
        for place, name in named:
            plain = plain_name(name)
            if plain in CONTROLS or not plain:
                yield place, f"{name!r} steers the post and is no answer; name another field"
            elif (other := said.setdefault(plain, name)) is not name:
                yield place, f"{name!r} is the same field as {other!r}, which is used already; leave one out"
        for name in sorted(OWN_PROPERTIES.intersection(self.event)):
            yield ("event", name), f"{name} is a property that is filled by itself; write another name"
        for field, target in self.fields.items():
            if target.removeprefix(PROPERTY) in OWN_PROPERTIES and target.startswith(PROPERTY):
                yield ("fields", field), f"{target} is filled by itself; write another name"

    def unknown_targets(self, profile: Iterable[str]) -> Iterator[tuple[Place, str]]:
        """Return the fields that are mapped to nothing the playbook keeps."""
        known = {*IDENTITIES, *profile}
        for field, target in self.fields.items():
            if not target.startswith(PROPERTY) and target not in known:
                instead = f"{nearest(target, known)}, or properties.{target} to keep it with the event"
                yield ("fields", field), f"the profile has no {target!r}; {instead}"

    def unknown_topic(self, topics: Collection[str]) -> Iterator[tuple[Place, str]]:
        """Return the topic of the box when the page that people choose topics on does not have it."""
        topic = None if self.consent is None else self.consent.topic
        if topic is not None and topics and topic not in topics:
            yield ("consent", "topic"), f"no topic of mail.topics is named {topic!r}; {nearest(topic, topics)}"

    def compiled(self, profile: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return the form as the intake reads it: plain field names, and where in the event each value goes."""
        return {
            "fields": {plain_name(field): _path(target, profile) for field, target in self.fields.items()},
            "consent": None
            if self.consent is None
            else {**self.consent.model_dump(), "field": plain_name(self.consent.field)},
            "double_opt_in": self.double_opt_in,
            "honeypot": None if self.honeypot is None else plain_name(self.honeypot),
            "min_seconds": self.min_seconds or 0,
            "next": self.next,
            "event": dict(self.event),
        }


def _path(target: str, profile: Mapping[str, list[str]]) -> str:
    """Return the place in the event: a profile field is read from traits, by the paths the playbook gives it."""
    if target.startswith(PROPERTY) or target in IDENTITIES:
        return target
    paths = profile[target]
    return f"traits.{target if target in paths else paths[0]}"
