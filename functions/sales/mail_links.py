"""
Answering a handoff by a link of the alert: GET shows what it would do, POST does it.

The link says as whom. It answers a handoff that is theirs, or one that they lead: of a lead that was passed on to
somebody else the old links are told whose it is now.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from functions.sales import pages
from functions.sales.api import MAX_NOTE, raw_body
from functions.sales.moves import find, make_move
from shared.aws import playbooks, secret_values
from shared.aws.leads import get_lead
from shared.handoff import Handoff
from shared.links import RepLink, key_version, read_rep_link
from shared.messages.handoff_facts import name_and_company
from shared.rules.handoff import MEANS, Decision, Move, decide_move
from shared.rules.routing import HandoffPolicy, handoff_policy
from shared.telemetry import logger

PREFIX = "/s/"

QUESTIONS = {"accept": "Accept this lead?", "reject": "Send this lead back?", "contact": "Log a contact?"}
BUTTONS = {"accept": "Accept", "reject": "Send back", "contact": "Log the contact"}
DONE = {"accept": "The lead is yours", "reject": "The lead goes back", "contact": "The contact is logged"}
MEANS_WORDS = {"call": "A call", "mail": "A mail", "meeting": "A meeting"}


def answer(event: Mapping[str, Any], at: int) -> pages.Answer:
    """
    Answer the request of a link.

    Raises:
        ConflictError: Others kept changing the handoff; nothing was written.
    """
    purpose, _, token = event["rawPath"].strip("/").removeprefix(PREFIX.strip("/")).strip("/").partition("/")
    link = read_rep_link(purpose, token, secret_values.signing_secrets(key_version(token)))
    if link is None:
        return pages.page(
            HTTPStatus.NOT_FOUND, "This link does not work", "It may have been cut off: copy all of it from the mail."
        )
    if at >= link.expires_at:
        return pages.page(HTTPStatus.GONE, "This link has expired", "Answer in Slack, or ask who leads your team.")
    policy = handoff_policy(playbooks.current())
    handoff = find(link.lead_id, link.number)
    if handoff is None:
        return pages.page(HTTPStatus.NOT_FOUND, "This lead is gone", "The person was erased, or never was handed off.")
    stranger = _not_theirs(link, handoff, policy)
    if stranger:
        return pages.page(HTTPStatus.FORBIDDEN, "This lead is not yours", stranger)
    if event["requestContext"]["http"]["method"] != "POST":
        return _asked(link, handoff, policy, at)
    return _acted(link, event, policy, at)


def _not_theirs(link: RepLink, handoff: Handoff, policy: HandoffPolicy) -> str:
    """Return why the link's person may not answer this handoff; empty when they may."""
    if not policy.knows(link.person):
        return "You are not in the playbook any more."
    leads = {policy.manager.id, *(leader.id for leader in policy.leaders)}
    if link.person == handoff.owner or link.person in leads:
        return ""
    return f"It is {policy.person(handoff.owner).name}'s now."


def _asked(link: RepLink, handoff: Handoff, policy: HandoffPolicy, at: int) -> pages.Answer:
    reasons = [(reason.code, reason.text) for reason in policy.reject_reasons]
    trial = Move(link.purpose, link.person, at, reason_code=reasons[0][0] if reasons else None)
    decision = decide_move(handoff, trial, policy)
    if decision.verdict != "moved":
        return _nothing(decision)
    fields = {
        "accept": (),
        "reject": (pages.choice("reason", "Why", reasons), pages.long_text("note", "Note (may stay empty)", MAX_NOTE)),
        "contact": (
            pages.choice("means", "What it was", MEANS_WORDS.items()),
            pages.long_text("note", "Note (may stay empty)", MAX_NOTE),
        ),
    }[link.purpose]
    due = min((clock.due_at for clock in handoff.clocks if clock.met_at is None), default=None)
    return pages.page(
        HTTPStatus.OK,
        QUESTIONS[link.purpose],
        name_and_company(get_lead(handoff.lead_id)),
        f"Due by {policy.calendar_of(link.person).text(due)}." if due is not None else "",
        f"You act as {policy.person(link.person).name}.",
        form=pages.form_of(BUTTONS[link.purpose], *fields),
    )


def _acted(link: RepLink, event: Mapping[str, Any], policy: HandoffPolicy, at: int) -> pages.Answer:
    said = {name: values[0] for name, values in parse_qs(raw_body(event).decode(errors="replace")).items()}
    means = next((each for each in MEANS if each == said.get("means")), None)
    if link.purpose == "contact" and means is None:
        return _unusable("Choose whether it was a call, a mail or a meeting.")
    note = (said.get("note") or "")[:MAX_NOTE] or None
    move = Move(link.purpose, link.person, at, reason_code=said.get("reason"), means=means or "call", note=note)
    decision = make_move(link.lead_id, link.number, move, policy)
    verdict = "gone" if decision is None else decision.verdict
    logger.info("link answered", lead_id=link.lead_id, number=link.number, action=link.purpose, verdict=verdict)
    if decision is None:
        return pages.page(HTTPStatus.NOT_FOUND, "This lead is gone")
    if decision.verdict == "unknown_reason":
        return _unusable("Choose one of the reasons.")
    if decision.verdict != "moved":
        return _nothing(decision)
    return pages.page(HTTPStatus.OK, DONE[link.purpose], "Everybody sees it in Slack. You may close this page.")


def _nothing(decision: Decision) -> pages.Answer:
    status = HTTPStatus.OK if decision.verdict == "repeat" else HTTPStatus.CONFLICT
    return pages.page(status, "Nothing changed", f"{decision.reason[:1].upper()}{decision.reason[1:]}.")


def _unusable(what: str) -> pages.Answer:
    return pages.page(HTTPStatus.BAD_REQUEST, "Nothing changed", what, "Go back to the page before.")
