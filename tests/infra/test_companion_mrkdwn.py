"""Slack's mrkdwn becomes the HTML a rep would see, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.companion.mrkdwn import mrkdwn, plain_text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("*bold* _italic_ ~gone~ `code`", "<strong>bold</strong> <em>italic</em> <s>gone</s> <code>code</code>"),
        ("*bold _both_*", "<strong>bold <em>both</em></strong>"),
        ("snake_case_name 2*3*4 a * b *", "snake_case_name 2*3*4 a * b *"),
        ("`*not bold*`", "<code>*not bold*</code>"),
        ("```a\n*b*```", "<pre>a\n*b*</pre>"),
        ("one\ntwo", "one<br>two"),
        ("> said\nnot", '<span class="quote">said</span><br>not'),
        ("&gt; said", '<span class="quote">said</span>'),
        ("A &amp; B &lt;Ltd&gt;", "A &amp; B &lt;Ltd&gt;"),
        ("<https://x.example/a?b=1&amp;c=2|Open *it*>", ">Open *it*</a>"),
        ("<https://x.example/a?b=1&amp;c=2|Open>", 'href="https://x.example/a?b=1&amp;c=2"'),
        ("<mailto:a@x.example|a@x.example>", 'href="mailto:a@x.example"'),
        ("<javascript:alert(1)|Open>", "&lt;javascript:alert(1)|Open&gt;"),
        (
            "<@U0MARIA> <@U0NOBODY>",
            '<span class="mention">@Maria Lindqvist</span> <span class="mention">@U0NOBODY</span>',
        ),
        ("<!here> <!channel>", '<span class="mention loud">@here</span> <span class="mention loud">@channel</span>'),
        ("<#C0123|sales>", '<span class="mention">#sales</span>'),
        ("<!date^1767610800^{date_short} at {time}|later>", "Jan 5, 2026 at 11:00 UTC"),
        ("<!date^soon^{date}|later>", "later"),
        (":fire: :unknown_sign: 10:30:15", "🔥 :unknown_sign: 10:30:15"),
    ],
)
def test_mrkdwn_is_shown_as_slack_shows_it(source: str, shown: str) -> None:
    assert shown in str(mrkdwn(source))


def test_plain_text_has_no_markup_but_emoji_names() -> None:
    assert str(plain_text({"type": "plain_text", "text": ":fire: *a* <!here>"})) == "🔥 *a* &lt;!here&gt;"
    assert str(plain_text({"type": "plain_text", "text": "&lt;b&gt; :fire:", "emoji": False})) == "&lt;b&gt; :fire:"
    assert str(mrkdwn({"type": "plain_text", "text": "*a*"})) == "*a*"
    assert str(mrkdwn(None)) == ""


@given(st.text(alphabet="<>&\"'`*_~|!@#:\\/ \nax^{}\ue000\ue0010", max_size=40))
def test_no_text_opens_a_tag_of_its_own(source: str) -> None:
    shown = str(mrkdwn(source))
    for tag in ("<strong>", "<em>", "<s>", "<code>", "<pre>", "<br>", '<span class="quote">', '<span class="mention'):
        shown = shown.replace(tag, "")
    assert "<a" not in shown.replace('<a href="', "")
    assert not [piece for piece in shown.split("<")[1:] if not piece.startswith(("/", "a href="))]
