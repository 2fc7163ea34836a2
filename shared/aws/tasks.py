"""
Tasks for reps: send items that no channel is asked for. The send and the change that tells of it are one write.

So a task is given once, and told as often as its telling is tried: `deliveries` on the send item keeps copies apart.
"""

from dataclasses import dataclass

from shared import settings, table
from shared.aws import clients
from shared.aws.addresses import claim_entry
from shared.aws.enrollments import save_entries
from shared.aws.handoffs import DELIVERIES
from shared.aws.items import from_item, to_item
from shared.aws.outbox import change_put
from shared.aws.sends import Claim, Said, put_entry, transact, with_sent
from shared.mailing import Address, Enrollment, SendRef


@dataclass(frozen=True, slots=True)
class Task:
    """What the rep is to do: its title, and the words to it."""

    title: str
    text: str


def give(ref: SendRef, *, said: Said, task: Task, at: int, address: Address, run: Enrollment) -> Claim:
    """
    Give the rep a task of a track, in one transaction with the change that tells of it.

    Args:
        ref: Which task.
        said: Its content, and by what.
        task: Its words.
        at: The instant the decision was made for.
        address: As it was decided from.
        run: The enrollment as it becomes, carrying the version it was read at.
    Returns: As `sends.claim` does.
    """
    put = put_entry(ref, state="sent", said=said, at=at, address=address)
    put["Put"]["Item"] |= to_item({"title": task.title, "text": task.text, DELIVERIES: {}})
    told = change_put(
        lead_id=ref.lead_id,
        at=at,
        unique=f"TaskDue#{ref.track}#{ref.rotation}#{ref.step}",
        detail_type="TaskDue",
        detail={
            "version": run.version + 1,
            "track": ref.track,
            "rotation": ref.rotation,
            "step": ref.step,
            "content": said.content,
        },
    )
    return transact([put, claim_entry(address, with_sent(address, said, at)), *save_entries(run), told])


def get_task(ref: SendRef) -> Task | None:
    """Return the task as it was given (consistent read); None when there is none, or no longer."""
    key = {table.PK: table.lead_pk(ref.lead_id), table.SK: table.send_sk(ref.track, ref.rotation, ref.step)}
    answer = clients.dynamodb().get_item(TableName=settings.table_name(), Key=to_item(key), ConsistentRead=True)
    item = from_item(answer.get("Item", {}))
    return Task(item["title"], item["text"]) if DELIVERIES in item else None
