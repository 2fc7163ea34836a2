"""Lead items as the tests set them up: one group, written over what was read."""

from collections.abc import Mapping, Sequence

from shared.aws.leads import Writes, save_many
from shared.errors import ConflictError
from shared.lead import Alias, Lead


def save(written: Sequence[Lead | Alias], seen: Mapping[str, int] | None = None, *, bounds=None) -> None:
    """Write leads and aliases together. Raises ConflictError when somebody wrote one of them since."""
    if save_many([Writes(written, seen or {}, bounds=bounds or {})]) == [True]:
        raise ConflictError(f"{len(written)} entries changed since they were read")
