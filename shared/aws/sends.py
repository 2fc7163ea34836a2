"""
Send items: one planned mail each, claimed before the channel is asked and settled by what it answers.

A claim is one transaction over the send, the address and the run: the mail is reserved, counted and no longer due, or
nothing happened. A claimed mail is never offered to the channel again: what it answered is recorded, and an answer
nobody got is settled by the channel's own report, or parked and shown to a person. A settled send stands in the due index
under its track, where reports find it and no sweep looks.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.addresses import claim_entry, past_items, unchanged_entry
from shared.aws.due import Due
from shared.aws.enrollments import save_entries
from shared.aws.items import from_item, to_item
from shared.instants import MINUTE, instant_text
from shared.mailing import CONFIRM, Address, Enrollment, PastSend, SendRef, SendState

CLAIM_PATIENCE = 15 * MINUTE
"""How long a claim may stay unsettled before a person is told. SES reports a send within seconds."""

MESSAGE_ID = "ses_message_id"
CLAIMED_AT = "claimed_at"

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
class Said:
    """What a planned mail says: its content, the bundle that is made from, its channel, the arm of a test, and which trial that is."""

    content: str
    playbook: str
    channel: str = "mail"
    arm: str = ""
    trial: str = ""


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
    said: Said,
    at: int,
    address: Address,
    recent: tuple[PastSend, ...],
    run: Enrollment,
    unchanged: Address | None = None,
) -> Claim:
    """
    Reserve a mail of a track, in one transaction.

    Args:
        ref: Which mail.
        said: What it says, and by what.
        at: The instant the decision was made for.
        address: As it was decided from.
        recent: The address's claims as they become.
        run: The enrollment as it becomes, carrying the version it was read at.
        unchanged: A further address that it was decided from, as that of the lead's mail is for a text message.
    Returns: `claimed`: the mail is ours to send, once. `taken`: somebody has it or had it. `changed`: the address or
        the run is not what was decided from; read and decide again.
    """
    changes = {"recent": past_items(recent), **with_sent(address, said, at)}
    put = put_entry(ref, state="claimed", said=said, at=at, address=address)
    held = [] if unchanged is None else [unchanged_entry(unchanged)]
    return transact([put, claim_entry(address, changes), *save_entries(run), *held])


def claim_confirmation(ref: SendRef, *, at: int, addresses: tuple[Address, ...], playbook: str) -> Claim:
    """
    Reserve a confirmation mail: the send item, and its place among the three a mailbox ever gets.

    Args:
        ref: Which mail.
        at: The instant the decision was made for.
        addresses: The one that is asked, as it was decided from, then its mailbox where that has another address.
        playbook: The bundle the mail is made from.
    """
    put = put_entry(ref, state="claimed", said=Said(CONFIRM, playbook), at=at, address=addresses[0])
    counted = [
        claim_entry(each, {"confirmations": past_items((*each.confirmations, PastSend(at, ref.send_id)))})
        for each in addresses
    ]
    return transact([put, *counted])


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
    return transact([*entries, *([] if run is None else save_entries(run))]) == "claimed"


def skip(ref: SendRef, *, said: Said, at: int, address: Address, run: Enrollment, reason: str) -> Claim:
    """Record a mail as dropped, with the reason, and move the run on. Returns as `claim` does."""
    put = put_entry(ref, state="skipped", said=said, at=at, address=address, reason=reason)
    return transact([put, *save_entries(run)])


def pause(run: Enrollment, address: Address) -> Claim:
    """Store a paused run, if the address is still held: a hold that ended meanwhile must not leave a run behind."""
    return transact([unchanged_entry(address), *save_entries(run)])


def confirm(ref: SendRef, state: SendState, *, message_id: str) -> bool:
    """
    Record what is mostly known already, as `settle` does: a look costs a fifth of a write that changes nothing.

    Returns: Whether this was news.
    """
    found = get_send(ref)
    if found is None or found.state not in _BEFORE[state]:
        return False
    return settle(ref, state, message_id=message_id)


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
    if state != "unknown":
        names |= {"#due": table.DUE_KEY, "#at": table.DUE_AT, "#attempts": table.DUE_ATTEMPTS}
        if _is_confirmation(ref):
            expression += " REMOVE #due, #at, #attempts"
        else:
            names["#claimed_at"] = CLAIMED_AT
            values[":settled"] = _settled_key(ref)
            expression += ", #due = :settled, #at = #claimed_at REMOVE #attempts"
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


def put_entry(
    ref: SendRef, *, state: SendState, said: Said, at: int, address: Address, reason: str | None = None
) -> dict[str, Any]:
    """Return the transaction entry that makes the send item, unless there is one."""
    waits = state == "claimed"
    item = {
        **_plain_key(ref),
        "schema": table.SCHEMA,
        "state": state,
        "content": said.content,
        "channel": said.channel,
        "arm": said.arm or None,
        "trial": said.trial or None,
        "address": address.name,
        "playbook": said.playbook,
        CLAIMED_AT: instant_text(at),
        "reason": reason,
        table.DUE_KEY: table.due_key(table.CLAIM, table.shard(ref.lead_id)) if waits else _settled_key(ref),
        table.DUE_AT: instant_text(at + CLAIM_PATIENCE if waits else at),
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


def with_sent(address: Address, said: Said, at: int) -> dict[str, Any]:
    """Return the change of the address item that the content was sent there."""
    sent = {**address.sent, said.content: at}
    return {"sent": {key: instant_text(when) for key, when in sent.items()}}


def transact(entries: list[Any]) -> Claim:
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


def _settled_key(ref: SendRef) -> str:
    """Return the partition of the due index in which reports find the send."""
    return table.track_key(table.SENT, ref.track, table.shard(ref.lead_id))


def _is_confirmation(ref: SendRef) -> bool:
    """Confirmations belong to no track, and no report lists them."""
    return ref.track.startswith(f"{CONFIRM}-")


def _plain_key(ref: SendRef) -> dict[str, str]:
    return {table.PK: table.lead_pk(ref.lead_id), table.SK: table.send_sk(ref.track, ref.rotation, ref.step)}


def _key(ref: SendRef) -> dict[str, Any]:
    return to_item(_plain_key(ref))
