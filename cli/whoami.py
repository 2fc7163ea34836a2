"""Who types: what an adjustment, an erasure or a published playbook is signed with when nobody says --by."""

import getpass

from shared.errors import RipenError


class NamelessError(RipenError):
    """The system knows no name of the user, as in a container that runs under a bare number."""


def whoami() -> str:
    """
    Return the login name.

    Raises:
        NamelessError: There is none.
    """
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError) as error:
        raise NamelessError("this user has no login name: say who asks, as in --by maria") from error
