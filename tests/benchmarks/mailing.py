"""
What a nurture mail costs beyond what SES takes for it: the sweep, the claim, the report, the opens and the clicks.

The handlers run against the stub, in which people are who have two mails of a track behind them; SES itself is stood in
for. Units and calls are counted and depend on no machine, CPU is measured. List prices, as in `dollars.py`.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from functions.engagement.handler import handler as engagement
from functions.links.handler import handler as links
from functions.mail_feedback.handler import handler as mail_feedback
from functions.nurture_send import sending
from functions.nurture_send.handler import handler as nurture_send
from functions.nurture_sweep.handler import handler as nurture_sweep
from functions.score.handler import handler as score
from infra.stages import PROD
from shared.aws import addresses, enrollments, mailer, playbooks, queue, secret_values
from shared.identity import EMAIL, address_hash, home
from shared.instants import DAY, instant_text, parse_instant
from shared.lead import LeadEvent, Naming, Register, Settled, queue_message
from shared.links import PATHS, Link, Purpose, mint
from shared.mailing import Account, Enrollment, SendRef
from tests.benchmarks import prices
from tests.benchmarks.counting import Counts, counted
from tests.benchmarks.dollars import Work, _by_service, logged
from tests.benchmarks.measuring import Row
from tests.benchmarks.stage import Context, staged
from tests.benchmarks.stub import QUEUE, SECRET, meddle, serving
from tests.conftest import sample

PEOPLE = 200
TRACK = "consideration"
FIRST = parse_instant("2027-01-12T10:00:00Z")
"""A Tuesday in the morning."""

BEFORE = 2
"""Mails of the track everybody has behind them."""

OPENS, CLICKS = 0.2, 0.03
"""Of a mail, assumed: what a good sender to businesses sees."""

SES_MAIL = 100.0
"""Dollars a million mails."""

GOAL = 15.0
"""Percent of that."""

_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)

_MAIL = Account(500.0, None, 0)


@dataclass(frozen=True)
class Part:
    """What one part of a mail's way spent, and of how many mails."""

    name: str
    work: Work
    units: Counts
    mails: float
    memory_mb: int = PROD.memory_mb
    requests: float = 0.0
    """Dollars a million times that something else than Lambda and DynamoDB takes: queues, topics, the API."""

    @property
    def dollars(self) -> float:
        """Dollars a million mails."""
        spent = self.units.write_units * prices.WRITE_UNIT + self.units.read_units * prices.READ_UNIT
        function = self.work.function_dollars(self.memory_mb) * 1e6
        return (spent + function) / self.mails + self.requests


def parts() -> list[Part]:
    """Measure a mail's way: each function over every person."""
    with serving() as address, staged(address), _mail_stage():
        people = _enrolled()
        at = FIRST
        for step in range(BEFORE):
            _send(people, step, at)
            at = _next_turn(people)
        meddle(address, "Take")
        swept, sweep_units = _measured(lambda: nurture_sweep({"time": instant_text(at)}, Context()), 1)
        queued = len(meddle(address, "Take")["messages"])
        assert queued == len(people), queued
        batches = [people[start : start + 10] for start in range(0, len(people), 10)]
        calls = [_batch(batch, BEFORE, at) for batch in batches]
        sent, send_units = _measured(_through(nurture_send, calls), len(calls))
        _all_at(people, BEFORE + 1)
        return [
            Part("the sweep", swept, sweep_units, queued, requests=prices.SQS_REQUEST * 3 / 10),
            Part(
                "claim, send, settle", replace(sent, calls={**sent.calls, "ses": len(people)}), send_units, len(people)
            ),
            *_reports(people),
            *_touches(people),
        ]


def _reports(people: list[str]) -> Iterator[Part]:
    for kind in ("Send", "Delivery"):
        calls = [_report(lead_id, kind) for lead_id in people]
        work, units = _measured(_through(mail_feedback, calls), len(calls))
        yield Part(f"SES's word: {kind}", work, units, len(calls), requests=prices.SNS_PUBLISH)


def _touches(people: list[str]) -> Iterator[Part]:
    """
    Measure what opens and clicks cost, by the mail.

    Each is a request to our link, a touch that is judged when it has waited, and an event for the score. SES sees it too
    and says so: a report, and one more touch.
    """
    few = people[:50]
    shares: tuple[tuple[Purpose, float], ...] = (("open", OPENS), ("click", CLICKS))
    for purpose, share in shares:
        mails = len(few) / share
        calls = [_request(lead_id, purpose) for lead_id in few]
        work, units = _measured(_through(links, calls), len(calls))
        door = prices.HTTP_REQUEST + prices.ACCESS_LOG_BYTES / 1e3 * prices.LOG_GB
        yield Part(f"{purpose}: our link", work, units, mails, requests=share * (door + _QUEUED))
        yield from _judged(f"{purpose}: ", _taken(), few, share)
        events = [record for record in _taken() if '"events"' in record["body"]]
        assert len(events) >= len(few), len(events)
        work, units = _measured(_through(score, [{"Records": events}]), 1)
        yield Part(f"{purpose}: scored", work, units, mails, PROD.memory_mb_of["score"])
        reports = [_report(lead_id, purpose.capitalize()) for lead_id in few]
        work, units = _measured(_through(mail_feedback, reports), len(calls))
        yield Part(f"{AGAIN}{purpose}: SES's word", work, units, mails, requests=share * (prices.SNS_PUBLISH + _QUEUED))
        yield from _judged(f"{AGAIN}{purpose}: ", _taken(), few, share)
        _taken()


