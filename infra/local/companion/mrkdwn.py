"""
Slack's mrkdwn as HTML.

Input is text as an application sends it: `&`, `<` and `>` escaped where they are meant literally, links and mentions in
angle brackets. Everything is escaped again on the way out, so a hostile name can at most look odd. A mention such as
`<!channel>` is shown as loudly as Slack would send it: an unescaped name becomes visible here.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

LINK_SCHEMES = ("http://", "https://", "mailto:", "tel:")

EMOJI = {
    "alarm_clock": "⏰",
    "arrow_right": "➡️",
    "bell": "🔔",
    "calendar": "📅",
    "chart_with_upwards_trend": "📈",
    "email": "📧",
    "fire": "🔥",
    "heavy_check_mark": "✔️",
    "heavy_minus_sign": "➖",
    "hourglass": "⌛",
    "hourglass_flowing_sand": "⏳",
    "large_blue_circle": "🔵",
    "large_green_circle": "🟢",
    "large_orange_circle": "🟠",
    "large_red_circle": "🔴",
    "large_yellow_circle": "🟡",
    "moneybag": "💰",
    "no_entry": "⛔",
    "phone": "☎️",
    "red_circle": "🔴",
    "rotating_light": "🚨",
    "star": "⭐",
    "stopwatch": "⏱️",
    "tada": "🎉",
    "telephone_receiver": "📞",
    "warning": "⚠️",
    "wave": "👋",
    "white_check_mark": "✅",
    "x": "❌",
    "zap": "⚡",
}
"""The names an alert is likely to use; any other is shown as it is written."""

PEOPLE = {
    "U0MARIA": "Maria Lindqvist",
    "U0JONAS": "Jonas Weber",
    "U0PRIYA": "Priya Nair",
    "U0HELENA": "Helena Novak",
}
"""Who works here when outputs.json does not say (`slack_users`): the people of the default playbook."""

_BRACKETS = re.compile(r"<([^<>\n]+)>")
_CODE_BLOCK = re.compile(r"```(.+?)```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_EMOJI_NAME = re.compile(r":([a-z0-9_+-]+):")
_KEPT = re.compile("\ue000(\\d+)\ue001")
_STYLES = [
    (re.compile(rf"(?<![\w{mark}]){mark}(?=\S)([^\n{mark}]*?\S){mark}(?![\w{mark}])"), tag)
    for mark, tag in ((r"\*", "strong"), ("_", "em"), ("~", "s"))
]

_DATE_FORMATS = {
    "date_num": "%Y-%m-%d",
    "date": "%B %-d, %Y",
    "date_short": "%b %-d, %Y",
    "date_long": "%A, %B %-d, %Y",
    "date_pretty": "%B %-d, %Y",
    "date_short_pretty": "%b %-d, %Y",
    "date_long_pretty": "%A, %B %-d, %Y",
    "time": "%H:%M UTC",
    "time_secs": "%H:%M:%S UTC",
}


def mrkdwn(text: Any) -> Markup:
    """
    Render a text object of Block Kit, or a bare string as mrkdwn.

    Args:
        text: `{"type": "mrkdwn" | "plain_text", "text": ...}` or a string; anything else renders as nothing.
    """
    if isinstance(text, Mapping):
        return plain_text(text) if text.get("type") == "plain_text" else _rendered(str(text.get("text", "")))
    return _rendered(text) if isinstance(text, str) else Markup()


def plain_text(text: Any) -> Markup:
    """Render a plain text object, or a string: no markup, but line breaks and, unless it says no, emoji names."""
    said = text if isinstance(text, Mapping) else {"text": text or ""}
    shown = escape(_literal(str(said.get("text", ""))))
    return _lines(_emoji(shown) if said.get("emoji", True) else shown)


def _rendered(text: str) -> Markup:
    kept: list[Markup] = []

    def keep(markup: Markup) -> str:
        kept.append(markup)
        return f"\ue000{len(kept) - 1}\ue001"

    text = re.sub("[\ue000\ue001]", "", text)
    text = _CODE_BLOCK.sub(lambda match: keep(Markup("<pre>{}</pre>").format(_literal(match[1].strip("\n")))), text)
    text = _CODE.sub(lambda match: keep(Markup("<code>{}</code>").format(_literal(match[1]))), text)
    text = _BRACKETS.sub(lambda match: keep(_bracketed(match[1])), text)
    styled = _quoted(str(escape(_literal(text))))
    for pattern, tag in _STYLES:
        styled = pattern.sub(rf"<{tag}>\1</{tag}>", styled)
    markup = _lines(_emoji(Markup(styled)))  # noqa: S704 - escaped above; only our own tags were added since
    for _ in range(2):  # a link's label may hold code
        markup = Markup(_KEPT.sub(lambda match: str(kept[int(match[1])]), str(markup)))  # noqa: S704 - pieces are Markup
    return markup


def _bracketed(inner: str) -> Markup:
    """Render what stands between angle brackets: a link, a mention or a date."""
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        return _mention(label or PEOPLE.get(target[1:], target[1:]), mark="@")
    if target.startswith("#"):
        return _mention(label or target[1:], mark="#")
    if target.startswith("!date^"):
        return escape(_date(target, fallback=label))
    if target.startswith("!"):
        return _mention(label.removeprefix("@") or target[1:].partition("^")[0], mark="@", loud=True)
    if _literal(target).lower().startswith(LINK_SCHEMES):
        return Markup('<a href="{}" target="_blank" rel="noreferrer">{}</a>').format(
            _literal(target), _literal(label) or _literal(target).removeprefix("mailto:").removeprefix("tel:")
        )
    return escape(_literal(f"<{inner}>"))


def _mention(name: str, *, mark: str, loud: bool = False) -> Markup:
    return Markup('<span class="mention{}">{}{}</span>').format(" loud" if loud else "", mark, _literal(name))


def _date(target: str, *, fallback: str) -> str:
    """Format `!date^<seconds>^<pattern>[^<link>]` in UTC; Slack uses the reader's own zone."""
    _, seconds, pattern, *_ = [*target.split("^"), "", ""]
    if not re.fullmatch(r"\d{1,11}", seconds):
        return _literal(fallback)
    moment = datetime.fromtimestamp(int(seconds), UTC)
    return re.sub(
        r"\{(\w+)\}",
        lambda token: moment.strftime(_DATE_FORMATS[token[1]]) if token[1] in _DATE_FORMATS else token[0],
        pattern,
    )


def _literal(text: str) -> str:
    """Undo the three escapes an application makes, and no others."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _quoted(text: str) -> str:
    return re.sub(r"(?m)^&gt; ?(.*)$", r'<span class="quote">\1</span>', text)


def _emoji(text: Markup) -> Markup:
    return Markup(_EMOJI_NAME.sub(lambda match: EMOJI.get(match[1], match[0]), str(text)))  # noqa: S704 - only adds signs


def _lines(text: Markup) -> Markup:
    return Markup(str(text).replace("\n", "<br>"))  # noqa: S704 - escaped by the caller
