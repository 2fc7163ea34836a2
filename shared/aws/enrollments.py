"""
Enrollment items: a lead's run through a track, changed only by who saw its newest version.

The next mail stands in the due index under `nurture`; a run with nothing due stands there under its track instead,
where reports find it and no sweep looks. The sweep's lease leaves the version alone, so leasing never makes a decision
fail. That a run ended is told by a change written together with it.
"""

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.batch_get import get_items
from shared.aws.due import LEASE
from shared.aws.items import from_item, to_item
from shared.aws.outbox import change_put
from shared.errors import ConflictError
from shared.instants import DAY, instant_text, parse_instant
from shared.mailing import Enrollment, PastRun

ENDED = ("done", "exited")

_LEASED_UNTIL, _LEASES = "leased_until", "leases"
"""Gone with the next write of the run, and in no index: a lease is one write unit."""


def get_enrollment(home: str, track: str) -> Enrollment | None:
    """Return the run through the track that the home holds, as it is now (consistent read)."""
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=_key(home, track), ConsistentRead=True)
    return enrollment_of(from_item(answer["Item"])) if "Item" in answer else None


def get_runs(homes: Iterable[str], track: str) -> list[Enrollment]:
    """Return the runs through the track that any of the homes holds, as they are now (consistent read)."""
    keys = [(table.lead_pk(home), table.track_sk(track)) for home in homes]
    return [enrollment_of(item) for item in get_items(keys)]


def get_enrollments(home: str) -> list[Enrollment]:
    """Return every run the home holds (consistent read)."""
    pages = (
        clients.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table_name(),
            ConsistentRead=True,
            KeyConditionExpression="#pk = :pk AND begins_with(#sk, :prefix)",
            ExpressionAttributeNames={"#pk": table.PK, "#sk": table.SK},
            ExpressionAttributeValues={":pk": {"S": table.lead_pk(home)}, ":prefix": {"S": table.TRACK_PREFIX}},
        )
    )
    return [enrollment_of(from_item(item)) for page in pages for item in page["Items"]]


def lease(home: str, track: str, now: int) -> Enrollment | None:
    """
    Put a due run off while its mail is queued, longer with each attempt; it stays where it stands in the index.

    Moving it there would cost three times as much, and its turn is mostly over before anybody looks again.

    Returns: The run; None when it is not due, or somebody else has it.
    """
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=_key(home, track), ConsistentRead=True)
    item = from_item(answer.get("Item", {}))
    seen = item.get(_LEASED_UNTIL)
    run = enrollment_of(item) if item else None
    if run is None or run.status != "active" or run.due_at is None or run.due_at > now:
        return None
    if seen is not None and parse_instant(seen) > now:
        return None
    later = now + min(DAY, LEASE * 2 ** min(item.get(_LEASES, 0), 10))
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_key(home, track),
            UpdateExpression="SET #leased = :later ADD #leases :one",
            ConditionExpression=f"#version = :version AND {'attribute_not_exists(#leased)' if seen is None else '#leased = :seen'}",
            ExpressionAttributeNames={
                "#leased": _LEASED_UNTIL, "#leases": _LEASES, "#version": table.VERSION,
            },
            ExpressionAttributeValues=to_item(
                {":later": instant_text(later), ":one": 1, ":version": run.version, ":seen": seen}
            ),
        )  # fmt: skip
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return None
        raise
    return run


def track_of(sk: str) -> str:
    """Return the track from an enrollment's sort key."""
    return sk.removeprefix(table.TRACK_PREFIX)


def get_all(homes: Iterable[str]) -> list[Enrollment]:
    """Return every run any of the homes holds (consistent reads)."""
    return [run for home in homes for run in get_enrollments(home)]


def save_entries(run: Enrollment) -> list[dict[str, Any]]:
    """
    Return the transaction entries that store the run, if the item is still at the version the run was read at.

    Of a run that has ended, the change that tells so is the last of them.
    """
    return [{"Put": _put(run)}, *([_told(run)] if run.status in ENDED else [])]


def save(run: Enrollment) -> None:
    """
    Store the run, if the item is still at the version the run was read at, and tell if it has ended.

    Raises:
        ConflictError: Somebody else was first. Read again, decide again.
    """
    entries: list[Any] = save_entries(run)
    if len(entries) > 1:
        _transact(entries)
        return
    try:
        clients.dynamodb().put_item(**_put(run))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise ConflictError("the enrollment changed") from error
        raise


def _transact(entries: list[Any]) -> None:
    try:
        clients.dynamodb().transact_write_items(TransactItems=entries)
    except ClientError as error:
        codes = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])}
        codes |= {error.response["Error"]["Code"]}
        if codes & {"ConditionalCheckFailed", "ConditionalCheckFailedException", "TransactionConflict"}:
            raise ConflictError("the enrollment changed") from error
        raise


