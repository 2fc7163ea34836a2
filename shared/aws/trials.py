"""Trials: one item for each test of a step with the arms it has, written by who looks at it, read by who sends."""

from dataclasses import asdict, replace
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item, to_item
from shared.errors import ConflictError
from shared.instants import instant_text, parse_instant
from shared.trial import Tally, Trial


def get_trial(track: str, test: str, trial: str) -> Trial | None:
    """Return the trial as it is now (consistent read); None when nobody looked at it yet."""
    answer = clients.dynamodb().get_item(
        TableName=settings.table_name(), Key=to_item(_key(track, test, trial)), ConsistentRead=True
    )
    return None if "Item" not in answer else _trial_of(from_item(answer["Item"]))


def save(trial: Trial) -> Trial:
    """
    Write the trial, and return it with its new version.

    Raises:
        ConflictError: It is not as it was read any more.
    """
    written = replace(trial, version=trial.version + 1)
    values: dict[str, Any] = {"ExpressionAttributeValues": to_item({":seen": trial.version})} if trial.version else {}
    try:
        clients.dynamodb().put_item(
            TableName=settings.table_name(),
            Item=to_item(_item(written)),
            ConditionExpression="#version = :seen" if trial.version else "attribute_not_exists(#version)",
            ExpressionAttributeNames={"#version": table.VERSION},
            **values,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise ConflictError("somebody else looked at the trial") from error
        raise
    return written


def _item(trial: Trial) -> dict[str, Any]:
    return {
        **_key(trial.track, trial.test, trial.id),
        "schema": table.SCHEMA,
        "track": trial.track,
        "test": trial.test,
        "trial": trial.id,
        "began_at": instant_text(trial.began_at),
        "counted_until": instant_text(trial.counted_until),
        "looked_at": instant_text(trial.looked_at) if trial.looked_at >= 0 else None,
        "tallies": {name: asdict(tally) for name, tally in trial.tallies.items()},
        "looks": trial.looks,
        "next_look": trial.next_look,
        "guard_looks": trial.guard_looks,
        "out": dict(trial.out),
        "winner": trial.winner or None,
        "ended": trial.ended,
        "told": sorted(trial.told),
        table.VERSION: trial.version,
    }


def _trial_of(item: dict[str, Any]) -> Trial:
    looked_at = item.get("looked_at")
    return Trial(
        track=item["track"],
        test=item["test"],
        id=item["trial"],
        began_at=parse_instant(item["began_at"]),
        counted_until=parse_instant(item["counted_until"]),
        looked_at=-1 if looked_at is None else parse_instant(looked_at),
        tallies={name: Tally(**said) for name, said in item["tallies"].items()},
        looks=item["looks"],
        next_look=item["next_look"],
        guard_looks=item["guard_looks"],
        out=item["out"],
        winner=item.get("winner", ""),
        ended=item["ended"],
        told=frozenset(item["told"]),
        version=item[table.VERSION],
    )


def _key(track: str, test: str, trial: str) -> dict[str, str]:
    return {table.PK: table.TRIAL_PK, table.SK: table.trial_sk(track, test, trial)}
