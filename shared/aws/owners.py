"""
What is kept of the people of sales: one item each, read together, written under the version that was read.

The item of whoever is given a lead is written in the transaction that makes or moves the handoff, so two handoffs at
once cannot both take somebody's last place of the day: the second one reads again, and routes again. Handoffs of
colleagues do not meet.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.batch_get import get_items
from shared.aws.items import to_item
from shared.errors import ConflictError
from shared.instants import parse_instant
from shared.owners import Load, OwnerState, TimeOff


def get_owners(people: Iterable[str]) -> dict[str, OwnerState]:
    """Return what is kept of each person, read consistently; of whom nothing is kept, that nothing is."""
    wanted = dict.fromkeys(people)
    found = {each: OwnerState(each) for each in wanted}
    for item in get_items([(table.owner_pk(each), table.OWNER_SK) for each in wanted]):
        state = _state(item)
        found[state.owner] = state
    return found


def time_off(people: Iterable[str]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return the absences of these people as spans of instants, besides those of the playbook."""
    return {name: state.away for name, state in get_owners(people).items()}


def given_entry(seen: OwnerState, load: Load) -> dict[str, Any]:
    """Return the transaction entry that counts a lead on a person, if nobody wrote their item since it was read."""
    return {"Update": _update(seen, {"day": load.day, "count": load.count, "turns": load.turns})}


def set_time_off(seen: OwnerState, off: Sequence[TimeOff]) -> None:
    """
    Keep these absences, and no others, of a person.

    Raises:
        ConflictError: Somebody wrote the item since it was read. Read again, decide again.
    """
    try:
        clients.dynamodb().update_item(**_update(seen, {"off": [each.to_json() for each in off]}))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise ConflictError(f"{seen.owner} was written meanwhile") from error
        raise


def _update(seen: OwnerState, said: dict[str, Any]) -> dict[str, Any]:
    values = {**said, "schema": table.SCHEMA, table.VERSION: seen.version + 1}
    condition = "#version = :seen" if seen.version else "attribute_not_exists(#version)"
    given = {f":{name}": value for name, value in values.items()}
    return {
        "TableName": settings.table_name(),
        "Key": to_item({table.PK: table.owner_pk(seen.owner), table.SK: table.OWNER_SK}),
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
        "ExpressionAttributeValues": to_item(given | ({":seen": seen.version} if seen.version else {})),
    }


def _state(item: dict[str, Any]) -> OwnerState:
    return OwnerState(
        owner=table.owner_of(item[table.PK]),
        load=Load(item.get("day", 0), item.get("count", 0), item.get("turns", 0)),
        off=tuple(
            TimeOff(parse_instant(each["from"]), parse_instant(each["until"]), each["by"])
            for each in item.get("off", ())
        ),
        version=item[table.VERSION],
    )
