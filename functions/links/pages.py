"""What people see when they follow a link of a mail: small pages without scripts, cookies or anything from elsewhere."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
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
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 0 auto; padding: 10vh 1rem 2rem; }}
button {{ font: inherit; padding: .7rem 1.4rem; border: 2px solid #0b57d0; border-radius: 6px;
  background: #0b57d0; color: #fff; }}
button.plain {{ background: transparent; border-color: currentColor; color: inherit; }}
button:focus-visible, input:focus-visible {{ outline: 3px solid currentColor; outline-offset: 3px; }}
fieldset {{ border: 0; margin: 1.5rem 0; padding: 0; }}
legend {{ padding: 0; font-weight: 600; }}
.topic {{ display: grid; grid-template-columns: 1.5rem 1fr; gap: 0 .7rem; margin: 1rem 0; }}
.topic input {{ width: 1.5rem; height: 1.5rem; margin: .1rem 0; }}
.topic label {{ font-weight: 600; overflow-wrap: anywhere; }}
.topic span {{ grid-column: 2; overflow-wrap: anywhere; }}
form + form {{ margin-top: 2.5rem; }}
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
_TOPIC = """<div class="topic">
<input type="checkbox" id="topic{number}" name="topic" value="{name}"{checked} aria-describedby="about{number}">
<label for="topic{number}">{label}</label>
<span id="about{number}">{about} {state}</span>
<input type="hidden" name="listed" value="{name}">
</div>
"""
_PREFERENCES = """<form method="post">
<fieldset>
<legend>What we may send you</legend>
{topics}</fieldset>
<button type="submit" name="save" value="topics">Save</button>
</form>
<form method="post">
<button type="submit" name="stop" value="all" class="plain">Stop all mails</button>
</form>
"""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the playbook, and whether who looks at the page gets mails about it."""

    name: str
    label: str
    about: str
    wanted: bool


def page(status: int, title: str, text: str, button: str | None = None) -> Answer:
    """Return a page; with a button, one that posts to its own address."""
    return _whole(status, title, text, "" if button is None else _FORM.format(words=html.escape(button)))


def _whole(status: int, title: str, text: str, form: str) -> Answer:
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


def preferences(topics: Sequence[Topic], *, saved: bool) -> Answer:
    """Return what is sent, topic by topic, to be changed. It works without a script, and names nobody."""
    listed = "".join(
        _TOPIC.format(
            number=number,
            name=html.escape(topic.name),
            checked=" checked" if topic.wanted else "",
            label=html.escape(topic.label),
            about=html.escape(topic.about),
            state="You get these mails." if topic.wanted else "You do not get these mails.",
        )
        for number, topic in enumerate(topics, start=1)
    )
    title = "Saved" if saved else "Your mails from us"
    text = (
        "This is what you get from now on. You can change it at any time with the link in each of our mails."
        if saved
        else "Choose what you want to get, then save. If you want none of it, stop all mails."
    )
    return _whole(200, title, text, _PREFERENCES.format(topics=listed))


def nothing_sent() -> Answer:
    """Return the page of an address that is mailed nothing, whatever its reader chose."""
    text = "We send nothing to this address. Tell us here if it shall stay so whatever happens."
    return page(200, "You get no mails from us", text, "Stop all mails")


def ask_to_confirm() -> Answer:
    return page(200, "Confirm your address", "Press the button to say that you want our mails.", "Yes, send them")


def confirmed() -> Answer:
    return page(200, "Thank you", "Your address is confirmed. Every mail has a link to stop them.")


def stopped_since() -> Answer:
    """Return the answer to a confirmation of a wish that was taken back after it was asked about."""
    text = "You have told us to stop since we sent you this link, and that holds. Nothing has changed."
    return page(410, "This link has expired", text)
