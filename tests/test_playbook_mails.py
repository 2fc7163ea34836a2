"""The mails we ship, and what is refused when a playbook is compiled."""

import re
import shutil

import pytest

from shared.mail.render import TemplateError, render
from shared.playbook import MAILS
from shared.playbook_mails import check_mails, read_mails
from tests.nurture_world import LINKS

BODY = """subject: A subject
preheader: A preheader
why: Because.
--- html ---
<p>{html}</p>
--- text ---
{text}
"""


@pytest.fixture(scope="module")
def shipped():
    return read_mails(MAILS)


@pytest.fixture
def folder(tmp_path):
    for layout in MAILS.glob("_layout.*"):
        shutil.copy(layout, tmp_path)
    shutil.copy(MAILS / "confirm.liquid", tmp_path)

    def write(html="Hello", text="Hello", **changed):
        said = BODY.format(html=html, text=text)
        for old, new in changed.items():
            said = said.replace(old, new)
        (tmp_path / "one.liquid").write_text(said, encoding="utf-8")
        return tmp_path

    return write


def test_the_shipped_mails_can_be_sent(shipped):
    assert check_mails(shipped, LINKS) == []
    assert set(shipped) == {
        "awareness-1", "awareness-2", "awareness-3", "awareness-4", "decision-1", "decision-2", "decision-3", "confirm",
    }  # fmt: skip


def test_a_link_that_the_playbook_does_not_name_is_told_by_its_key(shipped):
    problems = check_mails(shipped, LINKS.keys() - {"demo"})
    assert "decision-3: mail.links.demo is missing; add it, as in demo: https://www.example.com/demo" in problems


def test_every_mail_of_the_default_tracks_is_shipped(shipped, playbook):
    planned = {step["content"] for track in playbook["tracks"].values() for step in track["steps"]}
    assert planned <= set(shipped)


@pytest.mark.parametrize("known", [{}, {"first_name": "Åsa", "company": "Smith & Sons", "industry": "Logistics",
                                        "title": "Head of Operations", "owner_name": "Maria Lindqvist"}])  # fmt: skip
def test_both_parts_say_the_same_links_and_the_way_out(shipped, known):
    fields = {
        "sender_name": "Ripen", "postal_address": "Street 1, Town", "unsubscribe_url": "https://r.example/u/t",
        "open_url": "https://r.example/o/t", "confirm_url": "https://r.example/y/t", "links": LINKS, **known,
    }  # fmt: skip
    for content, mail in shipped.items():
        rendered = render(mail, fields if content != "confirm" else {**fields, "open_url": None} | {"links": {}})
        in_html = set(re.findall(r'href="([^"]+)"', rendered.html))
        in_text = set(re.findall(r"https://\S+", rendered.text))
        assert in_html == in_text, content
        assert "https://r.example/u/t" in in_text
        for part in (rendered.html, rendered.text):
            assert "Street 1, Town" in part
            assert "[[" not in part
            assert "{{" not in part
        assert rendered.html.count("<h1") == 0
        assert '<html lang="en">' in rendered.html
        assert max(len(line) for line in rendered.text.splitlines()) < 110, content


def test_the_confirmation_prints_nothing_anybody_said(shipped):
    from shared.playbook_mails import _FULL  # noqa: PLC0415 - the words it must not print

    sent = render(shipped["confirm"], {
        "sender_name": "Ripen", "postal_address": "Street", "unsubscribe_url": "https://u", "confirm_url": "https://y",
    } | {name: value for name, value in _FULL.items() if name != "owner_name"})  # fmt: skip
    for value in _FULL.values():
        assert value not in sent.html + sent.text + sent.subject


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("{{ company }}", "company"),
        ("{{ compnay | default: 'x' }}", "compnay is no field"),
        ("{{ links.nowhere }}", "nowhere"),
        ('<a href="https://elsewhere.example">x</a>', "written out"),
        ('<a href="mailto:x@example.com">x</a>', "written out"),
        ("{% if company %}", "end of file|endif|unexpected|expected"),
        ("{{ email }}", "email is no field"),
        ("{{ confirm_url }}", "confirm_url is no field"),
    ],
)
def test_a_mail_that_would_fail_in_an_inbox_fails_the_build(folder, html, problem):
    (found, *_) = check_mails(read_mails(folder(html=html)), LINKS)
    assert found.startswith("one: ")
    assert re.search(problem, found, re.IGNORECASE), found


def test_a_link_of_the_playbook_that_is_missing_fails_the_build(shipped):
    without = {name: url for name, url in LINKS.items() if name != "pricing"}
    assert [problem.split(":")[0] for problem in check_mails(shipped, without)] == ["decision-2"]


def test_a_playbook_without_a_confirmation_mail_is_refused(shipped):
    mails = {content: mail for content, mail in shipped.items() if content != "confirm"}
    assert "confirm: this mail is missing" in check_mails(mails, LINKS)[0]


@pytest.mark.parametrize("changed", [{"--- html ---\n": ""}, {"--- text ---\n": ""}, {"why: Because.\n": ""},
                                     {"why: Because.": "why: Because.\nfrom: me"}])  # fmt: skip
def test_a_file_that_is_no_mail_is_named(folder, changed):
    with pytest.raises(TemplateError, match=r"one\.liquid"):
        read_mails(folder(**changed))


def test_a_button_is_a_button_and_a_line_with_the_address(folder):
    button = "[[button {{ links.guide }} | Read the guide]]"
    mail = read_mails(folder(html=button, text=button))["one"]
    assert 'href="{{ links.guide }}"' in mail["html"]
    assert "Read the guide: {{ links.guide }}" in mail["text"]
