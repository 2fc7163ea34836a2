"""A lead in a track whose steps are a text message, a task and a webhook: what the tests of those channels start from."""

import json
import os
from pathlib import Path
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends

from shared.aws import addresses
from shared.identity import number_hash
from shared.instants import DAY
from shared.mailing import Enrollment
from shared.playbook import MAILS
from shared.playbook_mails import read_mails
from tests.conftest import IDENTITY_SECRET, REGION
from tests.nurture_world import LEAD_ID, NOW, a_lead, a_run, forget, use_playbook

PHONE = "+46 70-123 45 67"
NUMBER = "+46701234567"
NUMBER_HASH = number_hash(NUMBER, IDENTITY_SECRET)
CONTENTS = {"sms": "decision-3-sms", "task": "call-task", "webhook": "decision-3-sms", "mail": "awareness-1"}
WEBHOOKS = {"ads": {"url": "https://hooks.example.com/ripen", "sends": ["email", "company"], "secrets": [2, 1]}}


def put_in_force(
    tmp_path: Path, monkeypatch: Any, *channels: str, templates: dict[str, Any] | None = None, **mail: Any
) -> None:
    """Put a playbook in force whose track `decision` has a step of each channel, one at once and one a day later."""
    steps = [
        {"delay_seconds": number * DAY, "channel": channel, "choices": [{"content": CONTENTS[channel]}]}
        | ({"to": "ads"} if channel == "webhook" else {})
        for number, channel in enumerate(channels)
    ]
    tracks = {"decision": {"label": "Decision", "bands": [], "cool_down_seconds": 90 * DAY, "steps": steps}}
    document = use_playbook(tmp_path, monkeypatch, tracks, webhooks=WEBHOOKS, **mail)
    document["templates"] |= {**read_mails(MAILS), **(templates or {})}
    Path(os.environ["PLAYBOOK_PATH"]).write_text(json.dumps(document), encoding="utf-8")
    forget()


def a_person(lead_id: str = LEAD_ID, phone: str | None = PHONE, first_name: str = "Ada", **said: Any) -> Any:
    fields = {"first_name": first_name, "company": "Nordwind Logistics", **({"phone": phone} if phone else {})}
    return a_lead(lead_id, proven=fields, **said)


def on_decision(**said: Any) -> Enrollment:
    return a_run("decision", **said)


def texting_allowed(name: str = NUMBER_HASH) -> None:
    addresses.record_consent(name, proven_at=NOW - 1000, opted_in_at=NOW - 1000)


def texts() -> list[tuple[str, str]]:
    """Every text message AWS took: number and words."""
    return list(sns_backends[DEFAULT_ACCOUNT_ID][REGION].sms_messages.values())