def _judged(name: str, records: list[dict[str, Any]], few: list[str], share: float) -> Iterator[Part]:
    """Measure how touches are noted, and judged once they have waited."""
    for done in ("noted", "judged"):
        tens = [records[start : start + 10] for start in range(0, len(records), 10)]
        work, units = _measured(_through(engagement, [{"Records": ten} for ten in tens]), len(tens))
        yield Part(f"{name}{done}", work, units, len(few) / share, requests=share * _QUEUED * len(records) / len(few))
        if done == "noted":
            records = _taken()


AGAIN = "seen by SES too, "
"""Beginning of the name of what is spent on hearing of an open or a click for the second time."""

_QUEUED = prices.SQS_REQUEST * (1 + 2 / 10)
"""Of a message: put on the queue alone, received and deleted by tens."""


def _taken() -> list[dict[str, Any]]:
    """Take what lies on the queues."""
    return [
        {"messageId": f"m{number}", "body": body, "eventSource": "aws:sqs"}
        for number, body in enumerate(meddle(_endpoint(), "Take")["messages"])
    ]


def rows() -> list[Row]:
    found = parts()
    told = [Row("mailing", part.name, "$ a million mails", (part.dollars,), better="less") for part in found]
    once = sum(part.dollars for part in found if not part.name.startswith(AGAIN))
    goal = (SES_MAIL * GOAL / 100,)
    told.append(Row("mailing", "C7 all beyond SES", "$ a million mails", (once,), goal, "the goal", "less", 1))
    everything = sum(part.dollars for part in found)
    told.append(Row("mailing", "the same, where SES tracks too", "$ a million mails", (everything,), better="less"))
    return told


def units_of_a_mail() -> dict[str, float]:
    """Return write and read units of each part, by mail: what must not depend on the machine."""
    return {
        f"{part.name}: {what}": number / part.mails
        for part in parts()
        for what, number in (("write units", part.units.write_units), ("read units", part.units.read_units))
    }


def _through(handler: Callable[[dict[str, Any], Any], Any], calls: list[dict[str, Any]]) -> Callable[[], Any]:
    """Return what makes all of the calls; every message must be taken."""

    def work() -> None:
        for call in calls:
            answer = handler(call, Context())
            assert not isinstance(answer, dict) or not answer.get("batchItemFailures"), answer

    return work


def _measured(work: Callable[[], Any], invocations: int) -> tuple[Work, Counts]:
    with logged() as size, counted() as counts:
        start = time.process_time()
        work()
        cpu = time.process_time() - start
        written = size()
    calls = _by_service(counts)
    return Work(invocations, cpu, written, calls=calls), counts


_ENDPOINT: list[str] = []


def _endpoint() -> str:
    return _ENDPOINT[-1]


@contextmanager
def _mail_stage() -> Iterator[None]:
    """What sending needs besides: settings, a service that takes every mail, and one that says how much it takes."""
    import os  # noqa: PLC0415

    os.environ.update(
        SENDS_QUEUE_URL=QUEUE, ENGAGEMENT_QUEUE_URL=QUEUE, SIGNING_SECRET="signing", PUBLIC_URL="https://ripen.example",
        SENDER="hello@ripen.example", CONFIGURATION_SET="mail", RELEASE_SECONDS="300", CLICK_DELAY_SECONDS="60",
        MAIL_TOPIC_ARN=sample("ses_event_send")["Records"][0]["Sns"]["TopicArn"], OPERATIONS_TOPIC_ARN="arn",
    )  # fmt: skip
    _ENDPOINT.append(os.environ["AWS_ENDPOINT_URL"])
    sending._rules.cache_clear()
    numbers = iter(range(10**9))
    with (
        patch.object(mailer, "send", lambda *_, **__: mailer.Accepted(f"{next(numbers):060d}")),
        patch.object(mailer, "account", lambda: _MAIL),
        patch.object(queue, "waiting", lambda _url: 0),
        patch.object(playbooks, "LOOK_EVERY", 10**9),  # a look every ten seconds is nobody's mail
    ):
        yield
    sending._rules.cache_clear()
    _ENDPOINT.pop()


