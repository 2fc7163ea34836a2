"""A lead in a track, its address, and the mails that went out: what the tests around nurturing start from."""

import json
import re
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from functions.engagement import judging
from functions.nurture_send import sending, trying
from functions.nurture_send.handler import handler as nurture_send
from shared import table
from shared.aws import addresses, clients, enrollments, playbooks
from shared.aws.leads import load
from shared.bundle import playbook_document
from shared.identity import EMAIL, address_hash, home
from shared.instants import DAY, HOUR, instant_text, parse_instant
from shared.lead import Lead, Naming, Register, Settled
from shared.mailing import Enrollment, SendRef
from tests.conftest import IDENTITY_SECRET, REGION, Aws, Context
from tests.lead_items import save

EMAIL_ADDRESS = "ada@example.com"
LEAD_ID = home(EMAIL, EMAIL_ADDRESS, IDENTITY_SECRET)
ADDRESS = address_hash(EMAIL_ADDRESS, IDENTITY_SECRET)
NOW = parse_instant("2026-11-18T10:00:00Z")
"""A Wednesday, eleven in the morning in Stockholm."""

LINKS = {
    name: f"https://www.example.com/{name}"
    for name in (
        "answers", "build_or_buy", "calculator", "checklist", "compare", "connect", "data_check", "demo", "first_month",
        "guide", "handover", "library", "offer", "one_page", "pricing", "recording", "renewals", "reporting", "review",
        "scorecard", "security", "small_repairs", "stay", "stories", "technical", "trial", "webinar", "work_map",
        "worksheet",
    )
}  # fmt: skip


def _track(label: str, bands: list[str], cool_down: int, *delays: int) -> dict[str, Any]:
    name = label.lower()
    steps = [
        {"delay_seconds": delay, "channel": "mail", "choices": [{"content": f"{name}-{number}"}]}
        for number, delay in enumerate(delays, start=1)
    ]
    return {"label": label, "bands": bands, "cool_down_seconds": cool_down, "steps": steps}


TRACKS = {
    "awareness": _track("Awareness", ["early"], 180 * DAY, 0, 7 * DAY, 14 * DAY, 21 * DAY),
    "decision": _track("Decision", ["engaged", "sales_ready"], 90 * DAY, HOUR, 4 * DAY, 5 * DAY),
}
"""As compiled: what the tests count on, whatever becomes of the default playbook's tracks."""


def use_playbook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracks: dict[str, Any] | None = None, **mail: Any
) -> dict[str, Any]:
    """Put the default playbook in force with the test's tracks and links, and with other values of its `mail` part."""
    document = json.loads(json.dumps(playbook_document()))
    document["tracks"] = TRACKS if tracks is None else tracks
    document["mail"] = {**document["mail"], "links": LINKS, **mail}
    path = tmp_path / "playbook.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.setenv("PLAYBOOK_PATH", str(path))
    forget()
    return document


def forget() -> None:
    """Drop what functions keep of the playbook."""
    playbook_document.cache_clear()
    playbooks.forget()
    sending._rules.cache_clear()
    trying.arms_out.cache_clear()
    judging._policy_of.cache_clear()
    judging._links.cache_clear()


def a_lead(
    lead_id: str = LEAD_ID,
    *,
    email: str | None = EMAIL_ADDRESS,
    email_proven: bool = True,
    band: str = "early",
    stage: str = "lead",
    unproven: dict[str, Any] | None = None,
    proven: dict[str, Any] | None = None,
    **said: Any,
) -> Lead:
    """A lead settled in a band; of its fields `email`, first name and company are proven unless said otherwise."""
    fields = {"first_name": "Ada", "company": "Nordwind Logistics"} if proven is None else proven
    if email is not None:
        fields = {**fields, "email": email, "address": address_hash(email, IDENTITY_SECRET)}
    profile = {
        name: Register(value, NOW, "k1", proven=email_proven or name not in ("email", "address"))
        for name, value in fields.items()
    }
    profile |= {name: Register(value, NOW, "k1", proven=False) for name, value in (unproven or {}).items()}
    known = Lead(
        lead_id=lead_id,
        version=1,
        identities={f"email#{ADDRESS}": Naming(lead_id, NOW, NOW)} if email else {},
        profile=profile,
        first_seen=NOW,
        settled=Settled(at=NOW, band=band, announced_band=band, stage=stage),
    )
    return replace(known, **said)


def keep(*leads: Lead) -> None:
    """Write leads over whatever is there, counting their versions up."""
    for each in leads:
        held = load([each.lead_id])[each.lead_id]
        seen = 0 if held is None else held.version
        save([replace(each, version=seen + 1)], {each.lead_id: seen})


