"""
What programs and people do with the links of a mail that change nothing: click, open, the decoy, a look at the footer's page.

Each is a touch on the queue `engagement`; who did it is judged there, when what else was done with the mail is known.
"""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from functions.links import pages
from shared import links, settings
from shared.aws import queue
from shared.engagement import AGENT_KEPT, Kind, Seen
from shared.links import Link
from shared.rules.mail_networks import machine_network
from shared.telemetry import logger, metrics

SEEN = frozenset({"click", "open", "decoy"})
"""Purposes answered here."""

FOR_PEOPLE: frozenset[Kind] = frozenset({"click", "open", "page"})
"""What a person waits for: the way on, and the page to unsubscribe, are not kept from them because nobody could count it."""


def answer(link: Link, event: dict[str, Any], *, token: str, now: int) -> pages.Answer:
    """Answer a click, an open or the decoy. A click sends whoever it is on: that a machine followed it is found out later."""
    is_head = event["requestContext"]["http"]["method"] == "HEAD"
    if link.purpose == "open":
        if not is_head:
            _tell("open", link, event, token=token, now=now)
        return pages.pixel()
    if link.purpose == "decoy":
        _tell("decoy", link, event, token=token, now=now)
        return pages.page(200, "Nothing to see here", "This link is there for programs. You can close this page.")
    if not link.target.startswith(("https://", "http://")):
        return pages.not_ours()
    _tell("head" if is_head else "click", link, event, token=token, now=now)
    return pages.redirect(link.target)


def looked_at_footer(link: Link, event: dict[str, Any], *, token: str, now: int) -> None:
    """Tell that the page to unsubscribe was looked at, which unsubscribes nobody: who follows every link came here too."""
    is_head = event["requestContext"]["http"]["method"] == "HEAD"
    _tell("head" if is_head else "page", link, event, token=token, now=now)


def _tell(kind: Kind, link: Link, event: dict[str, Any], *, token: str, now: int) -> None:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    seen = Seen(
        send_id=link.send_id,
        id=f"{kind}:{links.fingerprint(token)}:{now}",
        kind=kind,
        at=now,
        url=link.target if link.purpose == "click" else "",
        said=_sign(kind, headers, event["requestContext"]["http"].get("sourceIp", "")),
        agent=headers.get("user-agent", "")[:AGENT_KEPT],
    )
    try:
        queue.send_all(settings.engagement_queue_url(), [seen.to_message()])
    except Exception:
        if kind not in FOR_PEOPLE:
            raise
        metrics.add_metric(name="TouchesLost", unit=MetricUnit.Count, value=1)
        logger.exception("touch lost", send_id=link.send_id, kind=kind)


def _sign(kind: Kind, headers: dict[str, str], address: str) -> str:
    """Return why the request is a machine's by itself, in words. The network address is looked up here, and kept nowhere."""
    said = " ".join(headers.get(name, "") for name in ("purpose", "sec-purpose", "x-purpose", "x-moz")).lower()
    if "prefetch" in said or "preview" in said:
        return "the request says that it is a prefetch"
    owner = machine_network(address, is_open=kind == "open")
    return f"it came from a network of {owner}'s machines" if owner else ""
