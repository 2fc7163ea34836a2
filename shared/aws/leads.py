"""
Lead and alias items: read consistently, written on the condition of the version that was read.

Only the `score` function writes them.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.batch_get import get_items
from shared.aws.items import to_item
from shared.errors import ConflictError, UnwritableError
from shared.instants import instant_text, parse_instant
from shared.lead import Alias, Fact, Lead, Naming, Register, Settled


def load(homes: Iterable[str]) -> dict[str, Lead | Alias | None]:
    """Return what lives at each home, read consistently; None where nothing does."""
    wanted = sorted(set(homes))
    found: dict[str, Lead | Alias | None] = dict.fromkeys(wanted)
    for item in get_items([(table.lead_pk(home), table.LEAD_SK) for home in wanted]):
        entry = read_entry(item)
        found[entry.home if isinstance(entry, Alias) else entry.lead_id] = entry
    return found


def get_lead(lead_id: str) -> Lead | None:
    """Return the lead, through aliases, read consistently; None when there is none."""
    while isinstance(entry := load([lead_id])[lead_id], Alias):
        lead_id = entry.alias_of
    return entry


def get_leads(lead_ids: Iterable[str]) -> dict[str, Lead]:
    """Return the leads that exist under these ids; aliases are left out."""
    return {home: entry for home, entry in load(lead_ids).items() if isinstance(entry, Lead)}


def save(
    written: Sequence[Lead | Alias],
    seen: Mapping[str, int],
    changes: Sequence[dict[str, Any]],
    bounds: Mapping[str, int],
) -> None:
    """
    Write leads, aliases and changes that belong together, all or nothing.

    Args:
        written: Entries to write; their `version` is already the new one.
        seen: Version of each home as it was read; 0 where nothing was.
        changes: Change items to put beside them.
        bounds: Upper bound of each lead's total in milli-points, for the rank index.

    Raises:
        ConflictError: Somebody wrote one of them since. Load again, apply again.
    """
    puts = [_put(entry, seen, bounds) for entry in written]
    transaction: list[Any] = [{"Put": put} for put in puts]
    transaction += [{"Put": {"TableName": settings.table_name(), "Item": to_item(change)}} for change in changes]
    try:
        if len(transaction) == 1:
            clients.dynamodb().put_item(**puts[0])
        else:
            clients.dynamodb().transact_write_items(TransactItems=transaction)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ConditionalCheckFailedException", "TransactionCanceledException"):
            raise ConflictError(f"{len(puts)} entries changed since they were read") from error
        if error.response["Error"]["Code"] == "ValidationException":
            raise UnwritableError(f"DynamoDB refuses {len(transaction)} items") from error
        raise


def _put(entry: Lead | Alias, seen: Mapping[str, int], bounds: Mapping[str, int]) -> dict[str, Any]:
    home = entry.home if isinstance(entry, Alias) else entry.lead_id
    values = _alias_values(entry) if isinstance(entry, Alias) else _lead_values(entry, bounds.get(home, 0))
    put: dict[str, Any] = {"TableName": settings.table_name(), "Item": to_item(values)}
    if seen.get(home, 0) == 0:
        put["ConditionExpression"] = "attribute_not_exists(#pk)"
        put["ExpressionAttributeNames"] = {"#pk": table.PK}
    else:
        put["ConditionExpression"] = "#version = :seen"
        put["ExpressionAttributeNames"] = {"#version": table.VERSION}
        put["ExpressionAttributeValues"] = {":seen": {"N": str(seen[home])}}
    return put


def _alias_values(alias: Alias) -> dict[str, Any]:
    return {
        table.PK: table.lead_pk(alias.home),
        table.SK: table.LEAD_SK,
        "schema": table.SCHEMA,
        table.VERSION: alias.version,
        "alias_of": alias.alias_of,
        "claims": _text(alias.claims) if alias.claims else None,
    }


def _lead_values(lead: Lead, bound: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        table.PK: table.lead_pk(lead.lead_id),
        table.SK: table.LEAD_SK,
        "schema": table.SCHEMA,
        table.VERSION: lead.version,
        "state": zlib.compress(_text(_state(lead)).encode()),
        table.RANK_KEY: table.rank_key(lead.settled.band or "early", table.shard(lead.lead_id)),
        table.RANK_BOUND: coarse(bound),
    }
    if lead.due_at is not None:
        values[table.DUE_KEY] = table.due_key(table.SETTLE, table.shard(lead.lead_id))
        values[table.DUE_AT] = instant_text(lead.due_at)
    return values


def _state(lead: Lead) -> dict[str, Any]:
    """Return everything that no index needs. It is stored compressed: a kilobyte more is a write unit more per write."""
    settled = lead.settled
    return {
        "identities": {text: _naming_list(each, lead) for text, each in lead.identities.items()},
        "profile": _profile_groups(lead.profile),
        "facts": {filing: [_fact_list(fact) for fact in facts] for filing, facts in sorted(lead.facts.items())},
        "days": sorted(lead.days),
        "first_seen": lead.first_seen,
        "filed": lead.filed,
        "complete_since": lead.complete_since,
        "asked_at": lead.asked_at,
        "settled": [
            settled.at,
            settled.band,
            settled.announced_band,
            settled.stage,
            int(settled.qualified),
            settled.qualification,
            settled.announced_qualification,
        ],
    }


RANK_STEP = 20_000
"""Bounds are rounded up to 20 points: a changed index key costs two more write units."""


def coarse(bound: int) -> int:
    """Return the upper bound of a total as the rank index keeps it, in milli-points."""
    return -(-bound // RANK_STEP) * RANK_STEP


def _naming_list(naming: Naming, lead: Lead) -> list[Any]:
    """The lead's own home is not spelled out again."""
    said = ["" if naming.home == lead.lead_id else naming.home, naming.first, naming.last]
    return [*said, True] if naming.shared else said


