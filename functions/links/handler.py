"""
Answer the links in our mails: click, open pixel, decoy, unsubscribe or choose topics, confirm.

Trigger      HTTP GET and HEAD /c/{token}, /d/{token} and /u/{token}, GET /o/{token}, POST /u/{token}, GET and POST /y/{token}
             (events/http_click.json, events/http_unsubscribe_one_click.json, ...)
Reads        nothing but the token; for a confirmation the wish it answers; for the page the address and the playbook; for
             a link of a text message the playbook, and the lead's sends where that does not know it any more
Writes       address: a stop or a proved opt-in, before anything else; then its trail of consent, then the send item
Emits        touches of a mail on the queue `engagement`; Unsubscribed, Mail Preferences Saved, Address Confirmed on the
             queue `events`
Repeat-safe  the latest stop and opt-in are kept whatever comes twice; event ids are made from the token (of touches,
             and the second; of a stop, and the opt-in before it), so a copy is one event. GET and HEAD on /u and /y
             change nothing: link scanners must neither unsubscribe people nor confirm for them
"""

import time
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.links import clicks, pages, preferences, short
from shared import links
from shared.aws.secret_values import signing_secrets
from shared.links import PATHS, Purpose
from shared.mailing import SendRef
from shared.short_links import could_be_short
from shared.telemetry import logger, metrics

PURPOSES: dict[str, Purpose] = {path: purpose for purpose, path in PATHS.items()}


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> pages.Answer:
    path = event["rawPath"].strip("/").split("/")[0]
    token = (event.get("pathParameters") or {}).get("token", "")
    purpose = PURPOSES.get(path)
    link = None if purpose is None else links.read(purpose, token, signing_secrets(links.key_version(token)))
    if link is None and purpose == "click" and could_be_short(token):
        link = short.click(token)
    ref = None if link is None else SendRef.parse(link.send_id)
    if link is None or ref is None:
        metrics.add_metric(name="LinksNotOurs", unit=MetricUnit.Count, value=1)
        return pages.not_ours()
    metrics.add_metric(name=f"Links{link.purpose.capitalize()}", unit=MetricUnit.Count, value=1)
    method = event["requestContext"]["http"]["method"]
    name = links.fingerprint(token)
    now = int(time.time())
    if link.purpose in clicks.SEEN:
        return clicks.answer(link, event, token=token, now=now)
    if link.purpose == "unsubscribe":
        if method == "POST":
            return preferences.answered(link, ref, event, name=name, now=now)
        clicks.looked_at_footer(link, event, token=token, now=now)
        return preferences.shown(link)
    return preferences.confirmed(link, ref, name=name, now=now) if method == "POST" else pages.ask_to_confirm()
