"""A mail in somebody's mailbox, whoever follows its links, and the queues behind them: by a clock that a test moves."""

import heapq
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from functions.engagement.handler import handler as engagement
from functions.links import handler as links_module
from functions.links.handler import handler as links
from functions.score.handler import handler as score
from functions.score.models import model_of
from shared.aws import playbooks, queue
from shared.aws.leads import get_lead
from shared.lead import Lead
from shared.mailing import SendRef
from shared.rules.scoring import evaluate
from tests.conftest import Aws, Context, sample
from tests.nurture_world import LEAD_ID, NOW, deliver, enrolled, forget, mails, order, use_playbook

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SEND = SendRef(LEAD_ID, "awareness", 1, 0)

Place = tuple[str, str]
"""The first part of a link's path, and its token."""


def use_click_playbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, more_links: Iterable[str] = ()) -> None:
    """Put a playbook in force by which one click in a mail makes an MQL, and by which its first mail has more links."""
    document = use_playbook(tmp_path, monkeypatch)
    document["scoring"]["qualification"]["mql"] = {"any": [{"rule": "mail_click"}]}
    document["scoring"]["triggers"] = ["mail_click"]
    words = document["templates"]["awareness-1"]
    for name in more_links:
        words["html"] = words["html"].replace("</body>", f'<a href="{{{{ links.{name} }}}}">more</a></body>')
        words["text"] += f"\n{{{{ links.{name} }}}}\n"
    document["bundle"] = f"clicks-{'-'.join(more_links)}"
    path = tmp_path / "clicks.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.setenv("PLAYBOOK_PATH", str(path))
    forget()


@dataclass
class World:
    """
    What is on its way, as (when, number, queue, message), and what was seen of the lead after each delivery.

    SQS is stood in for, so that its delays go by the test's clock; every message is delivered twice.
    """

    aws: Aws
    context: Context
    now: int = NOW + 100
    queued: list[tuple[int, int, str, Mapping[str, Any]]] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)
    scores: list[float] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def send(self, url: str, messages: Iterable[Mapping[str, Any]], *, delay_seconds: int = 0) -> None:
        for message in messages:
            heapq.heappush(
                self.queued, (self.now + delay_seconds, next(self.numbers), url, json.loads(json.dumps(message)))
            )

    def run(self, until: int) -> None:
        """Deliver what is due up to `until` seconds after the start, and look at the lead each time."""
        end = NOW + 100 + until
        while self.queued and self.queued[0][0] <= end:
            due, number, url, message = heapq.heappop(self.queued)
            self.now = max(self.now, due)
            record = {"messageId": f"m{number}", "body": json.dumps(message), "eventSource": "aws:sqs"}
            if url == self.aws.events_queue_url:
                self.told += message["events"]
            for _ in range(2):
                handler = score if url == self.aws.events_queue_url else engagement
                assert handler({"Records": [record]}, self.context) == {"batchItemFailures": []}
                if handler is engagement:
                    continue
                self.scores.append(self.score())
        self.now = end

    def follow(
        self, at: int, place: Place, *, method: str = "GET", agent: str = CHROME, **headers: str
    ) -> dict[str, Any]:
        """Follow a link `at` seconds after the start."""
        self.run(at)
        path, token = place
        event = sample("http_click")
        http = {**event["requestContext"]["http"], "method": method, "path": f"/{path}/{token}"}
        return links(
            {
                **event,
                "rawPath": f"/{path}/{token}",
                "headers": {"user-agent": agent, **{name.replace("_", "-"): each for name, each in headers.items()}},
                "requestContext": {**event["requestContext"], "http": http},
                "pathParameters": {"token": token},
            },
            self.context,
        )

    def lead(self) -> Lead:
        found = get_lead(LEAD_ID)
        assert found is not None
        return found

    def score(self) -> float:
        return evaluate(self.lead(), model_of(playbooks.current()["bundle"]), self.now).engagement / 1000

    def changes(self) -> list[str]:
        """What the outbox says of the lead."""
        return [item["detail_type"] for item in self.aws.items(f"LEAD#{LEAD_ID}") if item["SK"].startswith("CHANGE#")]


def mailed(aws: Aws, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *more_links: str) -> World:
    """Send the first mail of a track; its playbook is `use_click_playbook`'s."""
    use_click_playbook(tmp_path, monkeypatch, more_links=more_links)
    enrolled()
    deliver(context, order())
    world = World(aws, context)
    monkeypatch.setattr(queue, "send_all", world.send)
    monkeypatch.setattr(links_module.time, "time", lambda: world.now + 0.4)
    return world


def links_of_mail() -> list[Place]:
    """Every link of the mail, in the order they stand in it: the pixel, the decoy and the header's too."""
    (mail,) = mails()
    words = "".join(part.get_content() for part in mail.iter_parts()) + mail["list-unsubscribe"]
    return list(dict.fromkeys(re.findall(r"https://ripen\.example/([codu])/([A-Za-z0-9_-]+)", words)))