def _profile_groups(profile: Mapping[str, Register]) -> list[list[Any]]:
    """Return [event time, event, proven, {field: value}] of each event that gave fields: most fields come together."""
    groups: dict[tuple[int, str, bool], dict[str, Any]] = {}
    for name, register in sorted(profile.items()):
        groups.setdefault((register.at, register.key, register.proven), {})[name] = register.value
    return [[at, key, int(proven), values] for (at, key, proven), values in sorted(groups.items())]


def _fact_list(fact: Fact) -> list[Any]:
    if fact.verdict != "human":
        return [fact.at, fact.event, fact.asset, fact.verdict]
    return [fact.at, fact.event, fact.asset] if fact.asset else [fact.at, fact.event]


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read_entry(item: Mapping[str, Any]) -> Lead | Alias:
    """Return the lead or alias a plain item holds."""
    home = table.lead_id_of(item[table.PK])
    if "alias_of" in item:
        claims = tuple((at, person) for at, person in json.loads(item.get("claims", "[]")))
        return Alias(home, item["alias_of"], claims, item[table.VERSION])
    state = json.loads(zlib.decompress(item["state"]))
    at, band, announced_band, stage, qualified, *counts = state["settled"]
    return Lead(
        lead_id=home,
        version=item[table.VERSION],
        identities={text: Naming(place or home, *times) for text, (place, *times) in state["identities"].items()},
        profile={
            name: Register(value, at, key, bool(proven))
            for at, key, proven, values in state["profile"]
            for name, value in values.items()
        },
        facts={filing: tuple(Fact(*said) for said in facts) for filing, facts in state["facts"].items()},
        days=frozenset(state["days"]),
        first_seen=state["first_seen"],
        filed=state["filed"],
        complete_since=state["complete_since"],
        asked_at=state["asked_at"],
        settled=Settled(at, band, announced_band, stage, bool(qualified), *counts),
        due_at=parse_instant(item[table.DUE_AT]) if table.DUE_AT in item else None,
    )
