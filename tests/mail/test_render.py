"""Templates: strict, escaped, bounded; fields that could carry a stranger's link are not printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.render import LONGEST_FIELD, TemplateError, names_used, one_line, presentable, render

PAYLOADS = (
    "<script>alert(1)</script>", "{{ 7 | times: 7 }}", "{% for i in (1..999999999) %}x{% endfor %}", "{{ sender_name }}",
    '"><img src=x onerror=alert(1)>', "' onmouseover='x", "</title><script>", "&lt;b&gt;", "{%raw%}{{x}}{%endraw%}",
    "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{''.__class__.__mro__}}", "{{ links.guide }}", "]]><![CDATA[", "\u202egnp.exe",
)  # fmt: skip


def template(body: str, subject: str = "Hello", text: str = "text") -> dict[str, str]:
    return {"subject": subject, "preheader": "before", "html": body, "text": text}


def test_a_missing_field_without_a_fallback_is_an_error():
    with pytest.raises(TemplateError, match="company"):
        render(template("<p>{{ company }}</p>"), {})
    assert render(template("<p>{{ company | default: 'you' }}</p>"), {}).html == "<p>you</p>"
    assert render(template("{% if company %}{{ company }}{% else %}you{% endif %}"), {}).html == "you"


@pytest.mark.parametrize(
    "body",
    [
        "{{ x | shout }}",
        "{% include 'x' %}",
        "{% render 'x' %}",
        "{{ 'a' | safe }}",
        "{% if %}",
        "{{ 'now' | date: '%s' }}",
    ],
)
def test_what_the_dialect_does_not_have_is_an_error(body):
    with pytest.raises(TemplateError):
        render(template(body), {})


@pytest.mark.parametrize(
    "body",
    ["{% for i in (1..2000) %}x{% endfor %}", "{% for i in (1..900) %}{{ big }}{% endfor %}"],
)
def test_a_template_that_wants_too_much_is_stopped(body):
    with pytest.raises(TemplateError):
        render(template(body), {"big": "x" * 1000})


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_a_field_says_is_text_and_never_a_template_or_markup(payload):
    rendered = render(
        template('<p title="{{ company }}">{{ company }}</p>', text="{{ company }}"), {"company": payload}
    )
    inside = rendered.html.removeprefix('<p title="').removesuffix("</p>")
    assert not set(inside.replace('">', "", 1)) & set("<>\"'")
    assert rendered.text == payload


def test_a_subject_is_one_line():
    rendered = render(template("x", subject="Hi {{ company }}"), {"company": "a\r\nBcc: eve@example.com"})
    assert rendered.subject == "Hi a Bcc: eve@example.com"


def test_a_mail_without_a_subject_is_an_error():
    with pytest.raises(TemplateError, match="subject"):
        render(template("x", subject=" {{ company | default: '' }} "), {})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Ada", "Ada"),
        ("  Åsa   Öberg\t", "Åsa Öberg"),
        ("Smith & Sons, Inc.", "Smith & Sons, Inc."),
        ("A.B. Volvo", "A.B. Volvo"),
        ("O'Hara", "O'Hara"),
        ("a\r\nBcc: x", "a Bcc: x"),
        ("x" * LONGEST_FIELD, "x" * LONGEST_FIELD),
        ("x" * (LONGEST_FIELD + 1), None),
        ("", None),
        (" \x00 ", None),
        (None, None),
        (7, None),
        ({"a": 1}, None),
        ("see https://evil.example", None),
        ("you won: evil.com/x", None),
        ("www.evil", None),
        ("вход: злой.рф", None),
        ("例え.テスト", None),
        ("evil。com", None),
        ("evil．com", None),
        ("EVIL.COM", None),
        ("mail me@evil", None),
    ],
)
def test_only_what_reads_like_a_name_is_printed(value, shown):
    assert presentable(value) == shown


@given(st.text(max_size=80))
def test_a_printed_value_has_no_line_and_no_control_character(value):
    shown = presentable(value)
    assert shown is None or (shown.isprintable() and len(shown.splitlines()) == 1)


@given(st.text())
def test_one_line_is_one_line(text):
    assert len(one_line(text).splitlines()) <= 1


def test_the_names_a_template_uses_are_known():
    assert names_used("{% if a %}{{ b.c | default: d }}{% endif %}{% assign e = 1 %}{{ e }}") == {"a", "b", "d"}
