"""The part of a playbook that says how messages reach people other than by mail: text messages and webhooks."""

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from shared.mail.render import TemplateError
from shared.mail.text_message import MOST_PARTS, SHORT_LINK, is_gsm, parts, written
from shared.playbook_mails import SAMPLE
from shared.playbook_types import Name, Section, Text, Url, Whole, each_once, nearest
from shared.rules.patterns import Place

SECRETS_AT_ONCE = 5
"""Most secrets that sign one webhook; a receiver needs two while it changes from one to the next."""


def _gsm_words(said: str) -> str:
    strange = sorted({each for each in said if not is_gsm(each)})
    if strange:
        raise ValueError(f"holds {strange[0]!r}, which makes a text message cost twice as much; write it otherwise")
    return said


class Sms(Section):
    """
    What every text message says and costs: words at its end that tell how to stop them, and how many parts it may take.

    Stop words are true only where the number that sends takes answers: a sender id does not.
    """

    stop_words: Annotated[Text, Field(max_length=40), AfterValidator(_gsm_words)] | None = None
    parts: Annotated[Whole, Field(ge=1, le=MOST_PARTS)] = 1


def _public_address(said: str) -> str:
    try:
        parts = urlsplit(said)
        host, port, secret = (parts.hostname or "").removesuffix("."), parts.port, parts.username or parts.password
    except ValueError as error:
        raise ValueError(f"{said!r} is no address; write it as in https://hooks.example.com/ripen") from error
    if parts.scheme != "https" or not host:
        raise ValueError(f"{said!r} must begin with https://; what we post is for the receiver alone")
    if secret is not None or parts.fragment:
        raise ValueError("must hold neither a password nor a part after #; the signature shows who posts")
    if not said.isascii():
        raise ValueError(
            "must be written as it travels: xn-- names for the host, %.. in the path; a browser copies it so"
        )
    if not all(0 < len(part) < 64 for part in host.split(".")):
        raise ValueError(f"{host!r} is no host: each part between its dots has 1 to 63 signs")
    if port == 0:
        raise ValueError("has no port 0; leave it out")
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        literal = None
    if literal is not None or "." not in host or host.endswith((".local", ".internal", ".localhost")):
        raise ValueError(f"{host!r} is no host of the open internet; write its name, as in hooks.example.com")
    return said


class Webhook(Section):
    """
    Where the steps of a channel go that Ripen does not speak itself, and what of the person goes along.

    `secrets` are the numbers of the secrets that sign: to change one, add a new number, let the receiver take the new
    secret, take the old number out.
    """

    url: Annotated[Url, AfterValidator(_public_address)]
    sends: Annotated[list[Name], Field(max_length=30), AfterValidator(each_once)] = []
    secrets: Annotated[
        list[Annotated[Whole, Field(ge=1, le=9999)]], Field(min_length=1, max_length=SECRETS_AT_ONCE)
    ] = [1]


Webhooks = dict[Name, Webhook]


def webhook_problems(
    webhooks: Mapping[str, Webhook], steps: Mapping[Place, str], profile: Collection[str]
) -> Iterator[tuple[Place, str]]:
    """
    Yield what is wrong with webhooks beside the rest of the playbook.

    Args:
        webhooks: By name.
        steps: The webhook that a step names, by the place of the step.
        profile: Fields of `scoring.profile`.
    """
    for place, name in steps.items():
        if name not in webhooks:
            yield (*place, "to"), f"no webhook of mail.webhooks is named {name!r}; {nearest(name, webhooks)}"
    known = {*profile, "email"}
    for name, webhook in webhooks.items():
        for number, field in enumerate(webhook.sends):
            if field not in known:
                text = f"{field!r} is no field of scoring.profile; {nearest(field, known)}"
                yield ("mail", "webhooks", name, "sends", number), text


def check_texts(
    templates: Mapping[str, Mapping[str, str]], contents: Mapping[str, Mapping[str, str]], mail: Mapping[str, Any]
) -> list[str]:
    """
    Return what is wrong with the text messages, one sentence each: their letters, their lines, their length.

    Args:
        templates: Every content's words.
        contents: What the compiled playbook says of each.
        mail: The compiled playbook's.
    """
    return [
        f"{name}: {problem}"
        for name, said in contents.items()
        if said["channel"] == "sms"
        for problem in _text_problems(templates[name], mail)
    ]


def _text_problems(template: Mapping[str, str], mail: Mapping[str, Any]) -> Iterator[str]:
    if len(template["text"].strip().splitlines()) > 1:
        yield "a text message is one line; write it without line breaks"
    strange = sorted({each for each in template["text"] if not is_gsm(each)})
    if strange:
        yield f"{strange[0]!r} is no letter of text messages, which makes them cost twice as much; write it otherwise"
    links = dict.fromkeys(mail.get("links", {}), "x" * SHORT_LINK)
    always = {"sender_name": mail["from_name"], "postal_address": mail["postal_address"], "links": links}
    most = (mail.get("sms") or {"parts": 1})["parts"]
    for fields in (always, {**SAMPLE, **always}):
        try:
            text = written(template, fields, mail)
        except TemplateError:
            return  # said by the check of every content
        if parts(text) > most:
            yield (
                f"takes {parts(text)} parts ({len(text)} characters with links of {SHORT_LINK}), and mail.sms.parts allows "
                f"{most}; shorten it, or allow more"
            )
            return
