"""
Names of the one table: keys, indexes, attributes. Infrastructure, adapters and tests import them from here.

`docs/access-patterns.md` has the chart with every query and its caller.
"""

from shared.instants import HOUR, instant_text

SCHEMA = 1
"""Version of the item shapes; every item carries it as `schema`."""

PK = "PK"
SK = "SK"
TTL = "expires_at"
VERSION = "version"

DUE_INDEX = "due"
DUE_KEY = "due_key"
DUE_AT = "due_at"
DUE_ATTEMPTS = "due_attempts"
DUE_SHARDS = 8
"""Partitions per kind of the due index: 8 x 1,000 write units a second is more than one region's default table quota."""

RANK_INDEX = "rank"
RANK_KEY = "rank_key"
RANK_BOUND = "rank_bound"
WEEK_PREFIX = "handoff#"
"""Handoffs by the week they were made in, beside the bands: there `rank_bound` is when, in epoch seconds."""
WEEK_SHARDS = 4
"""Partitions of a week: a handoff is written a few times in its life, and only its making moves an index key."""

SETTLE = "settle"
SLA = "sla"
NURTURE = "nurture"
CLAIM = "claim"
OUTBOX = "outbox"
RUN = "run"
"""Runs with nothing due, by track and shard, in the order in which they began."""
SENT = "sent"
"""Settled sends, by track and shard, in the order in which they were claimed."""

PLAYBOOK_PK = "PLAYBOOK"
"""Partition of the pointer to the playbook in force; each compiled playbook has one of its own."""
CURRENT_SK = "CURRENT"
PLAYBOOK_SK = "PLAYBOOK"
CHAIN_PREFIX = "CHAIN#"

SWEEP_PK = "SWEEP"
"""Partition of what a sweep remembers; its sort key is the kind of entry it looks for."""

MAIL_PK = "MAIL"
"""Partition of what is true of mailing as a whole: whether it is paused, and what the hours brought."""
CONTROL_SK = "CONTROL"
HOUR_PREFIX = "HOUR#"

TRIAL_PK = "TRIAL"
"""Partition of what is known of tests of steps: a handful of items, which whoever sends reads and keeps for minutes."""

LEAD_SK = "LEAD"
ERASURE_SK = "ERASURE"
ADDRESS_SK = "ADDR"
OWNER_SK = "OWNER"
HOME_PREFIX = "HOME#"
EVENTS_PREFIX = "EVENTS#"
CHANGE_PREFIX = "CHANGE#"
HANDOFF_PREFIX = "HANDOFF#"
TRACK_PREFIX = "TRACK#"
SEND_PREFIX = "SEND#"
CONSENT_PREFIX = "CONSENT#"


def lead_pk(lead_id: str) -> str:
    return f"LEAD#{lead_id}"


def lead_id_of(pk: str) -> str:
    return pk.removeprefix("LEAD#")


def address_pk(address_hash: str) -> str:
    return f"ADDR#{address_hash}"


def owner_pk(owner: str) -> str:
    return f"OWNER#{owner}"


def owner_of(pk: str) -> str:
    return pk.removeprefix("OWNER#")


def erasure_pk(erasure_id: str) -> str:
    return f"ERASURE#{erasure_id}"


def consent_sk(at: int, event: str) -> str:
    """Sort key of what an event said of consent: by receive time, then by the key of the event."""
    return f"{CONSENT_PREFIX}{instant_text(at)}#{event}"


def hour_sk(at: int) -> str:
    """Sort key of what was counted in the hour of the instant: `HOUR#2026-11-22T10`."""
    return f"{HOUR_PREFIX}{instant_text(at)[:13]}"


def trial_sk(track: str, test: str, trial: str) -> str:
    """Sort key of a test with the arms and the measure that `trial` stands for."""
    return f"{track}#{test}#{trial}"


def playbook_pk(bundle: str) -> str:
    return f"{PLAYBOOK_PK}#{bundle}"


def chain_sk(band: str, shard_number: int) -> str:
    return f"{CHAIN_PREFIX}{band}#{shard_number}"


def events_sk(received_at: int, message_id: str) -> str:
    """Sort key of the timeline item of one message: by hour, so a redelivered message meets its own item."""
    return f"{EVENTS_PREFIX}{instant_text(received_at - received_at % HOUR)[:13]}#{message_id}"


def change_sk(at: int, unique: str) -> str:
    """Sort key of a change: by time, then by what makes it unique (the lead's version, or the handoff's)."""
    return f"{CHANGE_PREFIX}{instant_text(at)}#{unique}"


def handoff_sk(number: int) -> str:
    return f"{HANDOFF_PREFIX}{number:06d}"


def track_sk(track: str) -> str:
    return f"{TRACK_PREFIX}{track}"


def send_sk(track: str, rotation: int, step: int) -> str:
    return f"{SEND_PREFIX}{track}#{rotation:06d}#{step:03d}"


def shard(lead_id: str) -> int:
    """Shard of a lead in the due and rank indexes; lead ids are uniform, so their tail is."""
    return sum(lead_id[-4:].encode()) % DUE_SHARDS


def due_key(kind: str, shard_number: int) -> str:
    return f"{kind}#{shard_number}"


def track_key(kind: str, track: str, shard_number: int) -> str:
    """Return the partition of the due index that lists a track's runs (`RUN`) or sends (`SENT`); no sweep looks there."""
    return f"{kind}#{track}#{shard_number}"


def handoff_week_key(week: str, lead_id: str) -> str:
    """Return the partition of the rank index that lists a handoff of that lead made in the ISO week."""
    return handoff_week_keys(week)[shard(lead_id) % WEEK_SHARDS]


def handoff_week_keys(week: str) -> tuple[str, ...]:
    return tuple(f"{WEEK_PREFIX}{week}#{number}" for number in range(WEEK_SHARDS))


def rank_key(band: str, shard_number: int) -> str:
    return f"{band}#{shard_number}"
