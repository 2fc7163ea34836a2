"""
Change items: what happened to a lead, kept as history, and as the outbox of the event bus.

Whoever changes state writes the change in the same transaction; `publish` puts it on the bus and stamps it. An
announced change stands in the due index until it is stamped, so a sweep finds what the stream missed.
"""

import json
from collections.abc import Mapping
from typing import Any

from shared import settings, table
from shared.aws.items import to_item
from shared.instants import instant_text


def change_id(lead_id: str, at: int, unique: str) -> str:
    """Return the id a change carries on the bus and in every record made from it; the same change, the same id."""
    return f"{lead_id}:{instant_text(at)}:{unique}"


def change_item(
    *, lead_id: str, at: int, unique: str, detail_type: str, detail: Mapping[str, Any], silent: bool = False,
    record: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """
    Return the change as a plain item.

    Args:
        lead_id: Whose change.
        at: The instant it took effect.
        unique: Makes the key unique at that instant (lead version and type, or handoff and transition): a repeat of
            the same decision must give the same text.
        detail_type: Name of the bus event.
        detail: What the bus event says besides `change_id`, `lead_id` and `occurred_at`; ids only, no personal data.
        silent: History only: nobody is told.
        record: What only the history keeps (the explanation then).
    """
    body = {
        "change_id": change_id(lead_id, at, unique),
        "lead_id": lead_id,
        "occurred_at": instant_text(at),
        **detail,
    }
    item: dict[str, Any] = {
        table.PK: table.lead_pk(lead_id),
        table.SK: table.change_sk(at, unique),
        "schema": table.SCHEMA,
        "detail_type": detail_type,
        "detail": json.dumps(body, separators=(",", ":"), ensure_ascii=False),
    }
    if record:
        item["record"] = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
    if silent:
        item["silent"] = True
    else:
        item[table.DUE_KEY] = table.due_key(table.OUTBOX, table.shard(lead_id))
        item[table.DUE_AT] = instant_text(at)
    return item


def change_put(
    *, lead_id: str, at: int, unique: str, detail_type: str, detail: Mapping[str, Any], silent: bool = False,
    record: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return `change_item` as an entry of a TransactWriteItems call."""
    item = change_item(
        lead_id=lead_id, at=at, unique=unique, detail_type=detail_type, detail=detail, silent=silent, record=record
    )
    return {"Put": {"TableName": settings.table_name(), "Item": to_item(item)}}
