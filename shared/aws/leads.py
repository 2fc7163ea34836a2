"""
Lead and alias items: read consistently, written on the condition of the version that was read.

Only the `score` function writes them; `erase` puts the marker of the erased in their place.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.batch_get import get_items
from shared.aws.items import from_item, to_item
from shared.errors import UnwritableError
from shared.instants import instant_text, parse_instant
from shared.lead import (
    IDENTITIES_KEPT,
    Adjustment,
    Alias,
    Entry,
    Erased,
    Fact,
    Judgement,
    Lead,
    Naming,
    Register,
    Settled,
    View,
)


def load(homes: Iterable[str]) -> dict[str, Entry | None]:
    """Return what lives at each home, read consistently; None where nothing does."""
    wanted = sorted(set(homes))
    found: dict[str, Entry | None] = dict.fromkeys(wanted)
    for item in get_items([(table.lead_pk(home), table.LEAD_SK) for home in wanted], only=_READ):
        entry = read_entry(item)
        found[_home(entry)] = entry
    return found


def get_lead(lead_id: str) -> Lead | None:
    """Return the lead, through aliases, read consistently; None when there is none, or when it was erased."""
    while isinstance(entry := load([lead_id])[lead_id], Alias):
        lead_id = entry.alias_of
    return entry if isinstance(entry, Lead) else None


def get_leads(lead_ids: Iterable[str]) -> dict[str, Lead]:
    """Return the leads that exist under these ids; aliases and the erased are left out."""
    return {home: entry for home, entry in load(lead_ids).items() if isinstance(entry, Lead)}


def homes_of(lead: Lead, unwritten: Mapping[str, bool] | None = None) -> tuple[str, ...]:
    """
    Return every partition that can hold items of the lead, also those of identities beyond the ones it lists.

    Args:
        lead: Whose.
        unwritten: Homes it does not list that no item beside it remembers yet; True where a lead that had such homes
            itself lived before it was merged.
    """
    if len(lead.identities) < IDENTITIES_KEPT:
        return lead.homes
    homes = dict.fromkeys([*lead.homes, *(unwritten or {})])
    pending = [lead.lead_id, *(home for home, more in (unwritten or {}).items() if more)]
    owners = {*pending}
    while pending:
        for item in _further_homes(pending.pop()):
            home = item[table.SK].removeprefix(table.HOME_PREFIX)
            homes[home] = None
            if item.get("more") and home not in owners:
                owners.add(home)
                pending.append(home)
    return tuple(homes)


def _further_homes(lead_id: str) -> Iterator[dict[str, Any]]:
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            KeyConditionExpression="#pk = :pk AND begins_with(#sk, :prefix)",
            ExpressionAttributeNames={"#pk": table.PK, "#sk": table.SK},
            ExpressionAttributeValues={":pk": {"S": table.lead_pk(lead_id)}, ":prefix": {"S": table.HOME_PREFIX}},
            ConsistentRead=True,
        )
    )
    return (from_item(item) for page in pages for item in page["Items"])


def further_home(lead_id: str, home: str, *, more: bool) -> dict[str, Any]:
    """
    Return the item that remembers a home the lead does not list, to be written beside the lead.

    Args:
        lead_id: The lead.
        home: Where an alias leads to it.
        more: Whether a lead lived there that had such homes itself.
    """
    item = {table.PK: table.lead_pk(lead_id), table.SK: f"{table.HOME_PREFIX}{home}", "schema": table.SCHEMA}
    return {**item, "more": True} if more else item


@dataclass(frozen=True, slots=True)
class Writes:
    """
    Leads, aliases and changes that belong together: written all or nothing.

    `written` carry their new version already; `seen` is the version of each home as it was read, 0 or absent where
    nothing was. `changes` are change items, and further homes, to put beside them; `bounds` is the upper bound of each lead's total in
    milli-points, for the rank index.
    """

    written: Sequence[Lead | Alias]
    seen: Mapping[str, int]
    changes: Sequence[dict[str, Any]] = ()
    bounds: Mapping[str, int] = field(default_factory=dict)


def save_many(groups: Sequence[Writes]) -> list[bool]:
    """
    Write the groups, no home in two of them; an entry that comes alone goes 25 a call, the rest in transactions.

    Returns: For each group whether it was lost: somebody wrote one of its entries since. Load again, apply again.

    Raises:
        UnwritableError: DynamoDB will never take one of them. Those before it, and others of its call, are written.
        ClientError: DynamoDB was too busy or unwell. What is written stays; apply all again.
    """
    lost = [False] * len(groups)
    alone = [number for number, group in enumerate(groups) if _is_alone(group)]
    for start in range(0, len(alone), _STATEMENTS):
        part = alone[start : start + _STATEMENTS]
        for number, written in zip(part, _write_each([groups[number] for number in part]), strict=True):
            lost[number] = not written
    for pack in _packs(groups):
        for number in _write_together(groups, pack):
            lost[number] = True
    return lost


def _is_alone(group: Writes) -> bool:
    return len(group.written) == 1 and not group.changes


def _packs(groups: Sequence[Writes]) -> Iterator[list[int]]:
    """Yield the numbers of groups that go in one transaction: botocore costs by the call, DynamoDB by the item."""
    pack: list[int] = []
    size = 0
    for number, group in enumerate(groups):
        if _is_alone(group):
            continue
        weight = len(group.written) + len(group.changes)
        if pack and size + weight > TRANSACTION:
            yield pack
            pack, size = [], 0
        pack.append(number)
        size += weight
    if pack:
        yield pack


def _write_together(groups: Sequence[Writes], pack: Sequence[int]) -> set[int]:
    """
    Write these groups in one transaction; return the numbers of those somebody was faster with.

    One lost group cancels all of them: the others are then written again without it. What DynamoDB refuses is found by
    writing each group alone.
    """
    items = [(number, item) for number in pack for item in _transaction(groups[number])]
    try:
        clients.dynamodb().transact_write_items(TransactItems=[item for _, item in items])
    except ClientError as error:
        said: Any = error.response
        reasons = said.get("CancellationReasons") or [{"Code": said["Error"]["Code"]}] * len(items)
        codes = [reason["Code"] for reason in reasons]
        if set(codes) & _REFUSALS:
            if len(pack) == 1:
                raise UnwritableError(f"DynamoDB refuses {len(items)} items") from error
            return {lost for number in pack for lost in _write_together(groups, [number])}
        if not set(codes) <= _CONFLICTS:
            raise
        lost = {number for (number, _), code in zip(items, codes, strict=True) if code != "None"}
        others = [number for number in pack if number not in lost]
        return lost | (_write_together(groups, others) if others else set())
    return set()


def _transaction(group: Writes) -> list[Any]:
    puts: list[Any] = [{"Put": _put(entry, group)} for entry in group.written]
    return puts + [{"Put": {"TableName": settings.table_name(), "Item": to_item(change)}} for change in group.changes]


def _write_each(groups: Sequence[Writes]) -> list[bool]:
    """
    Write up to 25 single entries in one call, each on a condition of its own; tell which were written.

    The call succeeds whatever becomes of its statements. What none of them can help (throttling, an outage) raises
    like a call that failed.
    """
    statements: list[Any] = [_statement(group) for group in groups]
    try:
        answers = clients.dynamodb().batch_execute_statement(Statements=statements)["Responses"]
    except ClientError as error:
        if error.response["Error"]["Code"] in _REFUSALS:
            raise UnwritableError(f"DynamoDB refuses {len(statements)} items") from error
        raise
    problems: list[Any] = [answer.get("Error", {}) for answer in answers]
    codes = [problem.get("Code", "") for problem in problems]
    for problem, code in zip(problems, codes, strict=True):
        if code and code not in _CONFLICTS | _REFUSALS:
            raise ClientError({"Error": problem}, "BatchExecuteStatement")
    if refused := sum(code in _REFUSALS for code in codes):
        raise UnwritableError(f"DynamoDB refuses {refused} of {len(statements)} items")
    return [not code for code in codes]


def _put(entry: Lead | Alias, group: Writes) -> dict[str, Any]:
    seen = group.seen.get(_home(entry), 0)
    put: dict[str, Any] = {"TableName": settings.table_name(), "Item": to_item(_values(entry, group))}
    if seen == 0:
        put["ConditionExpression"] = "attribute_not_exists(#pk)"
        put["ExpressionAttributeNames"] = {"#pk": table.PK}
    else:
        put["ConditionExpression"] = "#version = :seen"
        put["ExpressionAttributeNames"] = {"#version": table.VERSION}
        put["ExpressionAttributeValues"] = {":seen": {"N": str(seen)}}
    return put


def _statement(group: Writes) -> dict[str, Any]:
    """Return the PartiQL statement that leaves the item a put of the same values would leave."""
    (entry,) = group.written
    item = to_item(_values(entry, group))
    seen = group.seen.get(_home(entry), 0)
    if seen == 0:
        return {"Statement": _insert(settings.table_name(), tuple(item)), "Parameters": list(item.values())}
    pk, sk = item.pop(table.PK), item.pop(table.SK)
    return {
        "Statement": _update(settings.table_name(), tuple(item)),
        "Parameters": [*item.values(), pk, sk, {"N": str(seen)}],
    }


@cache
def _insert(table_name: str, names: tuple[str, ...]) -> str:
    values = ",".join(f"'{name}':?" for name in names)
    return f'INSERT INTO "{table_name}" VALUE {{{values}}}'


@cache
def _update(table_name: str, names: tuple[str, ...]) -> str:
    parts = [f'SET "{name}"=?' for name in names]
    parts += [f'REMOVE "{name}"' for name in _ATTRIBUTES if name not in names]
    keys = f'"{table.PK}"=? AND "{table.SK}"=? AND "{table.VERSION}"=?'
    return f'UPDATE "{table_name}" {" ".join(parts)} WHERE {keys}'


ERASED_UNTIL = "erased_until"
"""The attribute that makes an item the marker of the erased: an instant as text."""

_STATEMENTS = 25
"""Most statements BatchExecuteStatement takes."""

TRANSACTION = 100
"""Most items TransactWriteItems takes."""

_CONFLICTS = {
    "None", "ConditionalCheckFailed", "ConditionalCheckFailedException", "DuplicateItem", "TransactionConflict",
}  # fmt: skip
"""Somebody else wrote, or is writing, the item. "None" is what a transaction says of its other items."""

_REFUSALS = {"ValidationError", "ValidationException"}
"""Too large, or a key that no index takes: it will be refused every time."""

_READ = (table.PK, table.VERSION, "state", table.DUE_AT, "alias_of", "claims", ERASED_UNTIL)
"""The attributes an entry is read from: the others are for the indexes."""

_ATTRIBUTES = (
    "schema", table.VERSION, "state", table.RANK_KEY, table.RANK_BOUND, table.DUE_KEY, table.DUE_AT,
    table.DUE_ATTEMPTS, "alias_of", "claims", ERASED_UNTIL, table.TTL,
)  # fmt: skip
"""Everything an entry can hold besides its key: an update removes what the new values do not name."""


def _home(entry: Entry) -> str:
    return entry.lead_id if isinstance(entry, Lead) else entry.home


def _values(entry: Lead | Alias, group: Writes) -> dict[str, Any]:
    if isinstance(entry, Alias):
        return _alias_values(entry)
    return _lead_values(entry, group.bounds.get(entry.lead_id, 0))


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
    state: dict[str, Any] = {
        "identities": {text: _naming_list(each, lead) for text, each in lead.identities.items()},
        "profile": _profile_groups(lead.profile),
        "facts": {filing: [_fact_list(fact) for fact in facts] for filing, facts in sorted(lead.facts.items())},
        "days": sorted(lead.days),
        "first_seen": lead.first_seen,
        "filed": lead.filed,
        "complete_since": lead.complete_since,
        "asked_at": lead.asked_at,
        "settled": _settled_list(lead.settled),
    }
    if lead.adjustments:
        state["adjustments"] = [_adjustment_list(each) for each in lead.adjustments]
    if lead.judgements:
        state["judgements"] = [list(each) for each in lead.judgements]
    if lead.views:
        state["views"] = [list(each) for each in lead.views]
    return state


RANK_STEP = 20_000
"""Bounds are rounded up to 20 points: a changed index key costs two more write units."""


def coarse(bound: int) -> int:
    """Return the upper bound of a total as the rank index keeps it, in milli-points."""
    return -(-bound // RANK_STEP) * RANK_STEP


def _naming_list(naming: Naming, lead: Lead) -> list[Any]:
    """The lead's own home is not spelled out again."""
    said = ["" if naming.home == lead.lead_id else naming.home, naming.first, naming.last]
    return [*said, naming.shared] if naming.shared else said


