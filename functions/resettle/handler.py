"""
Have every lead settled by the playbook that was published: walk the rank index, and queue its leads page by page.

Trigger      queue `resettle`: the next page of one band and shard (events/sqs_resettle.json), first from
             `ripen playbook publish`, then from itself
Reads        which playbook is in force, how far the chain is, the rank index
Writes       how far the chain is; settle messages on the queue `settle`, its own next message
Emits        nothing; `score` settles and records
Repeat-safe  leads are queued before the chain moves, and it moves only from where the message found it; a message that
             comes again after that only asks for the next page once more, in case nobody had
"""

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import settings
from shared.aws import chains, playbooks, queue
from shared.aws.chains import Chain
from shared.instants import instant_text
from shared.telemetry import logger, metrics

PER_MESSAGE = 10
"""Leads in one settle message: a message that fails is tried again whole."""


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Queue the leads of a page, and ask for the next one."""
    _ = context
    for record in event["Records"]:
        said = json.loads(record["body"])
        _walk(said["bundle"], said["band"], said["shard"], said["cursor"])


def _walk(bundle: str, band: str, shard: int, cursor: str | None) -> None:
    in_force = playbooks.pointer()
    if in_force is None or in_force.bundle != bundle:
        logger.info("another playbook was published", bundle=bundle, band=band, shard=shard)
        return
    chain = chains.get_chain(bundle, band, shard)
    if chain is None or chain.done:
        return
    if chain.cursor == cursor:
        moved = _queue_page(chain)
        if moved is None or moved.done:
            return
        chain = moved
    queue.send_all(settings.resettle_queue_url(), [chain.message()])


def _queue_page(chain: Chain) -> Chain | None:
    lead_ids, cursor = chains.next_page(chain)
    about: dict[str, Any] = {"as_of": instant_text(chain.as_of)} | ({"announce": True} if chain.announce else {})
    queue.send_all(
        settings.settle_queue_url(),
        [
            {"schema": 1, "settle": lead_ids[start : start + PER_MESSAGE], **about}
            for start in range(0, len(lead_ids), PER_MESSAGE)
        ],
    )
    metrics.add_metric("LeadsQueued", "Count", len(lead_ids))
    return chains.advance(chain, walked=len(lead_ids), cursor=cursor)
