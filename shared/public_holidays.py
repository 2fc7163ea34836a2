"""
Public holidays, read when a playbook is compiled, never in a function.

They come from the package `holidays` (MIT, released monthly, 250 countries with their regions), so they are renewed by
renewing a requirement and publishing the playbook again.
"""

from collections.abc import Iterable
from functools import cache

import holidays

from shared.errors import RipenError


class UnknownPlaceError(RipenError):
    """No country or region has that name; the message says how to write one."""


@cache
def public_holidays(place: str, years: tuple[int, ...]) -> frozenset[str]:
    """
    Return the public holidays of a place as dates, `2026-12-25`.

    Args:
        place: A country by its ISO 3166 code, `SE`, or one with its region, `DE-BY`.
        years: Which years.

    Raises:
        UnknownPlaceError: There is no such country or region.
    """
    country, _, region = place.partition("-")
    regions = holidays.list_supported_countries(include_aliases=True).get(country)
    if regions is None:
        raise UnknownPlaceError(f"no public holidays are known of {country!r}; write a country's two letters, as in SE")
    if region and region not in regions:
        raise UnknownPlaceError(_no_region(country, region, regions))
    known = holidays.country_holidays(country, subdiv=region or None, years=years)
    return frozenset(day.isoformat() for day in known)


def _no_region(country: str, region: str, regions: Iterable[str]) -> str:
    there_are = ", ".join(sorted(regions)) or "none"
    return f"{country} has no region {region!r}; there are: {there_are}"
