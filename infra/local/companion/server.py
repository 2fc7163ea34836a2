"""The companion as one object: its parts put together, started and stopped."""

import logging
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from infra.local.companion.front_door import MAX_BODY_BYTES, FrontDoor
from infra.local.companion.inbox import Inbox
from infra.local.companion.mailbox import Mailbox
from infra.local.companion.other_channels import OtherChannels
from infra.local.companion.outputs import Outputs
from infra.local.companion.page import PAGES, json_answer, page, problem
from infra.local.companion.ses_events import SendEvents
from infra.local.companion.site import Site
from infra.local.companion.slack import Slack
from infra.local.companion.slack_api import SlackApi
from infra.local.companion.slack_press import SlackPress
from infra.local.companion.workspace import Workspace

HOST = "127.0.0.1"
STOP_CHECK_SECONDS = 0.1


class _LimitedRequest(Request):
    max_content_length = MAX_BODY_BYTES
    max_form_memory_size = MAX_BODY_BYTES


class _QuietHandler(WSGIRequestHandler):
    """Requests are not logged: their paths carry the tokens of mail links."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Companion:
    """Both servers and everything behind them. `start` returns when both listen; `stop` when both are closed."""

    def __init__(self, *, port: int, smtp_port: int, endpoint: str, outputs_path: Path, data_dir: Path) -> None:
        self._outputs = Outputs(outputs_path)
        self._front_door = FrontDoor(endpoint=endpoint, outputs=self._outputs)
        self._send_events = SendEvents(endpoint=endpoint, outputs=self._outputs)
        self.mailbox = Mailbox(data_dir, on_mail=self._send_events.submit)
        self.workspace = Workspace(data_dir / "slack.jsonl")
        api = SlackApi(self.workspace)
        press = SlackPress(workspace=self.workspace, front_door=self._front_door, outputs=self._outputs)
        self._others = OtherChannels(endpoint)
        slack = Slack(workspace=self.workspace, api=api, press=press)
        self._routes = Map(
            [
                Rule("/_companion", methods=["GET"], endpoint=self._index),
                Rule("/_companion/ready", methods=["GET"], endpoint=self._ready),
                Rule("/_companion/style.css", methods=["GET"], endpoint=_style),
                *Inbox(self.mailbox).rules(),
                *self._others.rules(),
                *Site(self._outputs).rules(),
                *api.rules(),
                *slack.rules(),
            ],
            strict_slashes=False,
            merge_slashes=False,
        )
        self._smtp = Controller(self.mailbox, hostname=HOST, port=smtp_port)
        self._http = make_server(HOST, port, self._answer, threaded=True, request_handler=_QuietHandler)
        self.url = press.base_url = f"http://{HOST}:{self._http.server_port}"
        self._thread = Thread(target=self._http.serve_forever, args=(STOP_CHECK_SECONDS,), daemon=True)

    def start(self) -> None:
        """Listen on both ports. Raises `OSError` when the SMTP port is taken."""
        try:
            socket.create_server((HOST, self._smtp.port)).close()  # aiosmtpd would notice a taken port only after 5 s
            self._smtp.start()
        except OSError:
            self._http.server_close()
            raise
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._smtp.stop()
        self._send_events.close()
        self._front_door.close()
        self._others.close()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        request = _LimitedRequest(environ)
        try:
            endpoint, values = self._routes.bind_to_environ(environ).match()
        except NotFound:
            response: Response | HTTPException = self._passed_on(request)
        except HTTPException as error:
            response = error
        else:
            response = _own(request, endpoint, values)
        return response(environ, start_response)

    def _passed_on(self, request: Request) -> Response:
        try:
            return self._front_door.serve(request)
        except HTTPException as error:
            return problem(error.code or 400, error.name.lower().replace(" ", "_"), str(error.description))

    def _index(self, _request: Request) -> Response:
        channels = self.workspace.channels()
        return page(
            "index",
            title="Ripen, running here",
            section="index",
            url=self.url,
            deployed=bool(self._outputs.get("api_id")),
            mails=len(self.mailbox.mails()),
            messages=sum(len(self.workspace.messages(channel)) for channel in channels),
        )

    def _ready(self, _request: Request) -> Response:
        return json_answer({"ready": True, "deployed": bool(self._outputs.get("api_id"))})


def _own(request: Request, endpoint: Callable[..., Response], values: Mapping[str, Any]) -> Response | HTTPException:
    """Answer a request for one of the companion's own paths; a program gets its errors as JSON, a person as a page."""
    try:
        return endpoint(request, **values)
    except HTTPException as error:
        if request.is_json or request.path.endswith(".json"):
            return problem(error.code or 400, error.name.lower().replace(" ", "_"), str(error.description))
        return page("problem", title=error.name, status=error.code or 400, description=error.description)


def _style(_request: Request) -> Response:
    return Response((PAGES / "style.css").read_bytes(), content_type="text/css; charset=utf-8")


def quiet_libraries() -> None:
    """Keep addresses out of the log: the mail server writes every envelope at INFO."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)
