"""The mails we ship, and what is refused when a playbook is compiled."""

import re
import shutil

import pytest

from shared.mail.render import OPTIONAL_FIELDS, TemplateError, render
from shared.playbook import DEFAULT, FOLDER, MAILS, compile_playbook
from shared.playbook_mails import HEADINGS, SAMPLE, check_channels, check_mails, read_contents, read_mails
from shared.playbook_problems import PlaybookError
from tests.mail.reading import facts, shown, without_numbering

BODY = """kind: guide
subject: A subject
preheader: A preheader
why: Because.
--- html ---
<p>{html}</p>
--- text ---
{text}
"""
PRESETS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
ALWAYS = {
    "sender_name": "Ripen", "postal_address": "Street 1, Town", "unsubscribe_url": "https://r.example/u/t",
    "open_url": "https://r.example/o/t", "decoy_url": "https://r.example/d/t",
}  # fmt: skip
KNOWN = [{}, dict(SAMPLE), *({name: SAMPLE[name]} for name in OPTIONAL_FIELDS)]
LINKS = {
    name: f"https://www.example.com/{name}" for preset in PRESETS
    for name in compile_playbook(FOLDER / f"{preset}.yaml")["mail"].get("links", {})
}  # fmt: skip


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


def fields(content, known=None):
    """What a mail may name, of somebody of whom this is known."""
    if content == "confirm":
        without = {name: value for name, value in ALWAYS.items() if name not in ("open_url", "decoy_url")}
        return {**without, "confirm_url": "https://r.example/y/t"}
    return {**ALWAYS, "links": LINKS, **(known or {})}


def mails_of(contents):
    return {name: mail for name, mail in contents.items() if "html" in mail}


def test_the_shipped_mails_can_be_sent(shipped):
    assert check_mails(shipped, LINKS) == []


def test_a_link_that_the_playbook_does_not_name_is_told_by_its_key(shipped):
    problems = check_mails(shipped, LINKS.keys() - {"demo"})
    assert "decision-3: mail.links.demo is missing; add it, as in demo: https://www.example.com/demo" in problems


@pytest.mark.parametrize("preset", PRESETS)
def test_every_content_says_what_it_is_and_its_channel(preset):
    document = compile_playbook(FOLDER / f"{preset}.yaml")
    assert document["contents"].keys() == document["templates"].keys()
    assert list(check_channels(document["tracks"], document["contents"])) == []


@pytest.mark.parametrize("known", KNOWN, ids=[",".join(known) or "nothing" for known in KNOWN])
def test_both_parts_say_the_same_words_numbers_names_and_links(shipped, known):
    for content, mail in mails_of(shipped).items():
        rendered = render(mail, fields(content, known))
        page = shown(rendered.html)
        assert facts(page.text.lower()) == facts(without_numbering(rendered.text).lower()), content
        assert set(page.links) == set(re.findall(r"https://\S+", rendered.text)), content
        for part in (rendered.html, rendered.text):
            assert "https://r.example/u/t" in part
            assert "Street 1, Town" in part
            assert "[[" not in part
            assert "{{" not in part
            assert "{%" not in part


@pytest.mark.parametrize("known", [{}, dict(SAMPLE)], ids=["nothing", "all"])
def test_a_mail_is_laid_out_for_everybody(shipped, known):
    for content, mail in mails_of(shipped).items():
        html = render(mail, fields(content, known)).html
        page = shown(html)
        assert '<html lang="en"' in html
        assert '<meta name="color-scheme" content="light dark"' in html
        assert "prefers-color-scheme: dark" in html
        assert re.findall(r"<table(?![^>]*role=\"presentation\")[^>]*>", html) == [], content
        assert page.tags.count("h1") == 0
        assert all(image["alt"] == "" for image in page.images)
        assert len(html.encode()) < 40_000, "mail programs cut off what is longer than a hundred kilobytes"


def test_one_button_a_mail_and_outlook_shows_it_too(shipped):
    for content, mail in mails_of(shipped).items():
        cells = re.findall(r'<td[^>]*bgcolor="#0b57d0"[^>]*mso-padding-alt[^>]*>\s*<a href="[^"]+"', mail["html"])
        assert len(cells) == 1, content


def test_the_decoy_is_in_every_mail_of_a_track_and_nobody_meets_it(shipped):
    for content, mail in mails_of(shipped).items():
        rendered = render(mail, fields(content))
        wanted = [] if content == "confirm" else [ALWAYS["decoy_url"]]
        assert shown(rendered.html).hidden_links == wanted, content
        assert ALWAYS["decoy_url"] not in rendered.text
        if content != "confirm":
            tag = re.search(
                r'<div aria-hidden="true"[^>]*display:none[^>]*><a href="([^"]+)" tabindex="-1"', rendered.html
            )
            assert tag is not None
            assert tag[1] == ALWAYS["decoy_url"]


