"""The demo, act by act: what is sent, what is waited for, what the clock is moved to, and what is shown."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from infra.local.demo import tables
from infra.local.demo.audience import Audience, Call
from infra.local.demo.commands import ripen
from infra.local.demo.deployed import PAGE, Deployed, Json
from infra.local.demo.posting import post_all
from infra.local.errors import LocalError
from shared import table
from shared.instants import DAY, HOUR, MINUTE

CLOCKS_EVERY = 5 * MINUTE
MAILS_AT = 16 * HOUR
"""
Of the sweeps that run every few minutes the demo runs those that find something: for clocks to five minutes, for mails
that of one instant a day (UTC), which is daytime from the west of America to the east of Europe.
"""

DECAY_DAYS = (15, 30, 45, 60)
NEVER = 2**62
MOST_TICKS = 200

ACCEPTED = 4
"""The best handoffs, which their owners accept and call about; the next is sent back, the others are left lying."""

_BREACH = re.compile(r"<@(?P<manager>\w+)>: \*(?P<clock>.+?)\* was due by (?P<due>.+?); owner (?P<owner><@\w+>)")
_SEND = re.compile(r"send_id=\w+-\d+-(?P<step>\d+)-(?P<track>\w+)")


@dataclass(frozen=True, slots=True)
class Show:
    """Where the demo plays: the stage, the audience that acts on it, and the console that tells of it."""

    stage: Deployed
    audience: Audience
    console: Console

    @contextmanager
    def doing(self, what: str) -> Iterator[Callable[[str], None]]:
        """Tell what goes on, and how long it took."""
        began = time.monotonic()
        with self.console.status(what) as status:
            yield lambda more: status.update(f"{what}: {more}")
        self.console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - began:.1f} s[/]")


def send_everything(show: Show) -> None:
    """Send four weeks of history, then what happens today, and see that every event was counted."""
    audience = show.audience
    with show.doing(f"{len(audience.history):,} calls of the past four weeks"):
        _send(show, audience.history, "scoring the history")
    with show.doing(f"{len(audience.today):,} calls of today"):
        _send(show, audience.today, "scoring and announcing today")
    sent = {call.message_id for call in audience.calls}
    missing = sent - show.stage.event_ids()
    if missing:
        raise LocalError(f"{len(missing)} of {len(sent):,} events are in no timeline, among them {min(missing)}")
    show.console.print(
        f"  {len(sent):,} events of {len(audience.people)} people, {len(audience.calls) - len(sent)} of them sent twice"
    )


def _send(show: Show, calls: Sequence[Call], what: str) -> None:
    post_all(calls, show.stage.outputs)
    show.stage.settle_down(what, seconds=120)


def show_ranking(show: Show, as_of: int) -> list[Json]:
    """Show the best twelve; return the best thirty."""
    leads = show.stage.ranking(as_of, limit=30)
    show.console.print(tables.ranking_table(leads[:12]))
    return leads


def explain(show: Show, as_of: int) -> None:
    """Show one lead's score line by line, and that the lines add up."""
    (sarah,) = show.audience.who("sarah")
    lead = show.stage.look_up(sarah.email, as_of)
    title = f"Why {sarah.first_name} {sarah.last_name}, {sarah.title}, has these points"
    show.console.print(tables.explanation_table(lead, title))
    lines, total = [line["points"] for line in lead["score"]["lines"]], lead["score"]["total"]
    if sum(lines) != total:
        raise LocalError(f"the lines of {lead['lead_id']} add up to {sum(lines)}, the total is {total}")
    show.console.print(f"  {len(lines)} lines add up to {tables.points(total)}, exactly\n")


def show_alerts(show: Show) -> list[Json]:
    """Show and return the messages that sales got, the best leads first."""
    alerts = [message for message in show.stage.slack() if "thread_ts" not in message]
    alerts.sort(key=lambda message: (-tables.points_of(message), message["ts"]))
    show.console.print(tables.alerts_table(alerts))
    return alerts


def answer_alerts(show: Show, alerts: Sequence[Json]) -> None:
    """Press buttons in Slack: some handoffs are accepted and called about, one is sent back, the rest are left lying."""
    if len(alerts) < ACCEPTED + 2:
        raise LocalError(f"only {len(alerts)} alerts reached Slack, {ACCEPTED + 2} at least were expected")
    *accepted, rejected = alerts[: ACCEPTED + 1]

    def accept(message: Json) -> None:
        owner = tables.owner_of(message)
        show.stage.press(message, "accept", user=owner)
        show.stage.press(message, "contact", user=owner)

    with show.doing(f"{ACCEPTED} handoffs accepted and called in Slack, 1 sent back"):
        with ThreadPoolExecutor(2) as reps:
            list(reps.map(accept, accepted))
        show.stage.fill(
            rejected, "reject", user=tables.owner_of(rejected), reason="not_ready", note="Asks again in spring"
        )
        show.stage.settle_down("answering the alerts", seconds=60)


def let_time_pass(show: Show, now: int) -> int:
    """Run the scheduled sweeps of the next sixty days at the instants at which something is due. Returns the end."""
    ticks = 0
    for before, days in zip((0, *DECAY_DAYS), DECAY_DAYS, strict=False):
        with show.doing(f"day {before} to {days} of scheduled sweeps") as tell:
            ticks += _sweep_until(show.stage, now + days * DAY, tell)
            tell("decay_sweep")
            show.stage.sweep("decay_sweep", now + days * DAY)
            show.stage.settle_down(f"decay_sweep after {days} days", seconds=90)
    show.console.print(
        f"  {ticks} sweeps found a mail or a clock due, {len(DECAY_DAYS)} more settled what cooled down\n"
    )
    return now + DECAY_DAYS[-1] * DAY + HOUR


