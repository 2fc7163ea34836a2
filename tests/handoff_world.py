"""A lead that qualified, its handoff, and a Slack to talk about it: what the tests around handoffs start from."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from functions.handoff.handler import handler as hand_off
from infra.local.companion.slack_api import SlackApi
from infra.local.companion.workspace import Workspace
from shared import table
from shared.aws import handoffs
from shared.aws.leads import load
from shared.aws.timeline import put_events, timeline_item
from shared.handoff import Handoff
from shared.identity import ANONYMOUS, EMAIL, address_hash, home
from shared.instants import HOUR, MINUTE, parse_instant
from shared.lead import Lead, LeadEvent, Naming, Register, Settled
from tests.conftest import IDENTITY_SECRET, Aws, Context, sample
from tests.lead_items import save

EMAIL_ADDRESS = "anna.svensson@nordwind.example"
LEAD_ID = home(EMAIL, EMAIL_ADDRESS, IDENTITY_SECRET)
ADDRESS = address_hash(EMAIL_ADDRESS, IDENTITY_SECRET)
QUALIFIED_AT = parse_instant("2026-01-05T08:30:00Z")
CHANNEL = "#sales-alerts"


def lead(**said: Any) -> Lead:
    """A lead at its first qualification, a Monday morning in Stockholm."""
    profile = {
        "email": (EMAIL_ADDRESS, True),
        "address": (ADDRESS, True),
        "first_name": ("Anna", True),
        "last_name": ("Svensson", True),
        "title": ("Director of Operations", False),
        "company": ("Nordwind Logistics", True),
    }
    anonymous = home(ANONYMOUS, "a1", IDENTITY_SECRET)
    known = Lead(
        lead_id=LEAD_ID,
        version=1,
        identities={
            f"email#{ADDRESS}": Naming(LEAD_ID, QUALIFIED_AT - HOUR, QUALIFIED_AT),
            "anon#a1": Naming(anonymous, QUALIFIED_AT - HOUR, QUALIFIED_AT),
        },
        profile={name: Register(value, QUALIFIED_AT - HOUR, "k1", proven) for name, (value, proven) in profile.items()},
        first_seen=QUALIFIED_AT - HOUR,
        settled=Settled(at=QUALIFIED_AT, band="sales_ready", stage="mql", qualified=True, qualification=1),
    )
    return replace(known, **said)


def keep(*leads: Lead) -> None:
    """Write leads over whatever is there."""
    for each in leads:
        held = load([each.lead_id])[each.lead_id]
        seen = 0 if held is None else held.version
        save([replace(each, version=seen + 1)], {each.lead_id: seen})


def keep_events(*events: LeadEvent) -> None:
    put_events([timeline_item(LEAD_ID, "m1", "server", QUALIFIED_AT, events)])


def viewed(event_name: str, minutes_before: int, event_id: str = "e1", /, **properties: Any) -> LeadEvent:
    at = QUALIFIED_AT - minutes_before * MINUTE
    return LeadEvent(event_id, event_name, at, at, "server", email=EMAIL_ADDRESS, properties=properties)


def qualified(**detail: Any) -> dict[str, Any]:
    """The sample envelope of LeadQualified, with other details."""
    event = sample("lead_qualified")
    return {**event, "detail": {**event["detail"], **detail}}


def handed_off(context: Context) -> Handoff:
    """Keep the lead, deliver its qualification, and return the handoff."""
    keep(lead())
    hand_off(qualified(), context)
    return current()


def current(number: int = 1) -> Handoff:
    found = handoffs.get_handoff(LEAD_ID, number)
    assert found is not None
    return found


def changes(aws: Aws, detail_type: str | None = None) -> list[dict[str, Any]]:
    """What was announced of the lead, oldest first: the details, each with its detail-type."""
    return [
        {"detail_type": item["detail_type"], **json.loads(item["detail"])}
        for item in aws.items(table.lead_pk(LEAD_ID))
        if item[table.SK].startswith(table.CHANGE_PREFIX) and detail_type in (None, item["detail_type"])
    ]


def envelope(aws: Aws, detail_type: str) -> dict[str, Any]:
    """The newest announced change of that type as the bus delivers it."""
    detail = changes(aws, detail_type)[-1]
    del detail["detail_type"]
    return {**sample("handoff_created"), "detail-type": detail_type, "time": detail["occurred_at"], "detail": detail}


@dataclass
class SlackStand:
    """The stand-in for Slack, served on a free port."""

    url: str
    api: SlackApi
    workspace: Workspace

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [message for channel in self.workspace.channels() for message in self.workspace.messages(channel)]

    @property
    def posts(self) -> list[dict[str, Any]]:
        """Messages in the channel itself, not answers in threads."""
        return [message for message in self.messages if not message.get("thread_ts")]

    @property
    def replies(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if message.get("thread_ts")]

    def fail(self, status: int | str, **said: Any) -> None:
        """Order failures of coming calls."""
        body = json.dumps({"status": status, "seconds": 0, **said}).encode()
        self.api.order_failures(Request.from_values(method="POST", data=body, content_type="application/json"))


@contextmanager
def slack_stand(folder: Path) -> Iterator[SlackStand]:
    workspace = Workspace(folder / "slack.jsonl")
    api = SlackApi(workspace)
    routes = Map(api.rules())

    @Request.application
    def application(request: Request) -> Response:
        try:
            endpoint, values = routes.bind_to_environ(request.environ).match()
            answer: Response = endpoint(request, **values)
        except HTTPException as error:
            return Response(status=error.code or 500)
        return answer

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_QuietHandler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield SlackStand(f"http://127.0.0.1:{server.server_port}/slack-api/", api, workspace)
    finally:
        server.shutdown()
        server.server_close()


class _QuietHandler(WSGIRequestHandler):
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