def test_long_lines_that_a_field_made_are_broken(shipped):
    for content, mail in mails_of(shipped).items():
        rendered = render(mail, fields(content, SAMPLE))
        assert [line for line in rendered.text.splitlines() if len(line) > 78 and "://" not in line] == [], content


def test_the_confirmation_prints_nothing_anybody_said(shipped):
    sent = render(shipped["confirm"], {**fields("confirm"), **{n: v for n, v in SAMPLE.items() if n != "owner_name"}})
    for value in SAMPLE.values():
        assert value not in sent.html + sent.text + sent.subject


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("{{ company }}", "company"),
        ("{{ compnay | default: 'x' }}", "compnay is no field"),
        ("{{ links.nowhere }}", "nowhere"),
        ('<a href="https://elsewhere.example">x</a>', "written out"),
        ('<a href="mailto:x@example.com">x</a>', "written out"),
        ("{{ email }}", "email is no field"),
        ("{{ confirm_url }}", "confirm_url is no field"),
    ],
)
def test_a_mail_that_would_fail_in_an_inbox_fails_the_build(folder, html, problem):
    (found, *_) = check_mails(read_mails(folder(html=html)), LINKS)
    assert found.startswith("one: ")
    assert re.search(problem, found, re.IGNORECASE), found


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("{% if company %}", "if"),
        ("{% if company %}</p>[[button {{ links.guide }} | Read]]<p>{% endif %}", "stands for itself"),
        ("<table><tr><td>x</td></tr></table>", "<table> is not shown alike everywhere; use a, br, em, h2"),
        ("<img src={{ links.guide }}>", "<img> is not shown alike"),
        ("<script>x</script>", "<script> is not shown alike"),
        ("<strong>x", "</p> closes what was not opened last"),
        ("x</p><p>y</p>", "</p> closes what was not opened last"),
        ("x</p><ul><li>y</li></ul><p>z</p><ul><li>w</li>", "closes what was not opened last|not closed"),
        ('<strong style="color:red">x</strong>', "<strong style> cannot be said"),
        ('<a href="{{ links.guide }}" onclick="x">x</a>', "<a onclick> cannot be said"),
    ],
)
def test_a_body_that_mail_programs_do_not_show_alike_is_refused(folder, html, problem):
    with pytest.raises(TemplateError, match=rf"one\.liquid: html: .*({problem})"):
        read_mails(folder(html=html))


@pytest.mark.parametrize(
    "html",
    [
        "{% if company %}{{ company }} {{ industry }}{% endif %}",
        "{% if title %}x{% else %}{{ role }}{% endif %}",
        "{{ company | default: industry }}",
    ],
)
def test_a_field_without_a_fallback_behind_another_field_fails_the_build(folder, html):
    (found,) = check_mails(read_mails(folder(html=html)), LINKS)
    assert re.match(r"one: (industry|role) can be missing and has no fallback there; write", found), found


def test_a_link_of_the_playbook_that_is_missing_fails_the_build(shipped):
    told = {problem.split(":")[0] for problem in check_mails(shipped, LINKS.keys() - {"pricing"})}
    assert told == {name for name, mail in shipped.items() if "links.pricing" in mail["text"]}
    assert "decision-2" in told


def test_a_playbook_without_a_confirmation_mail_is_refused(shipped):
    mails = {content: mail for content, mail in shipped.items() if content != "confirm"}
    assert "confirm: this mail is missing" in check_mails(mails, LINKS)[0]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"--- html ---\n<p>Hello</p>\n": ""}, "a mail has a part"),
        ({"--- text ---\n": ""}, "write the headings"),
        ({"why: Because.\n": ""}, "the heading why is missing; needed are kind, preheader, subject, why"),
        ({"kind: guide\n": ""}, "the heading kind is missing"),
        ({"kind: guide": "kind: spam"}, "kind 'spam' is none of article, guide"),
        ({"why: Because.": "why: Because.\nfrom: me"}, "the channel mail has no heading from"),
        ({"why: Because.": "why: Because.\nwhy: Because."}, "the heading why stands twice"),
        ({"why: Because.": "why: Because.\nand so on"}, "'and so on' is no heading"),
        ({"kind: guide": "kind: coupon\nuntil: soon"}, "until 'soon' is no day; write it as in 2026-12-01"),
        ({"kind: guide": "kind: coupon\nuntil: 20261201"}, "is no day"),
        ({"kind: guide": "kind: coupon\nchannel: fax"}, "channel 'fax' is none of mail, sms, task, webhook"),
        ({"kind: guide": "kind: notice\nchannel: task"}, "the channel task has no heading preheader"),
    ],
)
def test_a_file_that_is_no_mail_is_named(folder, changed, problem):
    with pytest.raises(TemplateError, match=rf"one\.liquid: .*{re.escape(problem)}"):
        read_mails(folder(**changed))


