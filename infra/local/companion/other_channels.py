"""
What leads and other systems got besides mail: text messages, which the emulator keeps, and webhooks, which arrive here.

On the local stage every webhook comes to `/webhooks/<name>` instead of the address that the playbook names.
"""

import json
from collections import deque
from datetime import UTC, datetime
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError
from werkzeug.exceptions import BadRequest, ServiceUnavailable
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from infra.local.companion.page import json_answer, page

NEWEST_KEPT = 1000
SHOWN = 100
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature", "x-ripen-for")
"""Headers of a webhook that are worth a look."""

_MESSAGES = "/_ministack/sns/sms-messages"


class OtherChannels:
    """Pages and JSON over both."""

    def __init__(self, endpoint: str) -> None:
        self._pool = urllib3.connection_from_url(endpoint, timeout=urllib3.Timeout(connect=2, read=10))
        self._webhooks: deque[dict[str, Any]] = deque(maxlen=NEWEST_KEPT)

    def rules(self) -> list[Rule]:
        return [
            Rule("/texts", methods=["GET"], endpoint=self.texts_page),
            Rule("/texts.json", methods=["GET"], endpoint=self.texts_json),
            Rule("/webhooks", methods=["GET"], endpoint=self.webhooks_page),
            Rule("/webhooks.json", methods=["GET"], endpoint=self.webhooks_json),
            Rule("/webhooks.json", methods=["DELETE"], endpoint=self.clear),
            Rule("/webhooks/<name>", methods=["POST"], endpoint=self.take),
        ]

    def close(self) -> None:
        self._pool.close()

    def texts(self) -> list[dict[str, str]]:
        """Return every text message, by number and then in the order sent. Raises ServiceUnavailable."""
        try:
            answer = self._pool.request("GET", _MESSAGES)
            held = json.loads(answer.data)["sms_messages"]
        except (HTTPError, KeyError, ValueError) as error:
            raise ServiceUnavailable("The emulator does not say which text messages there are.") from error
        return [{"to": number, "text": each["Message"]} for number in sorted(held) for each in held[number]]

    def texts_page(self, _request: Request) -> Response:
        return page("texts", title="Texts", section="texts", texts=self.texts())

    def texts_json(self, _request: Request) -> Response:
        return json_answer(self.texts())

    def take(self, request: Request, name: str) -> Response:
        """Keep a webhook, as a receiver does: one that comes again under the same id replaces the one before."""
        try:
            said = json.loads(request.get_data())
        except ValueError as error:
            raise BadRequest("A webhook is JSON.") from error
        webhook = {
            "name": name,
            "received_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "headers": {header: request.headers.get(header, "") for header in SIGNED},
            "body": said,
        }
        kept = [each for each in self._webhooks if each["headers"]["webhook-id"] != webhook["headers"]["webhook-id"]]
        self._webhooks = deque([*kept, webhook], maxlen=NEWEST_KEPT)
        return Response(status=204)

    def webhooks_page(self, _request: Request) -> Response:
        newest = [
            {**each, "text": json.dumps(each["body"], indent=2, ensure_ascii=False)}
            for each in list(self._webhooks)[::-1][:SHOWN]
        ]
        return page("webhooks", title="Webhooks", section="webhooks", webhooks=newest)

    def webhooks_json(self, _request: Request) -> Response:
        return json_answer(list(self._webhooks))

    def clear(self, _request: Request) -> Response:
        self._webhooks.clear()
        return Response(status=204)
