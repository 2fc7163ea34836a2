"""Answers of the companion itself: pages from the templates in pages/, JSON, and problems."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from liquid import Environment, FileSystemLoader
from markupsafe import Markup
from werkzeug.wrappers import Response

from infra.local.companion.mrkdwn import mrkdwn, plain_text

PAGES = Path(__file__).parent / "pages"

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src http: https: data:; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No page of the companion runs a script, whatever a mail or a message brings along."""


@cache
def _templates() -> Environment:
    environment = Environment(loader=FileSystemLoader(PAGES, ext=".html"), autoescape=True)
    environment.add_filter("mrkdwn", mrkdwn)
    environment.add_filter("plain_text", plain_text)
    return environment


def page(name: str, *, title: str, section: str = "", status: int = 200, **data: Any) -> Response:
    """Render pages/<name>.html inside the layout. Every value is escaped unless it is Markup."""
    content = Markup(_templates().get_template(name).render(**data))  # noqa: S704 - rendered with autoescape
    text = _templates().get_template("layout").render(title=title, section=section, content=content)
    return Response(
        text,
        status=status,
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": CONTENT_POLICY, "Cache-Control": "no-store"},
    )


def json_answer(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(body, ensure_ascii=False)
    return Response(text, status=status, content_type="application/json", headers=headers)


def problem(status: int, code: str, message: str) -> Response:
    """Answer in the shape the API uses for bad input."""
    return json_answer({"code": code, "message": message}, status=status)