def a_run(track: str = "awareness", *, due_at: int | None = NOW, **said: Any) -> Enrollment:
    run = Enrollment(
        lead_id=LEAD_ID,
        track=track,
        rotation=1,
        status="active",
        step=0,
        playbook=playbook_document()["bundle"],
        cause="c1",
        cause_lead=LEAD_ID,
        cause_version=1,
        entered_at=NOW,
        due_at=due_at,
    )
    return replace(run, **said)


def consenting(name: str = ADDRESS, at: int = NOW - 1000) -> None:
    addresses.record_consent(name, proven_at=at, opted_in_at=at)


def enrolled(*, lead: Lead | None = None, run: Enrollment | None = None, consent: bool = True) -> None:
    """Keep a lead with a run that is due, and an address that may be mailed."""
    keep(a_lead() if lead is None else lead)
    enrollments.save(a_run() if run is None else run)
    if consent:
        consenting()


def run_of(track: str = "awareness", lead_id: str = LEAD_ID) -> Enrollment:
    found = enrollments.get_enrollment(lead_id, track)
    assert found is not None
    return found


def order(*, track: str = "awareness", step: int = 0, rotation: int = 1, at: int = NOW, lead_id: str = LEAD_ID) -> dict[str, Any]:  # fmt: skip
    """The message that asks for one planned mail."""
    return {
        "schema": 1,
        "lead_id": lead_id,
        "track": track,
        "rotation": rotation,
        "step": step,
        "as_of": instant_text(at),
    }


def confirm_order(at: int = NOW, lead_id: str = LEAD_ID) -> dict[str, Any]:
    return {"schema": 1, "lead_id": lead_id, "confirm": True, "as_of": instant_text(at)}


def batch(*messages: dict[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"m{number}", "body": json.dumps(message), "eventSource": "aws:sqs"}
            for number, message in enumerate(messages)
        ]
    }


def deliver(context: Context, *messages: dict[str, Any]) -> None:
    """Hand the messages to nurture_send; none of them may fail."""
    assert nurture_send(batch(*messages), context) == {"batchItemFailures": []}


def mails() -> list[EmailMessage]:
    """Every mail SES took, parsed."""
    sent = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
    return [_parsed(message.raw_data) for message in sent]


def _parsed(raw: Any) -> EmailMessage:
    data = raw.encode("ascii") if isinstance(raw, str) else raw
    parsed = message_from_bytes(data, policy=policy.SMTP)
    assert isinstance(parsed, EmailMessage)
    return parsed


def send_items(aws: Aws, lead_id: str = LEAD_ID) -> list[dict[str, Any]]:
    return [item for item in aws.items(table.lead_pk(lead_id)) if item[table.SK].startswith(table.SEND_PREFIX)]


def address_item(aws: Aws, name: str = ADDRESS) -> dict[str, Any]:
    (item,) = (each for each in aws.items(table.address_pk(name)) if each[table.SK] == table.ADDRESS_SK)
    return item


def parts(mail: EmailMessage) -> tuple[str, str]:
    """The plain text and the HTML of a mail."""
    text, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    return text, html


def tokens(mail: EmailMessage, path: str) -> set[str]:
    """The tokens of every link of the mail under a path."""
    return set(re.findall(rf"https://ripen\.example/{path}/([A-Za-z0-9_-]+)", "".join(parts(mail))))


def fail_ses(monkeypatch: pytest.MonkeyPatch, code: str | None = None) -> list[int]:
    """Let SES refuse with the code, or not answer at all. Returns a list that grows with every attempt."""
    asked: list[int] = []

    def fail(**_said: Any) -> None:
        asked.append(1)
        if code is None:
            raise ReadTimeoutError(endpoint_url="https://email.example")
        raise clients.ses().exceptions.ClientError({"Error": {"Code": code, "Message": ""}}, "SendRawEmail")

    monkeypatch.setattr(clients.ses(), "send_raw_email", fail)
    return asked


@dataclass(frozen=True)
class Person:
    """One lead of its own for each way to die."""

    number: int

    @property
    def email(self) -> str:
        return f"p{self.number}@example.com"

    @property
    def lead_id(self) -> str:
        return home(EMAIL, self.email, IDENTITY_SECRET)

    @property
    def address(self) -> str:
        return address_hash(self.email, IDENTITY_SECRET)

    @property
    def mails(self) -> int:
        return sum(mail["to"] == self.email for mail in mails())

    @property
    def first(self) -> SendRef:
        """The first mail of the track its run goes through."""
        return SendRef(self.lead_id, "awareness", 1, 0)
