"""`ripen mail preview` and `ripen mail test`: a step of a track as somebody would get it, in files or in a mailbox."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from email.errors import MessageError
from typing import Any
from urllib.parse import quote

from rich.console import Console

from cli.leads import ask
from cli.playbook_files import compiled
from cli.stage import Stage
from shared.aws import deployments, mailer, playbooks
from shared.errors import RipenError
from shared.handoff import RUNNING
from shared.lead import Lead, Register, Settled
from shared.mail.letter import Owner, specimen
from shared.mail.message import Envelope, build
from shared.mail.render import Rendered
from shared.playbook import DEFAULT
from shared.playbook_mails import SAMPLE
from shared.rules.model import scoring_model
from shared.rules.routing import handoff_policy
from shared.rules.tracks import content_for, contents_of, tracks_of

NOWHERE = "https://preview.invalid/u"
"""Where the link to unsubscribe leads in a preview without a stage."""

TEST = "[Test] "


class MailError(RipenError):
    """There is no such step, or its mail cannot be sent."""


def preview(asked: argparse.Namespace, console: Console) -> None:
    """
    Write what the step sends as files: HTML and text of each content it chooses among, or of the lead's own.

    Raises:
        MailError: There is no such track or step.
    """
    playbook = _playbook(asked)
    lead, owner = sample() if asked.lead is None else _of_stage(asked, playbook)
    unsubscribe_url = NOWHERE if asked.lead is None else f"{Stage(asked.stage).api_url}/u/preview"
    asked.out.mkdir(parents=True, exist_ok=True)
    for content in _contents(asked, playbook, lead):
        words = specimen(lead, content, playbook=playbook, unsubscribe_url=unsubscribe_url, owner=owner)
        console.print(f"{content}: {words.subject or '(no subject)'}", soft_wrap=True, markup=False)
        for ending, part in (("html", words.html), ("txt", words.text)):
            if part:
                file = asked.out / f"{content}.{ending}"
                file.write_text(part, encoding="utf-8")
                console.print(f"  {file}", soft_wrap=True, markup=False)


def test(asked: argparse.Namespace, console: Console) -> None:
    """
    Send one mail of the step to an address, marked as a test: nothing is claimed, counted or remembered.

    Raises:
        MailError: There is no such step, it sends no mail, or SES would not or did not take it.
    """
    playbook = _playbook(asked)
    lead, owner = sample() if asked.lead is None else _of_stage(asked, playbook)
    content = _contents(asked, playbook, lead)[-1]
    channel = playbook["contents"][content]["channel"]
    if channel != "mail":
        raise MailError(f"{content} goes through the channel {channel}; only mails can be sent as a test")
    stage = Stage(asked.stage)
    settings = deployments.function_environment(stage.function("nurture_send"))
    sender = settings["SENDER"]
    if not deployments.sender_verified(sender):
        raise MailError(f"{sender} is not verified with SES, nor is its domain: verify it, then send")
    unsubscribe_url = f"{stage.api_url}/u/test"
    words = specimen(lead, content, playbook=playbook, unsubscribe_url=unsubscribe_url, owner=owner)
    envelope = Envelope(
        sender=sender,
        sender_name=playbook["mail"]["from_name"],
        recipient=asked.to,
        reply_to=playbook["mail"]["reply_to"] if owner is None or not owner.email else owner.email,
        unsubscribe_url=unsubscribe_url,
        configuration_set=settings["CONFIGURATION_SET"],
        tags={"test": "yes", "stage": asked.stage},
    )
    outcome = mailer.send(
        _message(words, envelope),
        sender=sender,
        recipient=asked.to,
        configuration_set=envelope.configuration_set,
        tags=envelope.tags,
    )
    match outcome:
        case mailer.Accepted(message_id):
            console.print(f"{content} sent to {asked.to} as a test ({message_id})", soft_wrap=True, markup=False)
        case mailer.Refused(code):
            raise MailError(f"SES refused it: {code}; an account in the sandbox sends to verified addresses only")
        case mailer.NotNow(code):
            raise MailError(f"SES does not send now: {code}")
        case mailer.Unknown(reason):
            raise MailError(f"SES did not answer ({reason}): it may have been sent")


def _message(words: Rendered, envelope: Envelope) -> bytes:
    try:
        return build(replace(words, subject=TEST + words.subject), envelope)
    except (ValueError, IndexError, MessageError) as error:  # what the standard library makes of it
        raise MailError(f"{envelope.recipient!r} is no address a mail can go to: {error}") from error


def _playbook(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the playbook that is named; else, of a lead of a stage, the one in force there; else the default one."""
    if asked.playbook is not None:
        return compiled(asked.playbook)
    if asked.lead is None:
        return compiled(DEFAULT)
    Stage(asked.stage).take_settings()
    with deployments.asking(asked.stage):
        return playbooks.current()


def _contents(asked: argparse.Namespace, playbook: Mapping[str, Any], lead: Lead) -> tuple[str, ...]:
    """Return what the step may send: to a lead of a stage what it would choose, every arm of a test in any case."""
    tracks = tracks_of(playbook)
    if asked.track not in tracks:
        there_are = f"there are {', '.join(tracks)}" if tracks else "this playbook has no tracks"
        raise MailError(f"no track is named {asked.track!r}; {there_are}")
    steps = tracks[asked.track].steps
    for step in steps:
        if asked.step in contents_of(step):
            return (asked.step,)
    if not (asked.step.isascii() and asked.step.isdigit() and 1 <= int(asked.step) <= len(steps)):
        raise MailError(
            f"{asked.track} has no step {asked.step!r}; write a number from 1 to {len(steps)}, or a content: "
            f"{', '.join(content for step in steps for content in contents_of(step))}"
        )
    chosen = steps[int(asked.step) - 1]
    if asked.lead is None or chosen.test is not None:
        return contents_of(chosen)
    return (content_for(chosen, lead, scoring_model(playbook)),)


def sample() -> tuple[Lead, Owner | None]:
    """Return somebody of whom everything is known, and whose rep writes."""
    said = {name: value for name, value in SAMPLE.items() if name != "owner_name"}
    profile = {name: Register(value, 0, "", proven=True) for name, value in said.items()}
    return Lead("sample", profile=profile), Owner(SAMPLE["owner_name"], "")


def _of_stage(asked: argparse.Namespace, playbook: Mapping[str, Any]) -> tuple[Lead, Owner | None]:
    """Return the lead as the stage's API tells of it, and the rep who has it."""
    if "@" in asked.lead:
        said = ask(asked, "/v1/leads/lookup", body={"email": asked.lead})
    else:
        said = ask(asked, f"/v1/leads/{quote(asked.lead, safe='')}")
    profile = {name: Register(each["value"], 0, "", proven=each["proven"]) for name, each in said["profile"].items()}
    settled = Settled(band=said["settled"]["band"], stage=said["settled"]["stage"])
    lead = Lead(said["lead_id"], profile=profile, settled=settled)
    running = [each for each in said["handoffs"] if each["state"] in RUNNING]
    if not running:
        return lead, None
    person = handoff_policy(playbook).person(max(running, key=lambda each: each["number"])["owner"])
    return lead, Owner(person.name, person.email) if person.name != person.id else None
