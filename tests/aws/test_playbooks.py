"""Which playbook is in force, and how a process comes to know of another one."""

import random

import pytest

from shared import table
from shared.aws import playbooks
from shared.aws.playbooks import PublishedMeanwhileError, UnknownPlaybookError
from shared.bundle import playbook_document
from shared.errors import UnwritableError
from shared.instants import parse_instant
from tests.conftest import Aws
from tests.crashes import calls_counted

AT = parse_instant("2026-11-18T10:00:00Z")


def other(number=1):
    return {**playbook_document(), "name": "other", "bundle": f"other-{number}"}


def published(compiled, *, seen=None):
    playbooks.put(compiled, by="maria", at=AT)
    playbooks.move(compiled["bundle"], seen=seen, by="maria", at=AT)


@pytest.fixture
def clock(monkeypatch):
    """The wall clock, as the test says."""
    now = [float(AT)]
    monkeypatch.setattr("shared.aws.playbooks.time.time", lambda: now[0])
    return now


def test_a_stage_without_a_playbook_goes_by_the_packaged_one(aws: Aws):
    assert playbooks.current() == playbook_document()
    assert playbooks.pointer() is None


def test_the_first_playbook_of_a_stage_is_the_packaged_one(aws: Aws):
    playbooks.seed()
    bundle = playbook_document()["bundle"]
    assert playbooks.pointer() == playbooks.Pointer(bundle, "deployment")
    assert [item["name"] for item in aws.items(table.playbook_pk(bundle))] == [playbook_document()["name"]]


def test_a_deployment_changes_the_playbook_of_no_stage_that_has_one(aws: Aws):
    published(other())
    playbooks.forget()
    before = aws.items()
    playbooks.seed()
    assert playbooks.current() == other()
    assert aws.items() == before


def test_of_two_processes_that_seed_one_wins_and_both_go_by_it(aws: Aws, monkeypatch: pytest.MonkeyPatch):
    put = playbooks.put

    def another_is_faster(compiled, *, by, at=None):
        monkeypatch.setattr(playbooks, "put", put)
        published(other())
        put(compiled, by=by, at=at)

    monkeypatch.setattr(playbooks, "put", another_is_faster)
    playbooks.seed()
    assert playbooks.current() == other()


def test_seeding_again_asks_nothing(aws: Aws):
    playbooks.seed()
    with calls_counted() as made:
        playbooks.seed()
    assert made == []


def test_a_published_playbook_is_in_force_after_ten_seconds(aws: Aws, clock):
    playbooks.seed()
    published(other(), seen=playbook_document()["bundle"])
    clock[0] += 9
    with calls_counted() as made:
        assert playbooks.current() == playbook_document()
    assert made == []
    clock[0] += 1
    assert playbooks.current() == other()


def test_a_clock_that_was_set_back_hides_no_playbook(aws: Aws, clock):
    playbooks.seed()
    published(other(), seen=playbook_document()["bundle"])
    clock[0] -= 3600
    assert playbooks.current() == other()


def test_whoever_must_know_sees_it_at_once(aws: Aws, clock):
    playbooks.seed()
    published(other(), seen=playbook_document()["bundle"])
    playbooks.refresh()
    assert playbooks.current() == other()


def test_the_pointer_is_read_every_ten_seconds_and_a_document_once(aws: Aws, clock):
    published(other())
    with calls_counted() as made:
        for _ in range(100):
            playbooks.current()
            clock[0] += 1
    assert made == ["GetItem"] * 11  # ten looks at the pointer, one at the document


def test_an_old_playbook_is_found_by_its_name(aws: Aws):
    published(other(1))
    published(other(2), seen="other-1")
    assert playbooks.document("other-1") == other(1)
    assert playbooks.document(playbook_document()["bundle"]) == playbook_document()
    assert playbooks.pointer() == playbooks.Pointer("other-2", "maria", "other-1", AT)


def test_a_process_keeps_four_documents(aws: Aws):
    for number in range(5):
        playbooks.put(other(number), by="maria", at=AT)
    with calls_counted() as made:
        for number in (*range(5), 4, 3, 2, 1, 0):
            assert playbooks.document(f"other-{number}") == other(number)
    assert made == ["GetItem"] * 6


def test_a_playbook_nobody_knows_is_an_error(aws: Aws):
    with pytest.raises(UnknownPlaybookError, match="other-1"):
        playbooks.document("other-1")


def test_the_command_line_has_no_packaged_playbook_and_says_so(aws: Aws, tmp_path, monkeypatch: pytest.MonkeyPatch):
    playbook_document.cache_clear()
    monkeypatch.setenv("PLAYBOOK_PATH", str(tmp_path / "none.json"))
    with pytest.raises(UnknownPlaybookError, match="no playbook is in force yet"):
        playbooks.current()
    with pytest.raises(UnknownPlaybookError, match="other-1"):
        playbooks.document("other-1")


def test_a_playbook_is_written_once(aws: Aws):
    playbooks.put(other(), by="maria", at=AT)
    before = aws.items()
    playbooks.put(other(), by="jonas", at=AT + 60)
    assert aws.items() == before


def test_of_two_people_who_publish_at_once_one_is_told(aws: Aws):
    published(other(1))
    for number in (2, 3):
        playbooks.put(other(number), by="jonas", at=AT)
    playbooks.move("other-2", seen="other-1", by="maria", at=AT)
    with pytest.raises(PublishedMeanwhileError):
        playbooks.move("other-3", seen="other-1", by="jonas", at=AT)
    with pytest.raises(PublishedMeanwhileError):
        playbooks.move("other-3", seen=None, by="jonas", at=AT)
    current = playbooks.pointer()
    assert current is not None
    assert (current.bundle, current.by) == ("other-2", "maria")


def test_a_playbook_that_fits_no_item_is_refused(aws: Aws):
    noise = random.Random(1)
    large = other() | {"templates": {str(n): str(noise.random()) for n in range(40_000)}}
    with pytest.raises(UnwritableError, match="shorten lists and mails"):
        playbooks.put(large, by="maria", at=AT)
    assert aws.items() == []


def test_the_default_playbook_is_far_from_the_limit(aws: Aws):
    playbooks.seed()
    (item,) = aws.items(table.playbook_pk(playbook_document()["bundle"]))
    assert len(item["document"]) < playbooks.LARGEST / 3
