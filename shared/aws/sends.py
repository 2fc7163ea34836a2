"""
Send items: one planned mail each, claimed before the channel is asked and settled by what it answers.

A claim is one transaction over the send, the address and the run: the mail is reserved, counted and no longer due, or
nothing happened. A claimed mail is never offered to the channel again: what it answered is recorded, and an answer
nobody got is settled by the channel's own report, or parked and shown to a person.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.addresses import claim_entry, past_items, unchanged_entry
from shared.aws.due import Due
from shared.aws.enrollments import save_entry
from shared.aws.items import from_item, to_item
from shared.instants import MINUTE, instant_text
from shared.mailing import CONFIRM, Address, Enrollment, PastSend, SendRef, SendState, content_key

CLAIM_PATIENCE = 15 * MINUTE
"""How long a claim may stay unsettled before a person is told. SES reports a send within seconds."""

MESSAGE_ID = "ses_message_id"

_BEFORE: dict[str, tuple[SendState, ...]] = {
    "sent": ("claimed", "unknown", "parked"),
    "unknown": ("claimed",),
    "parked": ("claimed", "unknown"),
    "refused": ("claimed", "unknown", "parked", "sent"),
    "delivered": ("claimed", "unknown", "parked", "sent"),
    "bounced": ("claimed", "unknown", "parked", "sent", "delivered"),
    "complained": ("claimed", "unknown", "parked", "sent", "delivered", "bounced"),
}
"""The states each state may follow, so that reports arriving late or twice never take a mail back."""

Claim = Literal["claimed", "taken", "changed"]


@dataclass(frozen=True, slots=True)
class SendItem:
    """A send as it stands, as far as feedback needs it."""

    ref: SendRef
    state: SendState
    content: str
    address: str
    message_id: str | None


def claim(
    ref: SendRef,
    *,
    content: str,
    at: int,
    address: Address,
    recent: tuple[PastSend, ...],
    run: Enrollment,
    playbook: str,
) -> Claim:
    """
    Reserve a mail of a track, in one transaction.

    Args:
        ref: Which mail.
        content: What it says.
        at: The instant the decision was made for.
        address: As it was decided from.
        recent: The address's claims as they become.
        run: The enrollment as it becomes, carrying the version it was read at.
        playbook: The bundle the mail is made from.
    Returns: `claimed`: the mail is ours to send, once. `taken`: somebody has it or had it. `changed`: the address or
        the run is not what was decided from; read and decide again.
    """
    sent = {**address.sent, content_key(ref.track, content): at}
    changes = {"recent": past_items(recent), "sent": {key: instant_text(when) for key, when in sent.items()}}
    put = _put(ref, state="claimed", content=content, at=at, address=address, playbook=playbook, waits=True)
    return _transact([put, claim_entry(address, changes), save_entry(run)])


def claim_confirmation(ref: SendRef, *, at: int, addresses: tuple[Address, ...], playbook: str) -> Claim:
    """
    Reserve a confirmation mail: the send item, and its place among the three a mailbox ever gets.

    Args:
        ref: Which mail.
        at: The instant the decision was made for.
        addresses: The one that is asked, as it was decided from, then its mailbox where that has another address.
        playbook: The bundle the mail is made from.
    """
    put = _put(ref, state="claimed", content=CONFIRM, at=at, address=addresses[0], playbook=playbook, waits=True)
    counted = [
        claim_entry(each, {"confirmations": past_items((*each.confirmations, PastSend(at, ref.send_id)))})
        for each in addresses
    ]
    return _transact([put, *counted])


def release(ref: SendRef, *, addresses: tuple[Address, ...], run: Enrollment | None, reason: str) -> bool:
    """
    Take a claim back, in one transaction: only after the channel said that it did not take the mail.

    Args:
        ref: The claimed mail.
        addresses: Those the claim was counted on, as they were before it.
        run: The enrollment that plans the mail again, carrying the version the claim left; None for a confirmation.
        reason: The channel's code.
    Returns: False when somebody changed one of the items since; the claim stands.
    """
    if run is None:
        before: list[dict[str, Any]] = [{"confirmations": past_items(each.confirmations)} for each in addresses]
    else:
        sent = [{key: instant_text(when) for key, when in each.sent.items()} for each in addresses]
        before = [{"recent": past_items(each.recent), "sent": was} for each, was in zip(addresses, sent, strict=True)]
    give_back = {
        "TableName": settings.table_name(),
        "Key": _key(ref),
        "UpdateExpression": "SET #state = :released, #reason = :reason REMOVE #due, #at",
        "ConditionExpression": "#state = :claimed",
        "ExpressionAttributeNames": {
            "#state": "state", "#reason": "reason", "#due": table.DUE_KEY, "#at": table.DUE_AT,
        },
        "ExpressionAttributeValues": to_item({":claimed": "claimed", ":released": "released", ":reason": reason}),
    }  # fmt: skip
    entries: list[Any] = [{"Update": give_back}]
    for each, changes in zip(addresses, before, strict=True):
        entries.append(claim_entry(replace(each, version=each.version + 1), changes))
    return _transact([*entries, *([] if run is None else [save_entry(run)])]) == "claimed"


def skip(
    ref: SendRef, *, content: str, at: int, address: Address, run: Enrollment, playbook: str, reason: str
) -> Claim:
    """Record a mail as dropped, with the reason, and move the run on. Returns as `claim` does."""
    put = _put(ref, state="skipped", content=content, at=at, address=address, playbook=playbook, reason=reason)
    return _transact([put, save_entry(run)])


def pause(run: Enrollment, address: Address) -> Claim:
    """Store a paused run, if the address is still held: a hold that ended meanwhile must not leave a run behind."""
    return _transact([unchanged_entry(address), save_entry(run)])


def settle(ref: SendRef, state: SendState, *, message_id: str | None = None, reason: str | None = None) -> bool:
    """
    Record how the mail fared, unless it is known to have fared further already.

    Args:
        ref: Which mail.
        state: What is known now.
        message_id: The channel's id of it; kept from the first who says it.
        reason: The channel's code, or why there was no answer.
    Returns: Whether this was news.
    """
    before = _BEFORE[state]
    settled = state != "unknown"
    values: dict[str, Any] = {":state": state, ":message": message_id, ":reason": reason}
    names = {"#state": "state"}
    sets = ["#state = :state"]
    if message_id is not None:
        names["#message"] = MESSAGE_ID
        sets.append("#message = if_not_exists(#message, :message)")
    if reason is not None:
        names["#reason"] = "reason"
        sets.append("#reason = :reason")
    expression = "SET " + ", ".join(sets)
    if settled:
        names |= {"#due": table.DUE_KEY, "#at": table.DUE_AT, "#attempts": table.DUE_ATTEMPTS}
        expression += " REMOVE #due, #at, #attempts"
    allowed = {f":before{number}": each for number, each in enumerate(before)}
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=_key(ref),
            UpdateExpression=expression,
            ConditionExpression=f"#state IN ({', '.join(allowed)})",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item(values | allowed),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def get_send(ref: SendRef) -> SendItem | None:
    """Return the send as it is now (consistent read)."""
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=_key(ref), ConsistentRead=True)
    if "Item" not in answer:
        return None
    item = from_item(answer["Item"])
    return SendItem(ref, item["state"], item["content"], item["address"], item.get(MESSAGE_ID))


def find_send(address: Address, message_id: str) -> SendItem | None:
    """
    Return the send the channel knows by that id, among the newest of the address; None when it is not one of them.

    For reports that carry no tags. The address item already lists the newest claims, so a look-up by message id costs
    reads only when such a report comes, and no mail pays for an index entry.
    """
    newest_first = sorted((*address.recent, *address.confirmations), key=lambda past: past.at, reverse=True)
    for past in newest_first:
        ref = SendRef.parse(past.send_id)
        found = get_send(ref) if ref is not None else None
        if found is not None and found.message_id == message_id:
            return found
    return None


def ref_of(entry: Due) -> SendRef:
    """Return which send an entry of the due index stands for."""
    track, rotation, step = entry.sk.removeprefix(table.SEND_PREFIX).rsplit("#", 2)
    return SendRef(table.lead_id_of(entry.pk), track, int(rotation), int(step))


def _put(
    ref: SendRef, *, state: SendState, content: str, at: int, address: Address, playbook: str,
    reason: str | None = None, waits: bool = False,
) -> dict[str, Any]:  # fmt: skip
    item = {
        **_plain_key(ref),
        "schema": table.SCHEMA,
        "state": state,
        "content": content,
        "address": address.name,
        "playbook": playbook,
        "claimed_at": instant_text(at),
        "reason": reason,
        table.DUE_KEY: table.due_key(table.CLAIM, table.shard(ref.lead_id)) if waits else None,
        table.DUE_AT: instant_text(at + CLAIM_PATIENCE) if waits else None,
    }
    return {
        "Put": {
            "TableName": settings.table_name(),
            "Item": to_item(item),
            "ConditionExpression": "attribute_not_exists(#pk) OR #state = :released",
            "ExpressionAttributeNames": {"#pk": table.PK, "#state": "state"},
            "ExpressionAttributeValues": {":released": {"S": "released"}},
        }
    }


def _transact(entries: list[Any]) -> Claim:
    """Write all or nothing. The first entry failing means the mail is somebody's; any other, that a read is stale."""
    try:
        clients.dynamodb().transact_write_items(TransactItems=entries)
    except ClientError as error:
        codes = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
        if not codes or not set(codes) <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
            raise
        taken = codes[0] == "ConditionalCheckFailed" and "Put" in entries[0]
        return "taken" if taken else "changed"
    return "claimed"


def _plain_key(ref: SendRef) -> dict[str, str]:
    return {table.PK: table.lead_pk(ref.lead_id), table.SK: table.send_sk(ref.track, ref.rotation, ref.step)}


def _key(ref: SendRef) -> dict[str, Any]:
    return to_item(_plain_key(ref))