def hold(run: Enrollment, first: Enrollment) -> None:
    """
    Store a run that waits for another to end, if both are as they were read: one that has ended would never wake it.

    Raises:
        ConflictError: One of them changed. Read again, decide again.
    """
    check = {
        "TableName": settings.table_name(),
        "Key": _key(first.lead_id, first.track),
        "ConditionExpression": "#seen = :seen",
        "ExpressionAttributeNames": {"#seen": table.VERSION},
        "ExpressionAttributeValues": {":seen": {"N": str(first.version)}},
    }
    _transact([{"Put": _put(run)}, {"ConditionCheck": check}])


def _told(run: Enrollment) -> dict[str, Any]:
    """Return the entry of the change `TrackEnded`; the same end always has the same id."""
    assert run.ended_at is not None, "a run ends at an instant"
    return change_put(
        lead_id=run.lead_id,
        at=run.ended_at,
        unique=f"TrackEnded#{run.track}#{run.rotation}",
        detail_type="TrackEnded",
        detail={
            "version": run.version + 1,
            "track": run.track,
            "rotation": run.rotation,
            "status": run.status,
            "reason": run.reason,
            "exhausted": run.status == "done",
            "goal": run.goal_at is not None,
        },
    )


def _key(home: str, track: str) -> dict[str, Any]:
    return to_item({table.PK: table.lead_pk(home), table.SK: table.track_sk(track)})


def _put(run: Enrollment) -> dict[str, Any]:
    item = {
        table.PK: table.lead_pk(run.lead_id),
        table.SK: table.track_sk(run.track),
        "schema": table.SCHEMA,
        "rotation": run.rotation,
        "status": run.status,
        "step": run.step,
        "playbook": run.playbook,
        "cause": run.cause,
        "cause_lead": run.cause_lead,
        "cause_version": run.cause_version,
        "entered_at": instant_text(run.entered_at),
        "by": run.by,
        "ended_at": None if run.ended_at is None else instant_text(run.ended_at),
        "reason": run.reason or None,
        "handoff": list(run.handoff),
        "arm": run.arm or None,
        "planned_at": None if run.planned_at is None else instant_text(run.planned_at),
        "goal_at": None if run.goal_at is None else instant_text(run.goal_at),
        "first_due": None if run.due_at is None else instant_text(run.first_due or run.due_at),
        "tries": run.tries or None,
        "past": [_past_item(each) for each in run.past] or None,
        table.VERSION: run.version + 1,
        **_indexed(run),
    }
    new = run.version == 0
    return {
        "TableName": settings.table_name(),
        "Item": to_item(item),
        "ConditionExpression": "attribute_not_exists(#seen)" if new else "#seen = :seen",
        "ExpressionAttributeNames": {"#seen": table.PK if new else table.VERSION},
        **({} if new else {"ExpressionAttributeValues": {":seen": {"N": str(run.version)}}}),
    }


def _indexed(run: Enrollment) -> dict[str, str]:
    number = table.shard(run.lead_id)
    if run.due_at is None:
        key, at = table.track_key(table.RUN, run.track, number), run.entered_at
    else:
        key, at = table.due_key(table.NURTURE, number), run.due_at
    return {table.DUE_KEY: key, table.DUE_AT: instant_text(at)}


def _past_item(past: PastRun) -> dict[str, Any]:
    said = {
        "rotation": past.rotation,
        "entered_at": instant_text(past.entered_at),
        "ended_at": instant_text(past.ended_at),
        "status": past.status,
        "reason": past.reason,
        "goal_at": None if past.goal_at is None else instant_text(past.goal_at),
        "arm": past.arm,
    }
    return {name: value for name, value in said.items() if value not in (None, "")}


def _past(said: dict[str, Any]) -> PastRun:
    return PastRun(
        rotation=said["rotation"],
        entered_at=parse_instant(said["entered_at"]),
        ended_at=parse_instant(said["ended_at"]),
        status=said["status"],
        reason=said.get("reason", ""),
        goal_at=_instant(said.get("goal_at")),
        arm=said.get("arm", ""),
    )


def _instant(text: str | None) -> int | None:
    return None if text is None else parse_instant(text)


def enrollment_of(item: dict[str, Any]) -> Enrollment:
    is_due = item.get(table.DUE_KEY, "").startswith(f"{table.NURTURE}#")
    return Enrollment(
        lead_id=table.lead_id_of(item[table.PK]),
        track=track_of(item[table.SK]),
        rotation=item["rotation"],
        status=item["status"],
        step=item["step"],
        playbook=item["playbook"],
        cause=item["cause"],
        cause_lead=item["cause_lead"],
        cause_version=item["cause_version"],
        entered_at=parse_instant(item["entered_at"]),
        by=item["by"],
        due_at=parse_instant(item[table.DUE_AT]) if is_due else None,
        ended_at=_instant(item.get("ended_at")),
        reason=item.get("reason", ""),
        handoff=(item["handoff"][0], item["handoff"][1]),
        version=item[table.VERSION],
        arm=item.get("arm", ""),
        planned_at=_instant(item.get("planned_at")),
        goal_at=_instant(item.get("goal_at")),
        tries=item.get("tries", 0),
        first_due=_instant(item.get("first_due")),
        past=tuple(_past(each) for each in item.get("past", ())),
    )