def _enrolled() -> list[str]:
    """Keep people with a life's profile, consent and a run through the track; return their lead ids."""
    from tests.lead_items import save  # noqa: PLC0415

    bundle = playbooks.current()["bundle"]
    found = []
    for number in range(PEOPLE):
        email = f"person-{number}@company-{number}.example"
        lead_id = home(EMAIL, email, SECRET)
        name = address_hash(email, SECRET)
        said = {"email": email, "address": name, "first_name": "Ada", "last_name": "Lovelace", "title": "Head of Operations",
                "company": "Nordwind Logistics", "industry": "Logistics", "country": "SE", "employees": 250,
                "timezone_seen": "Europe/Stockholm"}  # fmt: skip
        profile = {
            field: Register(value, FIRST - DAY, "k123456789012345", proven=True) for field, value in said.items()
        }
        lead = _lead(lead_id, name, profile)
        save([lead], {lead_id: 0})
        addresses.record_consent(name, proven_at=FIRST - DAY, opted_in_at=FIRST - DAY)
        enrollments.save(
            Enrollment(
                lead_id=lead_id, track=TRACK, rotation=1, status="active", step=0, playbook=bundle,
                cause=f"{lead_id}:{instant_text(FIRST)}:00000012#BandChanged", cause_lead=lead_id, cause_version=12,
                entered_at=FIRST, by="sales", due_at=FIRST,
            )
        )  # fmt: skip
        found.append(lead_id)
    _lived(found)
    return found


def _lived(people: list[str]) -> None:
    """Let everybody open a mail before: the first event of a lead moves more than those that follow."""
    events = [
        LeadEvent(f"before-{name}-{lead_id}", name, FIRST - DAY, FIRST - DAY, "system", lead_id=lead_id,
                  properties={"send_id": f"{lead_id}-1-0-before", "track": "before"})
        for name in ("Email Opened",)
        for lead_id in people
    ]  # fmt: skip
    for start in range(0, len(events), 100):
        body = json.dumps(queue_message("system", FIRST - DAY, events[start : start + 100]))
        with logged():
            answer = score({"Records": [{"messageId": f"m{start}", "body": body}]}, Context())
        assert not answer["batchItemFailures"], answer


def _lead(lead_id: str, name: str, profile: Mapping[str, Register]) -> Any:
    from shared.lead import Lead  # noqa: PLC0415

    return Lead(
        lead_id, version=1, profile=profile, first_seen=FIRST - 30 * DAY, days=frozenset(range(20_800, 20_812)),
        identities={f"email#{name}": Naming(lead_id, FIRST - DAY, FIRST - DAY)},
        settled=Settled(at=FIRST - DAY, band="engaged", announced_band="engaged"),
    )  # fmt: skip


def _send(people: list[str], step: int, at: int) -> None:
    with logged():
        for start in range(0, len(people), 10):
            answer = nurture_send(_batch(people[start : start + 10], step, at), Context())
            assert not answer["batchItemFailures"], answer
    _all_at(people, step + 1)


def _all_at(people: list[str], step: int) -> None:
    """Raises AssertionError when somebody was not mailed: then something else was measured."""
    steps = {run.step for lead_id in people if (run := enrollments.get_enrollment(lead_id, TRACK))}
    assert steps == {step}, steps


def _next_turn(people: list[str]) -> int:
    """Return the first Tuesday morning, ten o'clock, at which everybody's next mail is due."""
    due = max(run.due_at or 0 for lead_id in people if (run := enrollments.get_enrollment(lead_id, TRACK)))
    return due + (FIRST - due) % (7 * DAY)


def _batch(people: list[str], step: int, at: int) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "eventSource": "aws:sqs",
                "body": json.dumps({"schema": 1, "lead_id": lead_id, "track": TRACK, "rotation": 1, "step": step,
                                    "as_of": instant_text(at)}),
            }
            for number, lead_id in enumerate(people)
        ]
    }  # fmt: skip


def _ref(lead_id: str) -> SendRef:
    return SendRef(lead_id, TRACK, 1, BEFORE)


def _report(lead_id: str, kind: str) -> dict[str, Any]:
    event = sample("ses_event_send" if kind == "Send" else "ses_event_delivery")
    said = json.loads(event["Records"][0]["Sns"]["Message"])
    if kind in ("Open", "Click"):
        del said["delivery"]
        link = {"link": next(iter(playbooks.current()["mail"]["links"].values())), "linkTags": None}
        said |= {"eventType": kind, kind.lower(): {"ipAddress": "203.0.113.7", "timestamp": instant_text(FIRST),
                 "userAgent": _AGENT, **(link if kind == "Click" else {})}}  # fmt: skip
    said["mail"]["tags"]["send_id"] = [_ref(lead_id).send_id]
    event["Records"][0]["Sns"]["Message"] = json.dumps(said)
    return event


def _request(lead_id: str, purpose: Purpose) -> dict[str, Any]:
    target = "" if purpose == "open" else next(iter(playbooks.current()["mail"]["links"].values()))
    token = mint(Link(purpose, _ref(lead_id).send_id, target), secret_values.signing_secrets())
    event = sample("http_click")
    path = f"/{PATHS[purpose]}/{token}"
    http = {**event["requestContext"]["http"], "path": path}
    event["headers"] = {"user-agent": _AGENT}
    return {**event, "rawPath": path, "pathParameters": {"token": token}, "requestContext": {**event["requestContext"], "http": http}}  # fmt: skip
