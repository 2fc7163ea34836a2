"""
What a rep sees who follows a link of an alert: a small page that says what it would do, and a form that does it.

No scripts, no cookies, nothing from elsewhere. A page that is only looked at changes nothing: mail scanners look too.
"""

import html
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

Answer = dict[str, Any]

_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
    "x-content-type-options": "nosniff",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 10vh auto 0; padding: 0 1rem; overflow-wrap: anywhere; }}
label {{ display: block; margin-top: 1rem; }}
select, textarea, button {{ font: inherit; box-sizing: border-box; }}
select, textarea {{ width: 100%; padding: .5rem; }}
button {{ margin-top: 1.2rem; padding: .7rem 1.4rem; border: 0; border-radius: 6px; background: #0b57d0; color: #fff; }}
:focus-visible {{ outline: 3px solid currentColor; outline-offset: 3px; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{lines}{form}</main>
</body>
</html>
"""


def page(status: HTTPStatus, title: str, *lines: str, form: str = "") -> Answer:
    """Return a page; every text is escaped, `form` is HTML of `form_of`."""
    said = "".join(f"<p>{html.escape(line)}</p>\n" for line in lines if line)
    return {
        "statusCode": status.value,
        "headers": _HEADERS,
        "body": _PAGE.format(title=html.escape(title), lines=said, form=form),
    }


def form_of(button: str, *fields: str) -> str:
    """Return a form that posts to the page's own address."""
    return f'<form method="post">\n{"".join(fields)}<button type="submit">{html.escape(button)}</button>\n</form>\n'


def choice(name: str, label: str, options: Iterable[tuple[str, str]]) -> str:
    listed = "".join(f'<option value="{html.escape(value)}">{html.escape(text)}</option>' for value, text in options)
    return (
        f'<label for="{name}">{html.escape(label)}</label>\n<select id="{name}" name="{name}" required>'
        f'<option value="">Choose</option>{listed}</select>\n'
    )


def long_text(name: str, label: str, most: int) -> str:
    return (
        f'<label for="{name}">{html.escape(label)}</label>\n'
        f'<textarea id="{name}" name="{name}" rows="4" maxlength="{most}"></textarea>\n'
    )