def _sweep_until(stage: Deployed, until: int, tell: Callable[[str], None]) -> int:
    """Run every sweep that finds a mail or a clock before the instant. Returns how many those were."""
    ticks = 0
    while (tick := _next_tick(stage))[0] < until:
        at, function = tick
        ticks += 1
        if ticks > MOST_TICKS:
            raise LocalError(f"{function} found something due {MOST_TICKS} times, the last at {_text(at)}")
        tell(f"{function} at {_text(at)}")
        stage.sweep(function, at)
        stage.settle_down(f"{function} at {_text(at)}", seconds=60)
    return ticks


def _next_tick(stage: Deployed) -> tuple[int, str]:
    """Return when the next sweep that finds something runs, and which; `NEVER` when nothing is due any more."""
    clock, mail = stage.next_due(table.SLA), stage.next_due(table.NURTURE)
    clocks_at = NEVER if clock is None else -(-clock // CLOCKS_EVERY) * CLOCKS_EVERY
    mails_at = NEVER if mail is None else next_mail_sweep(mail)
    return min((clocks_at, "sla_sweep"), (mails_at, "nurture_sweep"))


def next_mail_sweep(due: int) -> int:
    midnight = due - due % DAY
    return midnight + MAILS_AT + (0 if due <= midnight + MAILS_AT else DAY)


def _text(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%a %d %b %Y %H:%M} UTC"


def show_mails(show: Show) -> None:
    """Show what went out, and where to read one of each."""
    sent: Counter[str] = Counter()
    example: dict[str, str] = {}
    for mail in show.stage.mails():
        tags = next(value for name, value in mail["headers"] if name.upper() == "X-SES-MESSAGE-TAGS")
        content = content_of(tags)
        sent[content] += 1
        example.setdefault(content, f"{show.stage.outputs.inbox_url}/{mail['id']}")
    for content in ("awareness-1", "awareness-2", "consideration-1", "decision-1"):
        if content not in sent:
            raise LocalError(f"no mail {content} went out")
    show.console.print(tables.mails_table(sent, example))


def content_of(tags: str) -> str:
    """Return which mail it is, from its tags: the confirmation, or the n-th of a track."""
    found = _SEND.search(tags)
    return "confirm" if found is None or found["track"] == "confirm" else f"{found['track']}-{int(found['step']) + 1}"


def show_cooling(show: Show, before: Sequence[Json], as_of: int, now: int) -> None:
    """Show the lead that lost most and changed its band with time alone."""
    then = {lead["lead_id"]: lead for lead in before}
    cooled = [
        (then[lead["lead_id"]]["score"]["total"] - lead["score"]["total"], lead)
        for lead in show.stage.ranking(as_of, limit=PAGE)
        if lead["lead_id"] in then and lead["settled"]["band"] != then[lead["lead_id"]]["settled"]["band"]
    ]
    if not cooled:
        raise LocalError(f"of the best {len(then)} leads none cooled down in {DECAY_DAYS[-1]} days")
    _, lead = max(cooled, key=lambda entry: (entry[0], entry[1]["lead_id"]))
    days = (as_of - now) // DAY
    show.console.print(
        tables.cooled_table(then[lead["lead_id"]], lead, title=f"How {lead['name']} cooled down", days=days)
    )


def show_breaches(show: Show) -> None:
    """Show the handoffs nobody acted on in time, and who was told."""
    rows = [row for message in show.stage.slack() if (row := breach_row(message)) is not None]
    if not rows:
        raise LocalError("no handoff breached its clock")
    shown = rows[:6]
    show.console.print(tables.breaches_table(shown))
    if len(rows) > len(shown):
        show.console.print(f"  and {len(rows) - len(shown)} more, in Slack\n")


def show_sla_report(show: Show) -> None:
    """Print what a manager of sales reads: how fast each owner was, what is open, why leads came back."""
    show.console.print("What a manager of sales sees: [bold]ripen report sla --by owner[/]")
    ripen(show.stage, "report", "sla", "--by", "owner", "--stage", "local", console=show.console)


def breach_row(message: Json) -> tuple[str, ...] | None:
    """Return lead, clock, instant, owner and manager of an escalation; None of any other message."""
    found = _BREACH.search(message.get("text", ""))
    if found is None:
        return None
    who = tables.read(message["blocks"][1]["elements"][0]["text"])
    return (
        who,
        found["clock"],
        found["due"],
        tables.mentioned(found["owner"]),
        tables.mentioned(f"<@{found['manager']}>"),
    )


def send_again(show: Show, as_of: int) -> bool:
    """Send the whole file once more. Returns whether no score, alert or mail came of it."""
    stage = show.stage
    with show.doing(f"all {len(show.audience.calls):,} calls a second time"):
        before, seen = stage.scores(as_of), heard(stage)
        _send(show, show.audience.calls, "the second time")
        after, now_heard = stage.scores(as_of), heard(stage)
    changed = sorted(lead_id for lead_id in before.keys() | after.keys() if before.get(lead_id) != after.get(lead_id))
    for lead_id in changed[:10]:
        told: list[Any] = [None if side.get(lead_id) is None else side[lead_id]["total"] for side in (before, after)]
        show.console.print(f"  [red]{lead_id}[/] had {told[0]} points and has {told[1]}")
    if now_heard != seen:
        show.console.print(f"  [red]alerts and mails were {seen} and are {now_heard}[/]")
    if changed or now_heard != seen:
        return False
    show.console.print(
        f"  {len(after)} leads compared line by line: no score changed; nobody was alerted or mailed again\n"
    )
    return True


def heard(stage: Deployed) -> tuple[int, int]:
    """Return how many messages are in Slack, and how many mails in the inbox."""
    return len(stage.slack()), len(stage.mails())
