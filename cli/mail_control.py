"""`ripen mail pause`, `resume` and `status`: whether mail goes out at all."""

import argparse
from typing import Any

from rich.console import Console
from rich.markup import escape

from cli.leads import ask, print_json
from cli.whoami import whoami


def pause(asked: argparse.Namespace, console: Console) -> None:
    """Stop every mail that is not on its way yet."""
    _show(ask(asked, "/v1/mail/pause", body={"reason": asked.reason, "by": asked.by or whoami()}), console)


def resume(asked: argparse.Namespace, console: Console) -> None:
    """Let mails go out again."""
    _show(ask(asked, "/v1/mail/resume", body={"by": asked.by or whoami()}), console)


def status(asked: argparse.Namespace, console: Console) -> None:
    """Print whether mail goes out, and what came back of it lately."""
    said = ask(asked, "/v1/mail")
    if asked.json:
        print_json(said, console)
        return
    _show(said, console)


def _show(said: dict[str, Any], console: Console) -> None:
    if said["paused"]:
        console.print(
            f"[bold]Mailing is paused[/] since {said['since']}, by {escape(said['by'])}: {escape(said['reason'])}. "
            "What is due stays due.",
            soft_wrap=True,
        )
    else:
        since = f" since {said['since']}, by {escape(said['by'])}" if said["since"] else ""
        console.print(f"Mails go out{since}.", soft_wrap=True)
    days, limits = said["last_days"], said["stop_when"]
    console.print(
        f"Last 7 days: {days['sent']:,} sent, {days['bounced']:,} bounced ({_percent(days['bounced'], days['sent'])}), "
        f"{days['complained']:,} complained about ({_percent(days['complained'], days['sent'])}).",
        soft_wrap=True,
    )
    if limits is not None:
        console.print(
            f"Mailing pauses by itself over {limits['bounces']:g} % bounced or {limits['complaints']:g} % complained "
            f"about, from {limits['least']:,} mails on.",
            soft_wrap=True,
        )


def _percent(part: int, whole: int) -> str:
    return "-" if not whole else f"{part * 100 / whole:.2f} %"
