"""
What is kept of a person of sales besides what the playbook says: leads given to them, and time off.

Plain frozen values; the rules decide about them, the table keeps them.
"""

from dataclasses import dataclass

from shared.instants import instant_text

LEAD = 1_000_000
"""One lead in the counts that say whose turn it is: a share of a lead is told exactly enough."""


@dataclass(frozen=True, slots=True)
class Load:
    """
    What a person was given: `count` leads on the local day `day` (days since 1970-01-01).

    `turns` is where they stand in the round, in millionths of a lead: it goes up by `LEAD` with each one, and is brought
    near the others' when they come back, so that nobody has to make up for a holiday.
    """

    day: int = 0
    count: int = 0
    turns: int = 0

    def on(self, day: int) -> int:
        """Return the count of the day; a lead that comes late, of a day that is over, counts on the newest."""
        return self.count if self.day >= day else 0


@dataclass(frozen=True, slots=True)
class TimeOff:
    """An absence besides those of the playbook: from one instant to another, and who said so."""

    since: int
    until: int
    by: str

    def to_json(self) -> dict[str, str]:
        return {"from": instant_text(self.since), "until": instant_text(self.until), "by": self.by}


@dataclass(frozen=True, slots=True)
class OwnerState:
    """All that is kept of one person. `version` counts the writes of their item; 0 is none yet."""

    owner: str
    load: Load = Load()
    off: tuple[TimeOff, ...] = ()
    version: int = 0

    @property
    def away(self) -> tuple[tuple[int, int], ...]:
        """The absences as spans of instants."""
        return tuple((each.since, each.until) for each in self.off)
