"""
The trail of consent of an address: what was agreed to, where, how it was proved, and every stop.

One item per event beside the address item, written by whoever learns it before anybody is answered. No address, no
name and no network address stands in one. A trail is for people; what may be mailed is decided by the address item.
"""

from dataclasses import replace
from typing import Any

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.instants import DAY, parse_instant
from shared.mailing import ConsentProof

WISH_KEPT = 400 * DAY
"""How long what anybody could have posted is kept; what was proved stays, with the wish it answers copied into it."""

READ = 300
"""Newest entries that are looked at: a trail that strangers fill is still read in one go."""

SHOWN = 50
"""Newest wishes shown; whatever proves or stops is always shown."""


def put(proof: ConsentProof) -> None:
    """Keep one entry. The same event gives the same item, so a repeat writes the same."""
    item = {
        table.PK: table.address_pk(proof.address),
        table.SK: table.consent_sk(proof.at, proof.event),
        "schema": table.SCHEMA,
        "said": proof.said,
        "by": proof.by,
        **{name: value for name in _WORDING if (value := getattr(proof, name))},
        table.TTL: proof.at + WISH_KEPT if proof.by == "public key" else None,
    }
    clients.dynamodb().put_item(TableName=settings.table_name(), Item=to_item(item))


def trail(address: str) -> list[ConsentProof]:
    """
    Return what is known of consent to mail the address, newest first, each event once at the first time it was received.

    Of wishes nobody proved the newest 50, of the rest all among the newest 300 entries.
    """
    first: dict[tuple[str, str], ConsentProof] = {}
    for proof in _entries(address, table.CONSENT_PREFIX, limit=READ):
        first[proof.event, proof.said] = proof
    wishes = 0
    shown: list[ConsentProof] = []
    for proof in sorted(first.values(), key=lambda each: each.at, reverse=True):
        wishes += proof.by == "public key"
        if proof.by != "public key" or wishes <= SHOWN:
            shown.append(proof)
    return shown


def confirmed(proof: ConsentProof, asked_at: int | None) -> ConsentProof:
    """
    Return the confirmation with the wording of the wish that the mail answered.

    Args:
        proof: The confirmation.
        asked_at: Receive time of the wish: the instant the confirmation mail was claimed for. None when nobody knows.
    """
    wishes = [] if asked_at is None else _entries(proof.address, table.consent_sk(asked_at, ""), limit=1)
    return replace(proof, **{name: getattr(wishes[0], name) for name in _WORDING}) if wishes else proof


_WORDING = ("text", "version", "topic", "worded_by", "form", "page", "host", "who")


def _entries(address: str, prefix: str, *, limit: int) -> list[ConsentProof]:
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            KeyConditionExpression="#pk = :pk AND begins_with(#sk, :prefix)",
            ExpressionAttributeNames={"#pk": table.PK, "#sk": table.SK},
            ExpressionAttributeValues={":pk": {"S": table.address_pk(address)}, ":prefix": {"S": prefix}},
            ScanIndexForward=False,
            ConsistentRead=True,
            PaginationConfig={"MaxItems": limit},
        )
    )
    return [_proof(address, from_item(item)) for page in pages for item in page["Items"]]


def _proof(address: str, item: dict[str, Any]) -> ConsentProof:
    at, _, event = item[table.SK].removeprefix(table.CONSENT_PREFIX).partition("#")
    wording = {name: item[name] for name in _WORDING if name in item}
    return ConsentProof(address, parse_instant(at), event, item["said"], item["by"], **wording)
