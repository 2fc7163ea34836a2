"""
Answer the links in our mails: click, open pixel, unsubscribe, confirm.

Trigger      HTTP GET and HEAD /c/{token}, GET /o/{token}, GET and POST /u/{token}, GET and POST /y/{token}
             (events/http_click.json, events/http_unsubscribe_one_click.json, ...)
Reads        nothing but the token; for a confirmation the wish it answers
Writes       address: a stop or a proved opt-in, before anything else; then its trail of consent
Emits        Email Link Clicked, Email Opened, Unsubscribed, Address Confirmed on the queue `events`
Repeat-safe  the latest stop and opt-in are kept whatever comes twice; event ids are made from the token (and, of clicks
             and opens, the second), so a copy is one event. GET and HEAD on /u and /y change nothing: link scanners must
             neither unsubscribe people nor confirm for them
"""

import time
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.links import pages
from shared import links, settings
from shared.aws import addresses, consent_proofs, queue
from shared.aws.secret_values import signing_secret
from shared.identity import event_key
from shared.lead import LeadEvent, queue_message
from shared.links import PATHS, Link, Purpose
from shared.mailing import ConsentProof, SendRef
from shared.telemetry import logger, metrics

PURPOSES: dict[str, Purpose] = {path: purpose for purpose, path in PATHS.items()}

AGENT_KEPT = 300
"""Characters of the user agent kept with a click or open, to tell machines from people later."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> pages.Answer:
    path = event["rawPath"].strip("/").split("/")[0]
    token = (event.get("pathParameters") or {}).get("token", "")
    purpose = PURPOSES.get(path)
    link = None if purpose is None else links.read(purpose, token, signing_secret())
    ref = None if link is None else SendRef.parse(link.send_id)
    if link is None or ref is None:
        metrics.add_metric(name="LinksNotOurs", unit=MetricUnit.Count, value=1)
        return pages.not_ours()
    metrics.add_metric(name=f"Links{link.purpose.capitalize()}", unit=MetricUnit.Count, value=1)
    method = event["requestContext"]["http"]["method"]
    name = links.fingerprint(token)
    now = int(time.time())
    if link.purpose == "click":
        return _click(link, ref, event, name=name, now=now)
    if link.purpose == "open":
        return _open(link, ref, event, name=name, now=now)
    if method != "POST":
        return pages.ask_to_stop() if link.purpose == "unsubscribe" else pages.ask_to_confirm()
    return _stop(link, ref, name, now) if link.purpose == "unsubscribe" else _confirm(link, ref, name, now)


def _click(link: Link, ref: SendRef, event: dict[str, Any], *, name: str, now: int) -> pages.Answer:
    """Send the person on. Only a GET that a person could have made counts, and only after it has waited a while."""
    if not link.target.startswith(("https://", "http://")):
        return pages.not_ours()
    if event["requestContext"]["http"]["method"] == "GET" and not _is_prefetch(event):
        clicked = LeadEvent(
            event_id=f"click:{name}:{now}",
            name="Email Link Clicked",
            occurred_at=now,
            received_at=now,
            source="system",
            lead_id=ref.lead_id,
            properties={"send_id": ref.send_id, "track": ref.track, "url": link.target},
            context=_visitor(event),
        )
        _tell(clicked, delay_seconds=int(settings.required("CLICK_DELAY_SECONDS")))
    return pages.redirect(link.target)


def _open(link: Link, ref: SendRef, event: dict[str, Any], *, name: str, now: int) -> pages.Answer:
    opened = LeadEvent(
        event_id=f"open:{name}:{now}",
        name="Email Opened",
        occurred_at=now,
        received_at=now,
        source="system",
        lead_id=ref.lead_id,
        properties={"send_id": link.send_id, "track": ref.track},
        context=_visitor(event),
    )
    _tell(opened)
    return pages.pixel()


def _stop(link: Link, ref: SendRef, name: str, now: int) -> pages.Answer:
    """Stop first, then tell the score, then answer: once the page is seen, nothing is sent any more."""
    addresses.record_consent(link.target, stopped_at=now)
    event_id = f"unsubscribe:{name}"
    consent_proofs.put(ConsentProof(link.target, now, event_key(event_id), "unsubscribed", "link in our mail"))
    stopped = LeadEvent(
        event_id=event_id,
        name="Unsubscribed",
        occurred_at=now,
        received_at=now,
        source="system",
        lead_id=ref.lead_id,
        properties={"send_id": link.send_id, "track": ref.track},
    )
    _tell(stopped)
    logger.info("unsubscribed", send_id=link.send_id)
    return pages.stopped()


def _confirm(link: Link, ref: SendRef, name: str, now: int) -> pages.Answer:
    """Whoever presses the button reads this mailbox: the address is proved, and opted in."""
    addresses.record_consent(link.target, proven_at=now, opted_in_at=now)
    event_id = f"confirm:{name}"
    mails = addresses.get_address(link.target).confirmations
    asked_at = next((mail.at for mail in mails if mail.send_id == link.send_id), None)
    proof = ConsentProof(link.target, now, event_key(event_id), "confirmed", "link in our mail")
    consent_proofs.put(consent_proofs.confirmed(proof, asked_at))
    confirmed = LeadEvent(
        event_id=event_id,
        name="Address Confirmed",
        occurred_at=now,
        received_at=now,
        source="system",
        lead_id=ref.lead_id,
        properties={"address": link.target},
    )
    _tell(confirmed)
    logger.info("address confirmed", send_id=link.send_id)
    return pages.confirmed()


def _tell(event: LeadEvent, *, delay_seconds: int = 0) -> None:
    message = queue_message("system", event.received_at, [event])
    queue.send_all(settings.events_queue_url(), [message], delay_seconds=delay_seconds)


def _headers(event: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def _is_prefetch(event: dict[str, Any]) -> bool:
    """Tell whether a program fetched the link ahead of a person, and says so."""
    headers = _headers(event)
    said = " ".join(headers.get(name, "") for name in ("purpose", "sec-purpose", "x-purpose", "x-moz"))
    return "prefetch" in said.lower() or "preview" in said.lower()


def _visitor(event: dict[str, Any]) -> dict[str, Any]:
    """Return what later tells machines from people, as clients name it: `userAgent`; the network address is not kept."""
    agent = _headers(event).get("user-agent", "")[:AGENT_KEPT]
    return {"userAgent": agent} if agent else {}
