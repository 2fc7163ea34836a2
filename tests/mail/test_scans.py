"""Every mail of every playbook that comes with Ripen, its links read as judging reads them, and followed as scanners do."""

import re

import pytest

from functions.engagement.judging import links_used
from shared import links
from shared.engagement import FOOTER, Touch
from shared.lead import Lead
from shared.mail.letter import Office, nurture_letter
from shared.mailing import SendRef
from shared.playbook import FOLDER, compile_playbook
from shared.rules.engagement import Mail, judged, mail_bots
from tests.conftest import SIGNING_SECRET

REF = SendRef("a" * 16, "awareness", 1, 0)
OFFICE = Office("https://ripen.example", SIGNING_SECRET, "hello@ripen.example", "mail", "test")
PRESETS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def followed(words: str) -> list[tuple[str, str]]:
    """The links of a mail as (path, where it leads), in the order they stand in it."""
    found = re.findall(r"https://ripen\.example/([cu])/([A-Za-z0-9_-]+)", words)
    return list(dict.fromkeys((path, links.target_said(token)) for path, token in found))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_links_of_every_mail_are_known_and_a_scan_of_them_is_a_machine_s(preset):
    playbook = compile_playbook(FOLDER / f"{preset}.yaml")
    lead = Lead(REF.lead_id)
    seen = 0
    for content, words in sorted(playbook["templates"].items()):
        if "html" not in words or content == "confirm":
            continue
        letter = nurture_letter(lead, REF, content, address="1.abc", playbook=playbook, office=OFFICE, owner=None)
        places = followed(letter.rendered.html + letter.rendered.text)
        known = links_used(playbook, content)
        assert [path for path, _ in places].count("u") == 1, content
        assert {target for path, target in places if path == "c"} == {
            page for page, name in known.names.items() if name in known.used
        }, content
        assert known.used, content
        for pace in (0, 1, 5, 20, 50):
            scan = [
                Touch(str(number), "page", number * pace, FOOTER, agent="chrome")
                if path == "u"
                else Touch(str(number), "click", number * pace, known.names[target], agent="chrome")
                for number, (path, target) in enumerate(places)
            ]
            verdicts = judged(scan, mail_bots(playbook), Mail(known.used))
            assert {each.verdict for each in verdicts} == {"machine"}, (content, pace)
        seen += 1
    assert seen > 3 or not playbook["tracks"]
