"""
What the fields of a form and the columns of a file are called, and how their texts are read.

Shared by the forms of `functions/ingest` and the importer of `cli`, so that a field and a column of one name mean the same.
"""

import re

PROFILE = {
    "name": "name", "fullname": "name",
    "firstname": "first_name", "fname": "first_name", "givenname": "first_name",
    "lastname": "last_name", "lname": "last_name", "surname": "last_name", "familyname": "last_name",
    "company": "company", "companyname": "company", "organization": "company", "organisation": "company",
    "title": "title", "jobtitle": "title", "organizationtitle": "title",
    "industry": "industry",
    "employees": "employees", "companysize": "employees", "employeecount": "employees",
    "country": "country", "countryname": "country",
    "phone": "phone", "phonenumber": "phone", "tel": "phone", "telephone": "phone",
    "timezone": "timezone",
}  # fmt: skip
"""Field name (as of `shared.forms.plain_name`) -> profile field; HTML autocomplete names are here."""

EMAIL = ("email", "emailaddress")

AGREED = frozenset({"true", "yes", "y", "on", "1", "agree", "agreed", "checked"})
DECLINED = frozenset({"false", "no", "n", "off", "0", "decline", "declined", ""})

_NUMBER = re.compile(r"\D{0,3}(\d{1,3}(?:[ .,']\d{3})+|\d+)")
_MAX_DIGITS = 9


def head_count(text: str) -> int | str:
    """Return the number a company size begins with: "1,200" is 1200, "201-500" and "201+" are 201; else the text."""
    found = _NUMBER.match(text)
    digits = re.sub(r"\D", "", found[1]) if found else ""
    return int(digits) if 0 < len(digits) <= _MAX_DIGITS else text
