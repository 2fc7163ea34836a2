"""
The demonstration site: plain pages with the tracker and a form, as a customer's site would have them.

The canonical links name the pages of www.ripen.example, so that the rules of the default playbook match them.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from liquid import Environment, FileSystemLoader
from markupsafe import Markup
from werkzeug.exceptions import NotFound
from werkzeug.routing import Rule
from werkzeug.utils import send_from_directory
from werkzeug.wrappers import Request, Response

from infra.local.companion.outputs import Outputs

FOLDER = Path(__file__).parent / "site"
FILES = ("style.css", "site.js", "files/five-ways-compared.pdf", "files/first-month-checklist.pdf")

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What the tracker asks of a site: its script and its calls, and no inline script."""


@dataclass(frozen=True, slots=True)
class SitePage:
    """A page: its path on the site, the template of its content, and what the menu calls it, "" for not in it."""

    path: str
    template: str
    title: str
    menu: str = ""


SITE_PAGES = (
    SitePage("/", "index", "Call the people who are ready"),
    SitePage("/pricing", "pricing", "Prices", "Prices"),
    SitePage("/guides", "guides", "Guides", "Guides"),
    SitePage("/blog", "blog", "How two teams agreed on a threshold", "Blog"),
    SitePage("/demo", "demo", "Ask for a demo", "Demo"),
    SitePage("/thanks", "thanks", "Thank you"),
)


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(FOLDER, ext=".html"), autoescape=True)


class Site:
    """The pages under /site/, with the public key of the deployed stage in them."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs

    def rules(self) -> list[Rule]:
        return [
            Rule("/site/", methods=["GET"], endpoint=self._page, defaults={"name": ""}),
            Rule("/site/<path:name>", methods=["GET"], endpoint=self._page),
        ]

    def _page(self, request: Request, name: str) -> Response:
        if name in FILES:
            return send_from_directory(FOLDER, name, request.environ)
        found = next((each for each in SITE_PAGES if each.path == f"/{name}"), None)
        if found is None:
            raise NotFound
        values = {"api": request.host_url.rstrip("/"), "public_key": self._outputs.get("public_key") or ""}
        content = Markup(_templates().get_template(found.template).render(**values))  # noqa: S704 - rendered with autoescape
        text = (
            _templates()
            .get_template("layout")
            .render(
                title=found.title,
                path=found.path,
                links=[{"path": each.path, "text": each.menu} for each in SITE_PAGES if each.menu],
                content=content,
                **values,
            )
        )
        return Response(
            text,
            content_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": CONTENT_POLICY, "Cache-Control": "no-store"},
        )