def _profile_groups(profile: Mapping[str, Register]) -> list[list[Any]]:
    """Return [event time, event, proven, {field: value}] of each event that gave fields: most fields come together."""
    groups: dict[tuple[int, str, bool], dict[str, Any]] = {}
    for name in sorted(profile):
        value, at, key, proven = profile[name]
        groups.setdefault((at, key, proven), {})[name] = value
    return [[at, key, int(proven), groups[at, key, proven]] for at, key, proven in sorted(groups)]


def _fact_list(fact: Fact) -> Sequence[Any]:
    """What a fact is by default is not spelled out."""
    if fact.late:
        return fact
    if fact.verdict != "human":
        return fact[:4]
    return fact[:3] if fact.asset else fact[:2]


def _adjustment_list(each: Adjustment) -> list[Any]:
    said = [each.at, each.event, each.points, each.by, each.reason]
    return [*said, each.until] if each.until else said


def _settled_list(settled: Settled) -> list[Any]:
    said: list[Any] = [
        settled.at,
        settled.band,
        settled.announced_band,
        settled.stage,
        int(settled.qualified),
        settled.qualification,
        settled.announced_qualification,
    ]
    more: list[Any] = [settled.playbook, dict(sorted(settled.triggers.items())), int(settled.lapse_unsaid)]
    while more and not more[-1]:
        more.pop()
    return said + more


