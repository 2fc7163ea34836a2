"""What people see when they follow a link of a mail: small pages without scripts, cookies or anything from elsewhere."""

import base64
import html
from typing import Any

Answer = dict[str, Any]

PIXEL = base64.b64encode(base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")).decode()
"""A transparent GIF of one pixel."""

_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
    "x-content-type-options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 20vh auto 0; padding: 0 1rem; }}
button {{ font: inherit; padding: .7rem 1.4rem; border: 0; border-radius: 6px; background: #0b57d0; color: #fff; }}
button:focus-visible {{ outline: 3px solid currentColor; outline-offset: 3px; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{form}</main>
</body>
</html>
"""
_FORM = '<form method="post"><button type="submit">{words}</button></form>\n'


def page(status: int, title: str, text: str, button: str | None = None) -> Answer:
    """Return a page; with a button, one that posts to its own address."""
    form = "" if button is None else _FORM.format(words=html.escape(button))
    return {
        "statusCode": status,
        "headers": {
            **_HEADERS,
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": (
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
            ),
        },
        "body": _PAGE.format(title=html.escape(title), text=html.escape(text), form=form),
    }


def redirect(target: str) -> Answer:
    return {"statusCode": 302, "headers": {**_HEADERS, "location": target}, "body": ""}


def pixel() -> Answer:
    return {
        "statusCode": 200,
        "headers": {**_HEADERS, "content-type": "image/gif"},
        "isBase64Encoded": True,
        "body": PIXEL,
    }


def not_ours() -> Answer:
    """Return the answer to a token that is not one of ours, or is for another purpose."""
    return page(404, "This link does not work", "It may have been cut off. Please copy the whole link from the mail.")


def ask_to_stop() -> Answer:
    return page(200, "Unsubscribe?", "You will get no more of these mails at this address.", "Unsubscribe")


def stopped() -> Answer:
    return page(200, "You are unsubscribed", "We will not send you any more of these mails.")


def ask_to_confirm() -> Answer:
    return page(200, "Confirm your address", "Press the button to say that you want our mails.", "Yes, send them")


def confirmed() -> Answer:
    return page(200, "Thank you", "Your address is confirmed. Every mail has a link to stop them.")
