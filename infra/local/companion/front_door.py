"""
The front door: passes a request to the deployed HTTP API and brings its answer back unchanged.

On AWS a custom domain does this. Some SDKs drop the path of their host, so the API needs a bare host and port here too.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import SKIP_HEADER
from werkzeug.wrappers import Request, Response

from infra.local.companion.outputs import NotDeployedError, Outputs
from infra.local.companion.page import problem

MAX_BODY_BYTES = 10 * 1024 * 1024
"""The payload limit of an HTTP API."""

ANSWER_TIMEOUT_SECONDS = 30
"""The integration timeout of an HTTP API."""

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that belong to one connection (RFC 9110, 7.6.1) and end at a proxy."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class UpstreamError(Exception):
    """The API gave no answer: `status` and `code` say how."""

    def __init__(self, *, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class FrontDoor:
    """A pool of kept connections to the emulator, addressed by the id of the deployed API."""

    def __init__(self, *, endpoint: str, outputs: Outputs) -> None:
        self._outputs = outputs
        self._pool = urllib3.connection_from_url(
            endpoint, maxsize=64, timeout=urllib3.Timeout(connect=2, read=ANSWER_TIMEOUT_SECONDS)
        )

    def close(self) -> None:
        self._pool.close()

    def serve(self, request: Request) -> Response:
        """Answer one request of a client with what the API answers."""
        headers = [
            *((name, value) for name, value in request.headers if name.lower() != "x-forwarded-for"),
            ("X-Forwarded-For", _forwarded_for(request)),
            ("X-Forwarded-Proto", "http"),
        ]
        try:
            answer = self.send(
                method=request.method,
                target=request.environ["REQUEST_URI"],
                headers=headers,
                body=request.get_data(cache=False),
            )
        except UpstreamError as error:
            return problem(error.status, error.code, str(error))
        response = Response(answer.body, status=answer.status, headers=list(answer.headers))
        if not any(name.lower() == "content-type" for name, _ in answer.headers):
            del response.headers["Content-Type"]
        return response

    def send(self, *, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
        """
        Send a request to the API.

        Args:
            method: Any HTTP method.
            target: Path and query as they are sent, beginning with a slash.
            headers: Of the client; those of its connection are left out.
            body: As received, compressed or not.

        Raises:
            UpstreamError: No answer (502), none in time (504), or no API is deployed yet (503).
        """
        try:
            api_id = self._outputs.text("api_id")
        except NotDeployedError as error:
            raise UpstreamError(status=503, code="not_deployed", message=str(error)) from error
        try:
            # The pool's own urlopen neither resolves dots in the path nor follows redirects: both are the API's business.
            answer = self._pool.urlopen(
                method,
                f"/_aws/execute-api/{api_id}/$default{target}",
                body=body or None,
                headers=_upstream_headers(headers, has_body=bool(body)),
                retries=False,
                redirect=False,
                decode_content=False,
            )
        except ReadTimeoutError as error:
            raise UpstreamError(
                status=504, code="upstream_timeout", message="The API gave no answer in time"
            ) from error
        except HTTPError as error:
            message = "The emulated AWS does not answer: is it running?"
            raise UpstreamError(status=502, code="upstream_unavailable", message=message) from error
        kept = tuple((name, value) for name, value in answer.headers.iteritems() if name.lower() not in HOP_BY_HOP)
        return Answer(status=answer.status, headers=kept, body=answer.data)


def _upstream_headers(headers: Iterable[tuple[str, str]], *, has_body: bool) -> urllib3.HTTPHeaderDict:
    kept = urllib3.HTTPHeaderDict()
    for name, value in headers:
        if name.lower() not in HOP_BY_HOP | {"host", "content-length"}:
            kept.add(name, value)
    if "user-agent" not in kept:
        kept["User-Agent"] = SKIP_HEADER
    if has_body and kept.get("content-encoding", "").strip().lower() == "gzip":
        # The emulator decodes JSON and text types as UTF-8, which destroys compressed bytes. ingest knows them by
        # their magic number, so they travel as plain bytes, their names beside them.
        kept["X-Forwarded-Content-Encoding"] = kept.pop("content-encoding")
        kept["X-Forwarded-Content-Type"] = kept.pop("content-type", "application/octet-stream")
        kept["Content-Type"] = "application/octet-stream"
    return kept


def _forwarded_for(request: Request) -> str:
    return ", ".join(filter(None, [request.headers.get("X-Forwarded-For"), request.remote_addr]))
