"""The scoring part of the playbook in force, and of the ones that leads were settled by before."""

from functools import lru_cache

from shared.aws import playbooks
from shared.rules.model import ScoringModel, scoring_model


def in_force() -> ScoringModel:
    """Return the model to apply events with. The first function of a stage to look puts its playbook in force."""
    playbooks.seed()
    return model_of(playbooks.current()["bundle"])


@lru_cache(maxsize=playbooks.KEPT)
def model_of(bundle: str) -> ScoringModel:
    """
    Return the model of any compiled playbook.

    Raises:
        UnknownPlaybookError: It is nowhere: what it settled can only be settled by the one in force.
    """
    return scoring_model(playbooks.document(bundle))
