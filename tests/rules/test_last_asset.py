"""The newest thing of ours that a lead downloaded: kept as a field for mails to print, from servers alone."""

from dataclasses import replace

import pytest

from shared.instants import DAY
from tests.rules.models import START, a_model, did, lead_of

KEPT = a_model(profile={"last_asset": (("last_asset",),)})


def download(title, at=START, **how):
    return did("Asset Downloaded", at, properties={"asset": "a1", "title": title}, **how)


def title_of(*events, model=KEPT):
    lead = lead_of(events, model)
    return lead.value("last_asset"), lead.proven("last_asset")


def test_the_newest_download_stays_in_whatever_order_they_come():
    old, new = download("Old guide"), download("New guide", START + DAY, number=1)
    assert title_of(old, new) == title_of(new, old) == title_of(new, old, new) == ("New guide", True)


def test_a_download_without_a_title_has_its_name_or_changes_nothing():
    named = replace(download("", START + DAY), properties={"name": "The worksheet"})
    assert title_of(download("Old guide"), named) == ("The worksheet", True)
    assert title_of(download("Old guide"), replace(named, properties={"asset": "a2"})) == ("Old guide", True)


@pytest.mark.parametrize(
    "said", [{"source": "public"}, {"source": "system"}, {"name": "Page Viewed"}, {"verdict": "machine"}]
)
def test_what_no_server_said_of_a_download_of_a_person_is_not_kept(said):
    assert title_of(replace(download("Elsewhere"), **said)) == (None, False)


def test_a_title_is_kept_as_a_profile_keeps_its_texts():
    assert title_of(download("  The   guide\n" + "x" * 200)) == ("The guide " + "x" * 110, True)


@pytest.mark.parametrize("title", [7, True, None, ["a"], {"a": 1}, "", "   "])
def test_a_title_that_is_no_text_is_not_kept(title):
    assert title_of(download(title)) == (None, False)


def test_a_server_can_say_it_as_a_trait_and_that_is_what_holds():
    said = replace(download("Of the event"), traits={"last_asset": "Of the trait"})
    assert title_of(said) == ("Of the trait", True)


def test_a_playbook_without_the_field_keeps_nothing():
    assert title_of(download("Guide"), model=a_model()) == (None, False)
