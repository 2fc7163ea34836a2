"""
What a playbook and the intake agree on about HTML forms: how names are compared, and which names are taken.

Plain values, so that neither pays for the other: the playbook's models are never part of a function.
"""

import re

FORM_NAME = r"^[a-z0-9-]{1,64}$"
"""Last part of a form's address."""

IDENTITIES = ("email", "user_id", "anonymous_id")
"""What a field may be mapped to besides the profile and the properties: who it is."""

OWN_PROPERTIES = frozenset({"form", "consent"})
"""Properties the intake fills itself."""

CONTROLS = frozenset({"writekey", "next", "messageid", "timestamp", "startedat", "pageurl", "charset"})
"""Plain names that steer the post. They are no answers of a person, so no playbook gives them another meaning."""

WORDING = 1_000
"""Most characters of what stands beside a box that asks for mail."""

HONEYPOT = "website"
"""A field people never see; whoever fills it is taken for a program. A playbook may name another one."""


def plain_name(field: str) -> str:
    """Return a field's name as it is compared: `first-name`, `First_Name` and `firstname` are one."""
    return re.sub(r"[\s_-]", "", field).lower()
