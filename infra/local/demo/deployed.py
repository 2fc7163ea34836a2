"""
The deployed stage as the demo meets it: its API, its inbox, its Slack, and its clock, which the demo moves by hand.

Everything is asked from outside. Only to know when all work is done does it look into the emulator.
"""

import json
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import requests

from infra.local import aws_calls
from infra.local.emulator import CREDENTIAL, WAITING_FILE
from infra.local.errors import LocalError
from infra.local.outputs import Outputs
from shared import table
from shared.instants import instant_text, parse_instant

TIMEOUT = 30.0
"""Seconds one request may take; a cold function on a busy machine is included."""

READERS = 2
"""Leads read at a time."""

QUIET = 0.3
"""Seconds without an AWS call or a running invocation after which it is worth asking whether everything is done."""

BANDS = ("sales_ready", "engaged", "early")
PAGE = 200
"""Most leads the API lists."""

Json = dict[str, Any]


class Deployed:
    """One deployed local stage. Numbers of the API are read as decimals, so that sums are exact."""

    def __init__(self, outputs: Outputs, folder: Path) -> None:
        self.outputs = outputs
        self.folder = folder
        self._session = requests.Session()
        self._session.headers["authorization"] = f"Bearer {outputs.admin_key}"

    # the read API

    def lead(self, lead_id: str, as_of: int) -> Json:
        return self._read("GET", f"/v1/leads/{lead_id}", as_of=as_of)

    def look_up(self, email: str, as_of: int) -> Json:
        return self._read("POST", "/v1/leads/lookup", as_of=as_of, json={"email": email})

    def is_known(self, email: str) -> bool:
        """Tell whether there is a lead of that address."""
        answer = self._session.post(f"{self.outputs.api_url}/v1/leads/lookup", json={"email": email}, timeout=TIMEOUT)
        if answer.status_code not in (requests.codes.ok, requests.codes.not_found):
            raise LocalError(f"POST lookup answered {answer.status_code}: {answer.text[:200]}")
        return bool(answer.status_code == requests.codes.ok)

    def ranking(self, as_of: int, *, limit: int, band: str | None = None) -> list[Json]:
        """Return the best leads, the best first."""
        query = {"limit": str(limit)} | ({} if band is None else {"band": band})
        return list(self._read("GET", "/v1/leads", as_of=as_of, query=query)["leads"])

    def scores(self, as_of: int) -> dict[str, Json]:
        """Return the whole score of every lead by its id: from the lists, and one by one what the lists leave out."""
        found = {
            lead["lead_id"]: lead["score"] for band in BANDS for lead in self.ranking(as_of, limit=PAGE, band=band)
        }
        with ThreadPoolExecutor(READERS) as readers:
            rest = [lead_id for lead_id in self.lead_ids() if lead_id not in found]
            for lead in readers.map(lambda lead_id: self.lead(lead_id, as_of), rest):
                found[lead["lead_id"]] = {name: lead["score"][name] for name in ("total", "fit", "engagement", "lines")}
        return found

    def history(self, lead_id: str) -> list[Json]:
        return list(self._read("GET", f"/v1/leads/{lead_id}/history")["changes"])

    def _read(
        self, method: str, path: str, *, as_of: int | None = None, query: dict[str, str] | None = None, json: Any = None
    ) -> Json:
        params = (query or {}) | ({} if as_of is None else {"as_of": instant_text(as_of)})
        answer = self._session.request(
            method, f"{self.outputs.api_url}{path}", params=params, json=json, timeout=TIMEOUT
        )
        if answer.status_code != requests.codes.ok:
            raise LocalError(f"{method} {path.split('/')[2]} answered {answer.status_code}: {answer.text[:200]}")
        return dict(answer.json(parse_float=Decimal, parse_int=Decimal))

    def nurture_report(self, since: int, until: int) -> Json:
        return self._read("GET", "/v1/reports/nurture", query={"from": instant_text(since), "to": instant_text(until)})

    # what people see

    def mails(self) -> list[Json]:
        """Return every mail received, in order."""
        return list(self._session.get(f"{self.outputs.inbox_url}.json", timeout=TIMEOUT).json())

    def slack(self) -> list[Json]:
        """Return every Slack message, in order; answers have a `thread_ts`."""
        return list(self._session.get(f"{self.outputs.slack_url}.json", timeout=TIMEOUT).json()["messages"])

    def fill(self, message: Json, action: str, *, user: str, **values: str) -> None:
        """Press a button that opens a dialog, and send the dialog with these values, as that person."""
        view = self.press(message, action, user=user)["view"]
        if view is None:
            raise LocalError(f"pressing {action!r} in Slack opened no dialog")
        asked = {"view_id": view["id"], "user": user, "values": values}
        answer = self._session.post(f"{self.outputs.slack_url}/submit", json=asked, timeout=TIMEOUT)
        said = answer.json()
        if answer.status_code != requests.codes.ok or said["status"] != requests.codes.ok or said["view"] is not None:
            raise LocalError(f"the dialog of {action!r} was answered with {said}")

    def press(self, message: Json, action: str, *, user: str, value: str = "") -> Json:
        """Press a button of a message, as that person. Returns what came of it."""
        answer = self._session.post(
            f"{self.outputs.slack_url}/press",
            json={
                "channel": message["channel"],
                "ts": message["ts"],
                "action_id": action,
                "user": user,
                "value": value,
            },
            timeout=TIMEOUT,
        )
        said = answer.json()
        if answer.status_code != requests.codes.ok or said["status"] != requests.codes.ok:
            raise LocalError(f"pressing {action!r} in Slack was answered with {said}")
        return dict(said)

    # the clock

    def sweep(self, function: str, at: int) -> None:
        """Run a scheduled function as its schedule would at that instant."""
        tick = {
            "version": "0",
            "id": f"demo-{function}-{at}",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": instant_text(at),
            "region": self.outputs.aws_region,
            "resources": [f"arn:aws:events:{self.outputs.aws_region}:000000000000:rule/{function}"],
            "detail": {},
        }
        answer = self._aws("lambda").invoke(
            FunctionName=self.outputs.functions[function], Payload=json.dumps(tick).encode()
        )
        if "FunctionError" in answer:
            raise LocalError(f"{function} failed at {instant_text(at)}: {answer['Payload'].read().decode()[:300]}")

    def next_due(self, kind: str) -> int | None:
        """Return the earliest instant at which something of that kind is due."""
        found = [item[table.DUE_AT]["S"] for item in self._first_of_each_shard(kind)]
        return min(map(parse_instant, found), default=None)

    # when everything is done

    def settle_down(self, what: str, *, seconds: float) -> None:
        """
        Return when nothing waits and nothing runs any more.

        Raises:
            LocalError: that did not happen in time, or work was set aside; the message names where to look.
        """
        end = time.monotonic() + seconds
        quiet_since, seen, waiting = time.monotonic(), -1, {"invocations": 1}
        while waiting:
            now, calls = time.monotonic(), aws_calls.mark(self.folder)
            if now > end:
                raise LocalError(f"{what} was not done within {seconds:.0f} s; still there: {waiting}")
            if calls != seen or self._invocations():
                quiet_since, seen = now, calls
            elif now - quiet_since >= QUIET:
                quiet_since, waiting = now, self._waiting()
            time.sleep(0.05)
        if aside := self.set_aside():
            raise LocalError(f"{what}: work failed and was set aside: {aside}; see {self.folder / 'emulator.log'}")

    def _invocations(self) -> int:
        """Return how many invocations by events wait or run."""
        return int((self.folder / WAITING_FILE).read_text(encoding="utf-8"))

    def _waiting(self) -> dict[str, int]:
        held = {
            "events": self._depth(self.outputs.events_queue_url),
            "notices": self._depth(self.outputs.notices_queue_url),
            "resettle": self._depth(self.outputs.resettle_queue_url),
            "settle": self._depth(self.outputs.settle_queue_url),
            "sends": self._depth(self.outputs.sends_queue_url),
            "engagement": self._depth(self.outputs.engagement_queue_url),
            "invocations": self._invocations(),
        }
        waiting = {name: count for name, count in held.items() if count}
        if not waiting and any(True for _ in self._first_of_each_shard(table.OUTBOX)):
            return {"changes": 1}
        return waiting

    def set_aside(self) -> dict[str, int]:
        """Return how much failed for good, by the function or queue that set it aside."""
        held = {name: self._depth(url) for name, url in self.outputs.failure_queues.items()}
        return {name: count for name, count in held.items() if count}

    def _depth(self, queue_url: str) -> int:
        names = ("", "NotVisible", "Delayed")
        held = self._aws("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
        return sum(int(held.get(f"ApproximateNumberOfMessages{name}", 0)) for name in names)

    # looking into the table

    def lead_ids(self) -> list[str]:
        """Return the id of every lead: each stands once in the rank index."""
        dynamodb = self._aws("dynamodb")
        ids: list[str] = []
        for band in BANDS:
            for shard in range(table.DUE_SHARDS):
                pages = dynamodb.get_paginator("query").paginate(
                    TableName=self.outputs.table_name,
                    IndexName=table.RANK_INDEX,
                    KeyConditionExpression="#key = :key",
                    ExpressionAttributeNames={"#key": table.RANK_KEY},
                    ExpressionAttributeValues={":key": {"S": table.rank_key(band, shard)}},
                )
                ids += [table.lead_id_of(item[table.PK]["S"]) for page in pages for item in page["Items"]]
        return ids

    def event_ids(self) -> set[str]:
        """Return the id of every event that a timeline holds."""
        return {event["event_id"] for event in self.events()}

    def events(self) -> list[Json]:
        """Return every event that a timeline holds, and every copy of it."""
        return [
            event
            for item in self._items(table.EVENTS_PREFIX)
            for held in item["events"].values()
            for event in json.loads(_readable(held))
        ]

    def changes(self, kind: str) -> list[Json]:
        """Return what every change of that kind says."""
        items = self._items(table.CHANGE_PREFIX)
        return [json.loads(item["detail"]["S"]) for item in items if item["detail_type"]["S"] == kind]

    def _items(self, prefix: str) -> list[Json]:
        pages = self._aws("dynamodb").get_paginator("scan").paginate(TableName=self.outputs.table_name)
        return [item for page in pages for item in page["Items"] if item[table.SK]["S"].startswith(prefix)]

    def held(self, marks: Sequence[str]) -> Counter[str]:
        """Return how many items of the table name one of these, by the kind of item."""
        pages = self._aws("dynamodb").get_paginator("scan").paginate(TableName=self.outputs.table_name)
        return Counter(
            item[table.SK]["S"].partition("#")[0]
            for page in pages
            for item in page["Items"]
            if any(mark in json.dumps(item, default=_readable) for mark in marks)
        )

    def _first_of_each_shard(self, kind: str) -> Sequence[Json]:
        found: list[Json] = []
        for shard in range(table.DUE_SHARDS):
            found += self._aws("dynamodb").query(
                TableName=self.outputs.table_name,
                IndexName=table.DUE_INDEX,
                KeyConditionExpression="#key = :key",
                ExpressionAttributeNames={"#key": table.DUE_KEY},
                ExpressionAttributeValues={":key": {"S": table.due_key(kind, shard)}},
                Limit=1,
            )["Items"]
        return found

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {name: self._client(name) for name in ("dynamodb", "lambda", "sqs")}

    def _client(self, service: str) -> Any:
        make: Callable[..., Any] = boto3.client
        return make(
            service,
            endpoint_url=self.outputs.aws_endpoint_url,
            region_name=self.outputs.aws_region,
            aws_access_key_id=CREDENTIAL,
            aws_secret_access_key=CREDENTIAL,
        )

    def _aws(self, service: str) -> Any:
        return self._clients[service]


def _readable(held: object) -> str:
    """Return what an attribute holds as text: what we store as bytes is compressed."""
    return zlib.decompress(held).decode() if isinstance(held, bytes) else str(held)
