"""The HTTP API without its servers: a WSGI application that hands each request to its function as API Gateway would."""

import base64
import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from werkzeug.wrappers import Request, Response

from functions.erase.handler import handler as erase
from functions.ingest.handler import handler as ingest
from functions.leads.handler import handler as leads
from functions.links.handler import handler as links
from functions.mail_feedback.handler import handler as mail_feedback
from functions.sales.handler import handler as sales
from shared.keys import KeyKind, mint_key
from tests.conftest import SIGNING_SECRET, SLACK_SECRET, Context
from tests.contracts.openapi import routes

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "ingest": ingest, "links": links, "sales": sales, "leads": leads, "erase": erase,
    "mail_feedback": mail_feedback,
}  # fmt: skip
KEYS = {kind: mint_key(kind, "test", SIGNING_SECRET) for kind in get_args(KeyKind)}
TEXTS = ("application/json", "text/", "application/x-www-form-urlencoded")


def _patterns() -> list[tuple[str, re.Pattern[str], str, str]]:
    found = [
        (method, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))), function, f"{method} {path}")
        for function, served in routes().items()
        for method, path in (route.split(" ") for route in served)
    ]
    return sorted(found, key=lambda each: each[3].count("{"))


PATTERNS = _patterns()


def gateway_event(request: Request, route: str, named: Mapping[str, str]) -> dict[str, Any]:
    """Return the request in API Gateway's payload format 2.0: names in lower case, lists joined, the path decoded."""
    path, data = request.path, request.get_data(cache=False)
    is_text = request.headers.get("content-type", "").startswith(TEXTS) and _is_utf8(data)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": request.query_string.decode("latin-1"),
        "headers": {name.lower(): value for name, value in request.headers},
        "requestContext": {
            "routeKey": route,
            "http": {"method": request.method, "path": path, "sourceIp": "203.0.113.7", "userAgent": ""},
        },
        "isBase64Encoded": not is_text,
        "body": data.decode() if is_text else base64.b64encode(data).decode(),
    }
    if request.args:
        event["queryStringParameters"] = {name: ",".join(request.args.getlist(name)) for name in request.args}
    if named:
        event["pathParameters"] = dict(named)
    return event


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class Api:
    """
    Every route of the API over its handlers. An error a handler raises is answered as API Gateway does, and kept.

    With `keyed`, every request bears the key its route asks for, or is signed as it should be.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self.keyed = False
        self.raised: list[Exception] = []
        self.answered: Counter[tuple[str, int]] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.serve(Request(environ))(environ, start_response)

    def serve(self, request: Request) -> Response:
        for method, pattern, function, route in PATTERNS:
            found = pattern.fullmatch(request.path) if method == request.method else None
            if found is not None:
                event = gateway_event(request, route, found.groupdict())
                if self.keyed:
                    self._give_key(function, event)
                answer = self._answered(FUNCTIONS[function], event)
                self.answered[route, answer.status_code] += 1
                return answer
        return Response('{"message":"Not Found"}', 404, content_type="application/json")

    def _give_key(self, function: str, event: dict[str, Any]) -> None:
        path, headers = event["rawPath"], event["headers"]
        if path == "/slack/interactions":
            data = event["body"].encode()
            data = base64.b64decode(data) if event["isBase64Encoded"] else data
            said = f"v0:{self.now}:".encode() + data
            mac = hmac.new(SLACK_SECRET["signing_secret"].encode(), said, hashlib.sha256)
            headers |= {"x-slack-request-timestamp": str(self.now), "x-slack-signature": f"v0={mac.hexdigest()}"}
        elif (
            function in ("leads", "erase", "mail_feedback")
            or path.endswith(("/adjustments", "/verdicts"))
            or "/v1/mail" in path
        ):
            headers["authorization"] = f"Bearer {KEYS['admin']}"
        elif function == "sales":
            headers["authorization"] = f"Bearer {KEYS['sales']}"
        elif path == "/v1/outcomes":
            headers.pop("webhook-signature", None)
            headers["authorization"] = f"Bearer {KEYS['outcomes']}"
        elif function == "ingest":
            kind = "public" if path == "/sourceConfig" else "server"
            headers["authorization"] = "Basic " + base64.b64encode(f"{KEYS[kind]}:".encode()).decode()

    def _answered(self, handler: Callable[..., Any], event: dict[str, Any]) -> Response:
        try:
            said = handler(event, Context())
        except Exception as error:  # noqa: BLE001 - whatever it is, the client sees a 500
            self.raised.append(error)
            return Response('{"message":"Internal Server Error"}', 500, content_type="application/json")
        body = said.get("body", "")
        content = base64.b64decode(body) if said.get("isBase64Encoded") else body.encode()
        response = Response(content, said["statusCode"])
        del response.headers["Content-Type"]
        response.headers.update(said["headers"])
        return response
