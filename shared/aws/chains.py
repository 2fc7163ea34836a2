"""
The walk over every lead after a playbook was published: one chain of pages for each band and shard of the rank index.

The index has every lead exactly once. How far a chain is stands on an item beside the playbook, so that a message that
comes again, late or twice, cannot lose or repeat a page, and anybody can look how far the walk is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.instants import instant_text, parse_instant

PAGE = 500
"""Leads of one step: half a kilobyte of keys each, well under the megabyte a query returns."""


@dataclass(frozen=True, slots=True)
class Chain:
    """
    How far the walk is in one band and shard.

    `as_of` is the instant the leads are settled at, `announce` whether what changes may be announced. `cursor` is the
    place of the last lead queued, None before the first; `walked` how many were queued.
    """

    bundle: str
    band: str
    shard: int
    as_of: int
    announce: bool = False
    cursor: str | None = None
    walked: int = 0
    done: bool = False

    def message(self) -> dict[str, Any]:
        """Return the message that asks for the next page."""
        return {
            "schema": 1,
            "bundle": self.bundle,
            "band": self.band,
            "shard": self.shard,
            "cursor": self.cursor,
        }


def start(bundle: str, bands: Iterable[str], *, as_of: int, announce: bool) -> None:
    """Put every chain of the playbook at its beginning, also those of an earlier walk."""
    for band in bands:
        for shard in range(table.DUE_SHARDS):
            clients.dynamodb().put_item(
                TableName=settings.table_name(), Item=to_item(_values(Chain(bundle, band, shard, as_of, announce)))
            )


def chains(bundle: str) -> list[Chain]:
    """Return how far every chain of the playbook is (consistent read)."""
    answer = clients.dynamodb().query(
        TableName=settings.table_name(),
        KeyConditionExpression="#pk = :pk AND begins_with(#sk, :prefix)",
        ExpressionAttributeNames={"#pk": table.PK, "#sk": table.SK},
        ExpressionAttributeValues={
            ":pk": {"S": table.playbook_pk(bundle)}, ":prefix": {"S": table.CHAIN_PREFIX}
        },
        ConsistentRead=True,
    )  # fmt: skip
    return [_read(bundle, from_item(item)) for item in answer["Items"]]


def get_chain(bundle: str, band: str, shard: int) -> Chain | None:
    """Return how far the chain is (consistent read); None when there is none."""
    answer = clients.dynamodb().get_item(
        TableName=settings.table_name(), Key=_key(bundle, band, shard), ConsistentRead=True
    )
    return _read(bundle, from_item(answer["Item"])) if "Item" in answer else None


def next_page(chain: Chain) -> tuple[list[str], str | None]:
    """Return the leads that come after the chain's cursor, and the cursor after them: None when these are the last."""
    more: dict[str, Any] = {}
    if chain.cursor is not None:
        bound, _, lead_id = chain.cursor.partition("#")
        more["ExclusiveStartKey"] = {
            table.PK: {"S": table.lead_pk(lead_id)},
            table.SK: {"S": table.LEAD_SK},
            table.RANK_KEY: {"S": table.rank_key(chain.band, chain.shard)},
            table.RANK_BOUND: {"N": bound},
        }
    answer = clients.dynamodb().query(
        TableName=settings.table_name(),
        IndexName=table.RANK_INDEX,
        KeyConditionExpression="#key = :key",
        ExpressionAttributeNames={"#key": table.RANK_KEY},
        ExpressionAttributeValues={":key": {"S": table.rank_key(chain.band, chain.shard)}},
        Limit=PAGE,
        **more,
    )
    last = answer.get("LastEvaluatedKey")
    cursor = None if last is None else f"{last[table.RANK_BOUND]['N']}#{table.lead_id_of(last[table.PK]['S'])}"
    return [table.lead_id_of(item[table.PK]["S"]) for item in answer["Items"]], cursor


def advance(chain: Chain, *, walked: int, cursor: str | None) -> Chain | None:
    """
    Move the chain past the page it stood before; without a cursor it is done.

    Returns: The chain as it is now, or None when somebody else moved it first.
    """
    after = replace(chain, walked=chain.walked + walked, cursor=cursor, done=cursor is None)
    names = {"#cursor": "cursor", "#walked": "walked", "#done": "done"}
    values: dict[str, Any] = {":walked": walked, ":done": after.done, ":undone": False}
    setting = "SET #done = :done"
    if cursor is not None:
        setting += ", #cursor = :cursor"
        values[":cursor"] = cursor
    seen = "attribute_not_exists(#cursor)"
    if chain.cursor is not None:
        seen = "#cursor = :seen"
        values[":seen"] = chain.cursor
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_key(chain.bundle, chain.band, chain.shard),
            UpdateExpression=f"{setting} ADD #walked :walked",
            ConditionExpression=f"#done = :undone AND {seen}",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item(values),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return None
        raise
    return after


def _values(chain: Chain) -> dict[str, Any]:
    return {
        table.PK: table.playbook_pk(chain.bundle),
        table.SK: table.chain_sk(chain.band, chain.shard),
        "schema": table.SCHEMA,
        "as_of": instant_text(chain.as_of),
        "announce": chain.announce,
        "cursor": chain.cursor,
        "walked": chain.walked,
        "done": chain.done,
    }


def _read(bundle: str, item: Mapping[str, Any]) -> Chain:
    band, _, shard = item[table.SK].removeprefix(table.CHAIN_PREFIX).rpartition("#")
    return Chain(
        bundle=bundle,
        band=band,
        shard=int(shard),
        as_of=parse_instant(item["as_of"]),
        announce=item["announce"],
        cursor=item.get("cursor"),
        walked=item["walked"],
        done=item["done"],
    )


def _key(bundle: str, band: str, shard: int) -> dict[str, Any]:
    return to_item({table.PK: table.playbook_pk(bundle), table.SK: table.chain_sk(band, shard)})
