"""What a letter says of the lead, who signs and gets the answers, and where its links lead."""

import re

import pytest

from shared.links import Link, read
from shared.mail.letter import specimen
from shared.mail.message import build
from tests.mail.letters import OFFICE, OWNER, PLAIN, a_lead, a_playbook, letter

LINKS = {"guide": "https://www.example.com/guide"}
FIELDS = {
    **PLAIN,
    "html": '<p>{{ role | default: "no role" }}, {{ last_asset | default: "nothing yet" }}, '
    '{{ owner_name | default: "us" }}</p><a href="{{ links.guide }}">x</a><a href="{{ unsubscribe_url }}">y</a>'
    '{% if decoy_url %}<a href="{{ decoy_url }}">z</a>{% endif %}{% if open_url %}<img src="{{ open_url }}">{% endif %}',
}
PLAYBOOK = a_playbook({"one": FIELDS}, LINKS)


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ({"role": "finance"}, "finance"),
        ({"department": "legal"}, "legal"),
        ({"role": "finance", "department": "legal"}, "finance"),
        ({"role": "see www.evil.example", "department": "legal"}, "legal"),
        ({}, "no role"),
    ],
)
def test_a_role_is_what_was_said_or_the_department(said, role):
    assert role in letter(a_lead(said), "one", PLAYBOOK).rendered.html


def test_the_last_asset_is_printed_as_a_title():
    said = {"last_asset": "Fleet & route guide"}
    assert "Fleet &amp; route guide" in letter(a_lead(said), "one", PLAYBOOK).rendered.html


def test_answers_go_to_the_owner_if_there_is_one():
    assert letter(a_lead({}), "one", PLAYBOOK).envelope.reply_to == "hello@ripen.example"
    owned = letter(a_lead({}), "one", PLAYBOOK, OWNER)
    assert owned.envelope.reply_to == OWNER.email
    assert b"Reply-To: maria@ripen.example\r\n" in build(owned.rendered, owned.envelope)
    assert "Maria Lindqvist" in owned.rendered.html
    assert "Maria Lindqvist" in letter(a_lead({}), "one", PLAYBOOK, type(OWNER)("Maria Lindqvist", "")).rendered.html


def test_every_link_is_signed_for_what_it_is_and_names_the_mail():
    said = letter(a_lead({}), "one", PLAYBOOK)
    found = dict(re.findall(r"https://ripen\.example/([a-z])/([\w-]+)", said.rendered.html))
    wanted = {"c": ("click", LINKS["guide"]), "u": ("unsubscribe", "b" * 20), "d": ("decoy", ""), "o": ("open", "")}
    assert found.keys() == wanted.keys()
    for path, (purpose, target) in wanted.items():
        link = Link(purpose, "aaaaaaaaaaaaaaaa-1-0-awareness", target)
        assert read(purpose, found[path], OFFICE.signing_secret) == link
        others = {"click", "open", "decoy", "unsubscribe", "confirm"} - {purpose}
        assert all(read(other, found[path], OFFICE.signing_secret) is None for other in others)


def test_a_specimen_has_the_same_words_plain_links_and_nothing_that_is_counted():
    lead = a_lead({"role": "finance", "first_name": "Ada"})
    sent = letter(lead, "one", PLAYBOOK, OWNER).rendered
    seen = specimen(lead, "one", playbook=PLAYBOOK, unsubscribe_url="https://u.example", owner=OWNER)
    assert seen.subject == sent.subject
    assert "finance" in seen.html
    assert f'href="{LINKS["guide"]}"' in seen.html
    assert "ripen.example/" not in seen.html
    assert "<img" not in seen.html
