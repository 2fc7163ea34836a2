"""What a nurture mail may cost: units of each part, which depend on no machine, and the sum of it in dollars."""

import pytest

from tests.benchmarks.mailing import AGAIN, GOAL, Part, parts

MOST_UNITS = {
    "the sweep": (1.0, 1.1),
    "claim, send, settle": (12.2, 3.2),
    "SES's word: Send": (0.0, 1.0),
    "SES's word: Delivery": (1.0, 1.0),
    "open: noted": (0.2, 0.2),
    "open: judged": (0.2, 0.2),
    "open: scored": (0.45, 0.25),
    "click: noted": (0.04, 0.04),
    "click: judged": (0.04, 0.04),
    "click: scored": (0.1, 0.05),
}
"""Write and read units of a mail."""


@pytest.fixture(scope="module")
def found() -> dict[str, Part]:
    return {part.name: part for part in parts()}


@pytest.mark.parametrize("name", MOST_UNITS)
def test_a_part_of_a_mails_way_spends_no_more_units_than_it_did(found, name):
    part, (writes, reads) = found[name], MOST_UNITS[name]
    assert part.units.write_units / part.mails <= writes
    assert part.units.read_units / part.mails <= reads


def test_a_mail_costs_less_than_fifteen_percent_beyond_what_ses_takes(found):
    """CPU is a tenth of it, so that a busy machine does not decide."""
    way = {name: part.dollars for name, part in found.items() if not name.startswith(AGAIN)}
    print({name: round(dollars, 2) for name, dollars in way.items()}, round(sum(way.values()), 2))
    assert sum(way.values()) <= GOAL
