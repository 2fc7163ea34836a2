"""
Why sales sends leads back: by reason, by what they had scored for, and by where they came from.

What a rejection teaches is in the lines of the score as it stood when the handoff was made: a rule that sales rejects
leads for, again and again, is worth too many points.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared.handoff import Handoff
from shared.instants import DAY

UNKNOWN = "unknown"

MOST_LISTED = 200
"""Rules and sources listed, those with most rejections first."""


@dataclass(frozen=True, slots=True)
class Split:
    """What was decided of handoffs that have something in common, and why those that were rejected were."""

    name: str
    label: str
    accepted: int
    rejected: int
    reasons: Mapping[str, int]

    def to_json(self, called: str) -> dict[str, Any]:
        label = {"label": self.label} if self.label else {}
        return {
            called: self.name, **label, "accepted": self.accepted, "rejected": self.rejected,
            "reasons": dict(self.reasons),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rejections:
    """Those accepted, those rejected, and the rejections by reason, by rule and by source; the most frequent first."""

    accepted: int
    rejected: int
    by_reason: Mapping[str, int]
    by_rule: tuple[Split, ...]
    by_source: tuple[Split, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "rejected": self.rejected,
            "by_reason": [{"reason": reason, "rejected": count} for reason, count in self.by_reason.items()],
            "by_rule": [each.to_json("rule") for each in self.by_rule[:MOST_LISTED] if each.rejected],
            "by_source": [each.to_json("source") for each in self.by_source[:MOST_LISTED] if each.rejected],
        }


def rejections(handoffs: Iterable[Handoff]) -> Rejections:
    """Return what was rejected of the handoffs, and why. Those nobody decided about are left out."""
    decided = [each for each in handoffs if each.decided_at is not None]
    rules: dict[str, _Tally] = {}
    sources: dict[str, _Tally] = {}
    for each in decided:
        for line in {line.rule: line for line in each.score.lines if line.points > 0}.values():
            rules.setdefault(line.rule, _Tally()).add(each, line.label)
        sources.setdefault(each.source or UNKNOWN, _Tally()).add(each)
    rejected = [each for each in decided if each.state == "rejected"]
    return Rejections(
        accepted=len(decided) - len(rejected),
        rejected=len(rejected),
        by_reason=_ordered(Counter(each.reason_code or UNKNOWN for each in rejected)),
        by_rule=_split(rules),
        by_source=_split(sources),
    )


@dataclass(slots=True)
class _Tally:
    label: str = ""
    labelled_at: int = -1
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, handoff: Handoff, label: str = "") -> None:
        """Count the handoff; a rule is called what the newest handoff calls it."""
        if (handoff.created_at, label) > (self.labelled_at, self.label):
            self.label, self.labelled_at = label, handoff.created_at
        if handoff.state == "rejected":
            self.reasons[handoff.reason_code or UNKNOWN] += 1
        else:
            self.accepted += 1


def _split(tallies: Mapping[str, _Tally]) -> tuple[Split, ...]:
    splits = [
        Split(name, tally.label, tally.accepted, tally.reasons.total(), _ordered(tally.reasons))
        for name, tally in tallies.items()
    ]
    return tuple(sorted(splits, key=lambda each: (-each.rejected, each.accepted, each.name)))


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


LATE = 31 * DAY
"""How long after it was made a handoff is still looked for among the decisions of a month."""


@dataclass(frozen=True, slots=True)
class Review:
    """The decisions of one month of UTC, which begins at `since`, beside those of the month before it."""

    since: int
    month: Rejections
    before: Rejections

    @property
    def name(self) -> str:
        return month_name(self.since)

    @property
    def name_before(self) -> str:
        return month_name(month_before(self.since))


def month_before(instant: int) -> int:
    """Return the first instant of the month before the one the instant lies in, in UTC."""
    first = datetime.fromtimestamp(instant, UTC).replace(day=1)
    return _first(datetime.fromtimestamp(first.timestamp() - DAY, UTC))


def month_name(instant: int) -> str:
    """Return the month as `2026-01`."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m")


def months_reviewed(at: int) -> tuple[int, int, int]:
    """Return where the two months before the one of `at` begin, the earlier first, and where the later ends."""
    this = _first(datetime.fromtimestamp(at, UTC))
    return month_before(month_before(at)), month_before(at), this


def review(handoffs: Iterable[Handoff], at: int) -> Review:
    """
    Return the review of the month before the one of `at`.

    Args:
        handoffs: Those made since 31 days before the two months; whatever was not decided in them is left out.
        at: Any instant of the month after.
    """
    earlier, since, until = months_reviewed(at)
    decided = [each for each in handoffs if each.decided_at is not None]
    return Review(
        since,
        rejections(each for each in decided if since <= (each.decided_at or 0) < until),
        rejections(each for each in decided if earlier <= (each.decided_at or 0) < since),
    )


def _first(moment: datetime) -> int:
    return int(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp())
