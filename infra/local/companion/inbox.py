"""The inbox pages: what every mail looks like to the person who got it, and what it carries to their mail client."""

import re
from datetime import UTC, datetime

from werkzeug.exceptions import NotFound
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from infra.local.companion.mailbox import Mail, Mailbox, mail_json
from infra.local.companion.page import json_answer, page

PAGE_LENGTH = 100

MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src http: https: data:; font-src http: https: data:"
)
"""A mail is shown as a mail client would: images and styles, no scripts, no forms, nothing of ours to reach."""


class Inbox:
    """Pages and JSON over the mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def rules(self) -> list[Rule]:
        return [
            Rule("/inbox", methods=["GET"], endpoint=self.list_page),
            Rule("/inbox.json", methods=["GET"], endpoint=self.list_json),
            Rule("/inbox.json", methods=["DELETE"], endpoint=self.clear),
            Rule("/inbox/<int:number>", methods=["GET"], endpoint=self.mail_page),
            Rule("/inbox/<int:number>/html", methods=["GET"], endpoint=self.mail_html),
            Rule("/inbox/<int:number>/raw", methods=["GET"], endpoint=self.mail_raw),
        ]

    def list_page(self, request: Request) -> Response:
        """Newest first, a hundred a page; `?to=` shows one person's, `?before=` the page of older ones."""
        to = request.args.get("to", "")
        before = request.args.get("before", type=int)
        found = [mail for mail in reversed(self._selected(to)) if before is None or mail.number < before]
        shown = found[:PAGE_LENGTH]
        return page(
            "inbox",
            title="Inbox",
            section="inbox",
            to=to,
            total=len(found),
            mails=[_row(mail) for mail in shown],
            older=shown[-1].number if len(found) > len(shown) else None,
            newer=before is not None,
        )

    def list_json(self, request: Request) -> Response:
        """All mails in the order received; `?to=` filters by envelope recipient, `?after=` by id."""
        after = request.args.get("after", default=0, type=int)
        mails = [mail for mail in self._selected(request.args.get("to", "")) if mail.number > after]
        return json_answer([mail_json(mail, received_at=_received(mail)) for mail in mails])

    def clear(self, _request: Request) -> Response:
        self._mailbox.clear()
        return Response(status=204)

    def mail_page(self, request: Request, number: int) -> Response:
        mail = self._mail(number)
        return page(
            "mail",
            title=mail.content.header("Subject") or "(no subject)",
            section="inbox",
            mail=_row(mail),
            sender=mail.content.header("From"),
            text=mail.content.text,
            has_html=bool(mail.content.html),
            headers=[{"name": name, "value": value} for name, value in mail.content.headers],
            to=request.args.get("to", ""),
        )

    def mail_html(self, _request: Request, number: int) -> Response:
        html = _opening_links_outside(self._mail(number).content.html)
        return Response(
            html,
            content_type="text/html; charset=utf-8",
            headers={
                "Content-Security-Policy": MAIL_POLICY,
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            },
        )

    def mail_raw(self, _request: Request, number: int) -> Response:
        return Response(
            self._mail(number).raw,
            content_type="text/plain; charset=utf-8",
            headers={"X-Content-Type-Options": "nosniff"},
        )

    def _mail(self, number: int) -> Mail:
        mail = self._mailbox.mail(number)
        if mail is None:
            raise NotFound(f"There is no mail {number}: the newest 5,000 are kept.")
        return mail

    def _selected(self, to: str) -> list[Mail]:
        wanted = to.strip().lower()
        mails = self._mailbox.mails()
        if not wanted:
            return mails
        return [mail for mail in mails if wanted in (recipient.lower() for recipient in mail.recipients)]


def _row(mail: Mail) -> dict[str, object]:
    return {
        "number": mail.number,
        "received_at": _received(mail),
        "time": _received(mail)[:16].replace("T", " "),
        "to": ", ".join(mail.recipients),
        "subject": mail.content.header("Subject") or "(no subject)",
        "preview": mail.preview,
    }


def _received(mail: Mail) -> str:
    return datetime.fromtimestamp(mail.received_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _opening_links_outside(html: str) -> str:
    """Make links of a mail open in a tab of their own: the frame that shows it may not follow them."""
    base = '<base target="_blank">'
    changed, count = re.subn(r"<head\b[^>]*>", lambda head: head[0] + base, html, count=1, flags=re.IGNORECASE)
    return changed if count else base + html
