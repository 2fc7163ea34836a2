"""`ripen playbook publish`: put a playbook in force on a running stage, and have every lead settled by it."""

import argparse
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli import playbook_files
from cli.stage import Stage
from cli.whoami import whoami
from infra.stages import PROD, STAGES
from shared import settings
from shared.aws import chains, deployments, playbooks, queue
from shared.aws.chains import Chain
from shared.errors import RipenError
from shared.playbook import reservations
from shared.rules.model import BANDS
from shared.table import DUE_SHARDS

LOOK_AGAIN = 2.0
"""Seconds between two looks at how far the walk is."""

QUIET_LOOKS = 2
"""Looks that must find the queue empty: SQS counts approximately."""


class PublishError(RipenError):
    """The playbook cannot be published as asked; nothing was changed. The message says what to do."""


CHAINS = len(BANDS) * DUE_SHARDS


def publish(asked: argparse.Namespace, console: Console) -> None:
    """
    Publish the file, or go on with the walk of the playbook in force.

    Raises:
        PlaybookError: The file cannot be used.
        PublishError: The stage does not take it, or what was asked makes no sense.
        PublishedMeanwhileError: Somebody else was faster.
    """
    if asked.resume is (asked.file is not None):
        raise PublishError("name the FILE to publish; or leave it out and say --resume to go on with the last one")
    at = int(time.time()) if asked.as_of is None else asked.as_of
    compiled = None if asked.file is None else _checked(asked, at, console)
    Stage(asked.stage).take_settings()
    with deployments.asking(asked.stage):
        if compiled is None:
            undone = _undone(asked, console)
        else:
            undone = _put_in_force(compiled, asked, at, console)
        if not undone:
            return
        after = walk_after(asked.stage)
        queue.send_all(settings.resettle_queue_url(), [chain.message() for chain in undone], delay_seconds=after)
        console.print(
            f"the walk over all leads begins in {after} s: until then a function may go by the playbook before"
        )
        if asked.wait:
            _watch(undone[0].bundle, asked.stage, console)
        else:
            console.print(f"it goes on in the account; {_look_again(asked.stage)}")


def walk_after(stage: str) -> int:
    """
    Return the seconds after which nothing in the stage goes by the old pointer.

    A process keeps the pointer for a while, and then finishes what it has begun. A lead that is written by the old
    playbook while the walk is on could move to a place that the walk has passed.
    """
    return playbooks.LOOK_EVERY + STAGES.get(stage, PROD).timeout


def _checked(asked: argparse.Namespace, at: int, console: Console) -> dict[str, Any]:
    """Return the compiled file, once the stage takes it as it is signed."""
    compiled = playbook_files.compiled(asked.file)
    doubts = reservations(compiled, datetime.fromtimestamp(at, UTC).date())
    if doubts and STAGES.get(asked.stage, PROD).signed_playbook_only and not asked.accept_unsigned:
        raise PublishError(
            f"stage {asked.stage} takes only a signed playbook: {'; '.join(doubts)}. Have it signed, or say "
            "--accept-unsigned"
        )
    for doubt in doubts:
        console.print(f"[yellow]![/] {doubt}", soft_wrap=True)
    return compiled


def _put_in_force(compiled: dict[str, Any], asked: argparse.Namespace, at: int, console: Console) -> Sequence[Chain]:
    """Keep the playbook, move the pointer, then put the chains at their beginning; `--resume` makes up for a crash."""
    bundle, by = compiled["bundle"], asked.by or whoami()
    seen = playbooks.pointer()
    before = None if seen is None else seen.bundle
    if before == bundle:
        unfinished = [chain for chain in chains.chains(bundle) if not chain.done]
        console.print(
            f"{bundle} is in force already: nothing to do"
            + (f", but its walk is not done; {_look_again(asked.stage)}" if unfinished else "")
        )
        return ()
    playbooks.put(compiled, by=by, at=at)
    playbooks.move(bundle, seen=before, by=by, at=at)
    chains.start(bundle, BANDS, as_of=at, announce=asked.announce)
    console.print(f"{bundle} is in force" + ("" if before is None else f", before it was {before}"))
    return chains.chains(bundle)


def _undone(asked: argparse.Namespace, console: Console) -> Sequence[Chain]:
    """Return the chains of the playbook in force that have not come to their end."""
    in_force = playbooks.pointer()
    if in_force is None:
        raise PublishError(f"nothing was published to stage {asked.stage} yet: name the FILE")
    found = chains.chains(in_force.bundle)
    since = in_force.published_at
    if since is not None and (len(found) < CHAINS or any(chain.as_of < since for chain in found)):
        chains.start(in_force.bundle, BANDS, as_of=since, announce=asked.announce)  # it died before it got to that
        found = chains.chains(in_force.bundle)
    undone = [chain for chain in found if not chain.done]
    walked = sum(chain.walked for chain in found)
    console.print(
        f"{in_force.bundle} is in force: {len(found) - len(undone)} of {len(found)} chains done, {walked:,} leads walked"
    )
    return undone


def _watch(bundle: str, stage: str, console: Console) -> None:
    """Show how far the walk is until it is done and worked off."""
    columns = (TextColumn("chains"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    quiet = 0
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            shown = progress.add_task("", total=None)
            while quiet < QUIET_LOOKS:
                in_force = playbooks.pointer()
                if in_force is None or in_force.bundle != bundle:
                    console.print(f"another playbook was published meanwhile: the walk of {bundle} ends here")
                    return
                found, left = chains.chains(bundle), deployments.messages_left(settings.settle_queue_url())
                done, walked = sum(chain.done for chain in found), sum(chain.walked for chain in found)
                progress.update(
                    shown,
                    total=len(found),
                    completed=done,
                    description=f"{walked:,} leads walked, {left:,} messages left to settle",
                )
                quiet = quiet + 1 if done == len(found) and left == 0 else 0
                if quiet < QUIET_LOOKS:
                    time.sleep(LOOK_AGAIN)
    except KeyboardInterrupt:
        console.print(f"the walk goes on in the account; {_look_again(stage)}")
        raise SystemExit(130) from None
    console.print(f"{walked:,} leads walked and settled by {bundle}")


def _look_again(stage: str) -> str:
    return f"look again with: ripen playbook publish --resume --stage {stage}"