def test_what_goes_through_another_channel_has_the_text_alone(tmp_path, folder):
    folder()
    said = {
        "sms": "kind: invitation\nchannel: sms\n--- text ---\nHi {{ first_name | default: 'there' }}: {{ links.demo }}\n",
        "call": "kind: request\nchannel: task\nsubject: Call {{ company | default: 'them' }}\n--- text ---\nAsk.\n",
        "hook": "kind: notice\nchannel: webhook\nuntil: 2026-12-01\n--- text ---\nHello\n",
    }
    for name, text in said.items():
        (tmp_path / f"{name}.liquid").write_text(text, encoding="utf-8")
    contents = read_contents(tmp_path)
    assert contents["sms"].compiled() == {"kind": "invitation", "channel": "sms"}
    assert contents["hook"].compiled() == {"kind": "notice", "channel": "webhook", "until": "2026-12-01"}
    assert contents["one"].compiled() == {"kind": "guide", "channel": "mail"}
    templates = {name: contents[name].template for name in said}
    assert templates["call"].keys() == {"subject", "text"}
    assert check_mails({**templates, "confirm": contents["confirm"].template}, LINKS) == []
    task = render(templates["call"], fields("call", {"company": "Smith & Sons"}))
    assert (task.subject, task.html, task.text) == ("Call Smith & Sons", "", "Ask.")
    assert render(templates["sms"], fields("sms")).text == "Hi there: https://www.example.com/demo"
    (tmp_path / "sms.liquid").write_text(said["sms"].replace(" | default: 'there'", ""), encoding="utf-8")
    assert "first_name can be missing and has no fallback there" in check_mails(read_mails(tmp_path), LINKS)[0]


def test_an_html_part_of_a_text_message_is_refused(folder):
    changed = {"kind: guide\nsubject: A subject\npreheader: A preheader\nwhy: Because.": "kind: notice\nchannel: sms"}
    with pytest.raises(TemplateError, match="other channels have the text alone"):
        read_mails(folder(**changed))


def test_a_step_that_sends_what_is_written_for_another_channel_is_told():
    contents = {"a": {"kind": "guide", "channel": "mail"}, "b": {"kind": "notice", "channel": "sms"}}
    steps = [
        {"channel": "mail", "choices": [{"content": "a"}]},
        {"channel": "mail", "choices": [{"where": {}, "content": "b"}, {"content": "a"}]},
        {"channel": "sms", "choices": [], "test": {"arms": [{"content": "b"}, {"content": "a"}]}},
    ]
    told = list(check_channels({"t": {"steps": steps}}, contents))
    assert [(place, text.split(";")[0]) for place, text in told] == [
        (("tracks", "t", "steps", 1), "b is written for the channel sms"),
        (("tracks", "t", "steps", 2), "a is written for the channel mail"),
    ]


def test_such_a_step_fails_the_build_with_its_line(tmp_path):
    said = DEFAULT.read_text(encoding="utf-8")
    first = "content: awareness-1, "
    assert said.count(first) == 1
    path = tmp_path / "mine.yaml"
    path.write_text(said.replace(first, "content: call-task, "), encoding="utf-8")
    line = next(n for n, text in enumerate(said.splitlines(), start=1) if first in text)
    with pytest.raises(PlaybookError, match=rf"mine\.yaml:{line}: .*call-task is written for the channel task; write"):
        compile_playbook(path)


def test_every_channel_needs_a_kind():
    assert all("kind" in needed for needed in HEADINGS.values())


def test_a_layout_that_is_no_mjml_is_told(folder):
    place = folder()
    (place / "_layout.mjml").write_text("<mjml><mj-body>[[content]]", encoding="utf-8")
    with pytest.raises(TemplateError, match="the layout is not MJML"):
        read_mails(place)


def test_a_button_is_a_button_and_a_line_with_the_address(folder):
    button = "[[button {{ links.guide }} | Read the guide]]"
    mail = read_mails(folder(html=f"Hello</p>{button}<p>Bye", text=button))["one"]
    assert 'href="{{ links.guide }}"' in mail["html"]
    assert "Read the guide: {{ links.guide }}" in mail["text"]
