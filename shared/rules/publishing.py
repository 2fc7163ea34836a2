"""
What a new playbook does to a lead: settled once more by the old one, then by the new one, in silence.

The first step takes what time alone has changed, with its normal effects; so all the second step changes is the new
playbook's doing, and nobody is called or mailed for that.
"""

from collections.abc import Callable

from shared.lead import Lead
from shared.rules.model import ScoringModel
from shared.rules.settling import Settlement, settle

PLAYBOOK = "playbook"
"""The cause that the history names for what a new playbook changed."""


def under_both(
    lead: Lead, old: ScoringModel, new: ScoringModel, as_of: int, refile: Callable[[Lead], Lead]
) -> tuple[Settlement, Settlement]:
    """
    Return the lead settled under the old playbook, and then under the new one.

    Args:
        lead: As it stands, its facts filed by the old playbook.
        old: The playbook it was settled by.
        new: The playbook that takes over.
        as_of: When it takes over.
        refile: Files a lead's facts again from its timeline; called only when the rules match or count otherwise.
    """
    first = settle(lead, old, as_of, fresh=False, own=False, swept=True)
    moved = refile(first.lead) if first.lead.filed not in ("", new.filed) else first.lead
    second = settle(moved, new, as_of, fresh=False, own=False, swept=True, silent=True, cause=PLAYBOOK)
    return first, second
