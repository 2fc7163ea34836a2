"""What the patterns of fit rules and exclusions see of a profile."""

from dataclasses import replace

import pytest

from shared.lead import Lead, Register
from shared.rules.model import Exclusion, FitRule, KnownList, ScoringModel
from shared.rules.patterns import matches
from shared.rules.profile import profile_values

LISTS = (
    KnownList("competitors", "mail_domain", frozenset({"rival.example"})),
    KnownList("partners", "company", frozenset({"acme ab", "42"})),
    KnownList("roles", "mailbox", frozenset({"info", "sales"})),
)
EMPTY = ScoringModel(
    name="",
    bundle="",
    filed="",
    by_event={},
    engagement=(),
    fit=(),
    groups={},
    inactivity=(),
    activity=frozenset(),
    profile={},
    bands=(),
    hysteresis=0,
    grades=(),
    levels=(),
    refused=frozenset(),
    mql={},
    priority={},
    lists=LISTS,
)


def asking(**where) -> ScoringModel:
    """A playbook with one fit rule."""
    return replace(EMPTY, fit=(FitRule("fit", "Fit", where, 1000),))


def lead(**said) -> Lead:
    return Lead("l", profile={name: Register(value, 1, "e", proven=True) for name, value in said.items()})


EVERYTHING = asking(
    seniority=[{"exists": True}],
    department=[{"exists": True}],
    mail_domain=[{"exists": True}],
    mailbox=[{"exists": True}],
    lists=["roles"],
)


def test_a_title_and_an_address_say_more_than_they_spell():
    values = profile_values(lead(title="VP Marketing", email="Info+Fair@Rival.Example", company="Acme AB"), EVERYTHING)
    assert values == {
        "title": "VP Marketing",
        "email": "Info+Fair@Rival.Example",
        "company": "Acme AB",
        "seniority": "vp",
        "department": "marketing",
        "mail_domain": "rival.example",
        "mailbox": "info",
        "lists": ["competitors", "partners", "roles"],
    }


def test_what_cannot_be_told_is_missing():
    assert profile_values(lead(title="Ruler of the universe"), EVERYTHING) == {
        "title": "Ruler of the universe",
        "lists": [],
    }
    assert profile_values(lead(), EVERYTHING) == {"lists": []}
    assert "seniority" not in profile_values(lead(title=7), EVERYTHING)


def test_what_a_client_said_wins_over_what_is_derived():
    said = lead(
        title="VP Marketing", seniority="director", department="sales", email="a@b.example", mail_domain="x.example"
    )
    values = profile_values(said, EVERYTHING)
    assert (values["seniority"], values["department"], values["mail_domain"]) == ("director", "sales", "x.example")


@pytest.mark.parametrize(
    ("company", "found"), [("ACME ab", ["partners"]), (42, ["partners"]), ("Acme", []), (True, []), ("", [])]
)
def test_a_list_holds_exact_values_whatever_their_case_and_type(company, found):
    assert profile_values(lead(company=company), asking(lists=["partners"]))["lists"] == found


def test_a_field_of_several_values_is_in_a_list_by_any_of_them():
    assert profile_values(lead(company=["Other", "ACME AB"]), asking(lists=["partners"]))["lists"] == ["partners"]
    assert profile_values(lead(company=["Other"]), asking(lists=["partners"]))["lists"] == []


@pytest.mark.parametrize(
    ("email", "mailbox", "domain"),
    [
        ("a+b+c@d.example", "a", "d.example"),
        ('"a@b"@d.example', '"a@b"', "d.example"),
        ("a@d.example.", "a", "d.example"),
    ],
)
def test_an_address_is_cut_at_its_last_at_sign(email, mailbox, domain):
    values = profile_values(lead(email=email), EVERYTHING)
    assert (values["mailbox"], values["mail_domain"]) == (mailbox, domain)


def test_patterns_match_derived_values():
    values = profile_values(lead(email="sales@rival.example"), EVERYTHING)
    assert matches({"lists": ["competitors"]}, values)
    assert matches({"lists": [{"anything-but": ["partners"]}]}, values)
    assert matches({"mailbox": ["sales"], "mail_domain": [{"suffix": ".example"}]}, values)
    assert not matches({"lists": ["partners"]}, values)
    assert not matches({"seniority": ["vp"]}, values)


def test_only_what_a_pattern_asks_for_is_derived():
    someone = lead(title="VP Marketing", email="info@rival.example")
    plain = {"title": "VP Marketing", "email": "info@rival.example"}
    assert profile_values(someone, EMPTY) == plain
    assert profile_values(someone, asking(title=["CEO"])) == plain
    assert profile_values(someone, asking(seniority=["vp"])) == {**plain, "seniority": "vp"}


def test_alternatives_exclusions_and_the_fields_of_lists_are_asked_for_too():
    nested = {"$or": [{"title": ["CEO"]}, {"$or": [{"department": ["it"]}, {"country": ["SE"]}]}]}
    assert asking(**nested).derived == {"department"}
    excluding = replace(EMPTY, exclusions=(Exclusion("x", "X", {"lists": ["roles"]}),))
    assert excluding.derived == {"lists", "mailbox", "mail_domain"}
    assert EMPTY.derived == frozenset()