def _read_settled(said: Sequence[Any]) -> Settled:
    at, band, announced_band, stage, qualified, qualification, announced_qualification, *more = said
    unsaid: list[Any] = ["", {}, 0]
    playbook, triggers, lapse_unsaid = more + unsaid[len(more) :]
    return Settled(
        at=at,
        band=band,
        announced_band=announced_band,
        stage=stage,
        qualified=bool(qualified),
        qualification=qualification,
        announced_qualification=announced_qualification,
        lapse_unsaid=bool(lapse_unsaid),
        playbook=playbook,
        triggers={rule: (seen, event) for rule, (seen, event) in triggers.items()},
    )


_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def read_entry(item: Mapping[str, Any]) -> Entry:
    """Return what a plain item of a home holds: the lead, an alias, or the marker of the erased."""
    home = table.lead_id_of(item[table.PK])
    if ERASED_UNTIL in item:
        return Erased(home, parse_instant(item[ERASED_UNTIL]), item[table.VERSION])
    if "alias_of" in item:
        claims = tuple((at, person) for at, person in json.loads(item.get("claims", "[]")))
        return Alias(home, item["alias_of"], claims, item[table.VERSION])
    state = json.loads(zlib.decompress(item["state"]))
    return Lead(
        lead_id=home,
        version=item[table.VERSION],
        identities={text: Naming(place or home, *times) for text, (place, *times) in state["identities"].items()},
        profile={
            name: Register(value, at, key, proven == 1)
            for at, key, proven, values in state["profile"]
            for name, value in values.items()
        },
        facts={filing: tuple([Fact(*said) for said in facts]) for filing, facts in state["facts"].items()},
        adjustments=tuple([Adjustment(*said) for said in state.get("adjustments", ())]),
        judgements=tuple([Judgement(*said) for said in state.get("judgements", ())]),
        views=tuple([View(*said) for said in state.get("views", ())]),
        days=frozenset(state["days"]),
        first_seen=state["first_seen"],
        filed=state["filed"],
        complete_since=state["complete_since"],
        asked_at=state["asked_at"],
        settled=_read_settled(state["settled"]),
        due_at=parse_instant(item[table.DUE_AT]) if table.DUE_AT in item else None,
    )
