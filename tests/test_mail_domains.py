"""The lists a playbook can name: what is in them, and what they cost the bundle."""

import json
import zlib

import pytest

from shared.mail_domains import NAMES, UnknownListError, known_list


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("free_mail", ["gmail.com", "outlook.com", "gmx.de", "hotmail.se", "proton.me", "qq.com"], ["ibm.com", "mailinator.com"]),
        ("disposable", ["mailinator.com", "yopmail.com", "guerrillamail.com", "10minutemail.com"], ["gmail.com", "ibm.com"]),
        ("role_address", ["info", "sales", "postmaster", "noreply", "kontakt", "hr"], ["maria", "info+x", ""]),
    ],
)  # fmt: skip
def test_a_list_knows_the_usual_ones(name: str, inside: list[str], outside: list[str]):
    assert set(inside) <= known_list(name)
    assert known_list(name).isdisjoint(outside)


@pytest.mark.parametrize("name", NAMES)
def test_values_are_as_they_are_compared(name: str):
    assert all(value == value.strip().lower() and value.isascii() and "@" not in value for value in known_list(name))
    assert all(("." in value) == (name != "role_address") for value in known_list(name))


def test_a_domain_is_in_one_list_at_most():
    assert known_list("free_mail").isdisjoint(known_list("disposable"))


def test_hosts_of_dynamic_dns_are_left_out_and_registered_ones_are_not():
    assert not any(domain.endswith(".dynv6.net") for domain in known_list("disposable"))
    assert any(domain.endswith(".co.uk") for domain in known_list("disposable"))


def test_all_lists_cost_a_bundle_less_than_75_kb():
    written = json.dumps([sorted(known_list(name)) for name in NAMES], separators=(",", ":"))
    assert len(zlib.compress(written.encode())) < 75_000


def test_another_name_is_refused_with_the_names_there_are():
    with pytest.raises(UnknownListError, match="disposable, free_mail, role_address"):
        known_list("competitors")
