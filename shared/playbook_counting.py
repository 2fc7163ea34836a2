"""
One engagement rule of a playbook: what it matches, how its occurrences count, how they fade.

Every way of counting needs a finite memory, because a lead is one small item. What no finite memory can answer, and
what could never count, is refused here with the reason; docs/playbook.md has the table.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from shared.instants import DAY
from shared.playbook_types import (
    AssetPath,
    Days,
    EventPattern,
    Gain,
    Milli,
    MisplacedError,
    Name,
    Section,
    Span,
    Text,
    Texts,
    Whole,
)
from shared.rules.facts import ANSWERS_KEPT
from shared.rules.patterns import Place

EXAMPLES = {
    "once": "true",
    "every": "5",
    "per_asset": "properties.path",
    "per_day": "2",
    "count": "{n: 3, within: 7 days}",
    "missing": "{on: Webinar Attended, within: 3 days, asset: properties.webinar}",
}
FORMS = tuple(EXAMPLES)

WITH_MOST = {"per_asset": 10, "per_day": 10, "missing": 5}
"""Forms that take `most`, and what it is when nothing is said."""

MISSING_MOST = 10
"""Most questions a `missing` rule remembers: the newest 50 answers are kept, for others answer what was not asked."""

DAYS_MOST = 100
"""Most facts `per_day` remembers: occurrences a day times days."""

SILENCE_MOST = 400
"""Days of which an `after_silence` rule remembers the newest occurrence: as many as a lead keeps active days."""

SEND = "properties.send_id"


class Window(Section):
    """So many distinct occurrences within so long, as of now; worth the points once while it holds."""

    n: Annotated[Whole, Field(ge=2, le=50)]
    within: Span
    distinct: Literal["event", "asset", "day", "send"] = "event"
    asset: AssetPath | None = None

    @model_validator(mode="after")
    def names_its_asset(self) -> Self:
        if self.distinct == "asset" and self.asset is None:
            raise MisplacedError(
                (("distinct",), "needs to know which asset; write asset beside it, as in `asset: properties.path`")
            )
        if self.distinct != "asset" and self.asset is not None:
            instead = (
                f"leave it out: a send is told apart by {SEND}"
                if self.distinct == "send"
                else "write `distinct: asset`"
            )
            raise MisplacedError((("asset",), f"goes with `distinct: asset` only; {instead}"))
        return self

    @model_validator(mode="after")
    def has_room(self) -> Self:
        days = (self.within - 2) // DAY + 2
        if self.distinct == "day" and self.n > days:
            raise MisplacedError(
                (
                    ("n",),
                    f"can never hold: so long a time touches {days} days at most; write at most {days}, or more time",
                )
            )
        return self

    def compiled(self) -> dict[str, Any]:
        by_send = self.distinct == "send"
        return {
            "form": "count",
            "most": self.n,
            "distinct": "asset" if by_send else self.distinct,
            "within": self.within,
            "asset": SEND if by_send else self.asset,
        }


class Missing(Section):
    """What should follow within so long, for the same asset, and did not: registered, and did not attend."""

    on: Texts
    where: EventPattern = {}
    within: Span
    asset: AssetPath


class Counts(Section):
    """How occurrences count; exactly one form, each with a finite memory."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"oneOf": [{"required": [form]} for form in FORMS]}
    )
    once: Literal[True] | None = None
    every: Annotated[Whole, Field(ge=1, le=50)] | None = None
    per_asset: AssetPath | None = None
    per_day: Annotated[Whole, Field(ge=1, le=20)] | None = None
    count: Window | None = None
    missing: Missing | None = None
    most: Annotated[Whole, Field(ge=1, le=50)] | None = None

    @model_validator(mode="before")
    @classmethod
    def one_form(cls, said: Any) -> Any:
        if not isinstance(said, dict) or not set(said) <= {*FORMS, "most"}:
            return said
        if "every" in said and (said["every"] is None or isinstance(said["every"], bool)):
            raise MisplacedError(
                (("every",), "needs a number, as in `every: 5`: a lead remembers a finite number of occurrences")
            )
        forms = [form for form in FORMS if form in said]
        if len(forms) != 1:
            raise ValueError(f"write exactly one of {', '.join(FORMS)} (found: {', '.join(forms) or 'none'})")
        (form,) = forms
        if said[form] is None:
            raise MisplacedError(((form,), f"says nothing; write it as in `{form}: {EXAMPLES[form]}`"))
        if "most" in said and form not in WITH_MOST:
            takes = {"once": "once is one", "every": "the number of `every` is the most", "count": "`n` is the most"}
            raise MisplacedError((("most",), f"goes with {', '.join(WITH_MOST)}; leave it out: {takes[form]}"))
        return said

    @model_validator(mode="after")
    def remembers_little(self) -> Self:
        if self.missing is not None and self.remembered > MISSING_MOST:
            raise MisplacedError(
                (
                    ("most",),
                    f"is at most {MISSING_MOST} with missing: only the newest 50 answers can be kept to compare with",
                )
            )
        facts = (self.per_day or 0) * self.remembered
        if facts > DAYS_MOST:
            text = f"times most is at most {DAYS_MOST}, found {facts}: the lead keeps each; write smaller numbers"
            raise MisplacedError((("per_day",), text))
        return self

    @property
    def form(self) -> str:
        return next(form for form in FORMS if getattr(self, form) is not None)

    @property
    def remembered(self) -> int:
        """Keys (assets, days) that are remembered."""
        return self.most or WITH_MOST.get(self.form, 1)

    @property
    def memory(self) -> int:
        """Facts that are remembered, answers included."""
        if self.missing is not None:
            return self.remembered + ANSWERS_KEPT
        if self.count is not None:
            return self.count.n
        return self.every or (self.per_day or 1) * self.remembered

    def compiled(self) -> dict[str, Any]:
        if self.every is not None:
            return {"form": "every", "most": self.every}
        if self.per_day is not None:
            return {"form": "per_day", "a_day": self.per_day, "most": self.remembered}
        if self.per_asset is not None:
            return {"form": "per_asset", "asset": self.per_asset, "most": self.remembered}
        if self.count is not None:
            return self.count.compiled()
        if self.missing is not None:
            answer = {"on": self.missing.on, "where": self.missing.where}
            said = {"within": self.missing.within, "asset": self.missing.asset}
            return {"form": "missing", "most": self.remembered, "answer": answer, **said}
        return {"form": "once", "most": 1}


class Decay(Section):
    """How a fact's points fade; leave the whole section out for points that stay."""

    half_life: Span | None = None
    expires: Span | None = None
    percent: Annotated[Whole, Field(ge=1, le=100)] | None = None
    every: Span | None = None

    @model_validator(mode="after")
    def one_way(self) -> Self:
        if not (self.half_life or self.expires or self.percent or self.every):
            raise ValueError("write half_life, expires, or percent with every; leave decay out for points that stay")
        if (self.percent is None) != (self.every is None):
            here = "percent" if self.percent else "every"
            raise MisplacedError(((here,), "percent and every go together, as in {percent: 25, every: 30 days}"))
        if self.half_life and self.percent:
            raise MisplacedError((("percent",), "points fade by half_life or by percent, not by both; leave one out"))
        return self

    def compiled(self) -> dict[str, Any]:
        return {
            "half_life_seconds": self.half_life,
            "expires_seconds": self.expires,
            "percent": self.percent,
            "period_seconds": self.every,
        }


class EngagementRule(Section):
    """Points for something a lead does, under which conditions, how often, and for how long."""

    id: Name
    label: Text
    on: Texts
    where: EventPattern = {}
    points: Milli
    counts: Counts
    decay: Decay | None = None
    after_silence: Annotated[Days, Field(ge=1, le=390)] | None = None
    cap: Gain | None = None
    day_cap: Gain | None = None
    group: Name | None = None

    @model_validator(mode="after")
    def can_count(self) -> Self:
        problems: list[tuple[Place, str]] = []
        if self.points == 0:
            problems.append((("points",), "must not be 0; leave the rule out, or write the points it is worth"))
        if self.group is not None and self.points < 0:
            problems.append(
                (("group",), "a group caps what is earned, and a penalty earns nothing; leave it out, or write cap")
            )
        if self.after_silence is not None and self.counts.form != "once":
            problems.append((("after_silence",), AFTER_SILENCE))
        missing, expires = self.counts.missing, self.decay.expires if self.decay else None
        if expires is not None and self.counts.count is not None:
            problems.append(
                (("decay", "expires"), "the window of count already ends it; leave expires out, change within")
            )
        if missing is not None:
            if expires is not None and expires <= missing.within:
                problems.append(
                    (("decay", "expires"), "must be longer than within of missing, or it ends before it can count")
                )
            if set(missing.on) & set(self.on) and missing.where == self.where:
                problems.append(
                    (("counts", "missing", "on"), "names the event that asks, which would answer itself; write another")
                )
        if problems:
            raise MisplacedError(*problems)
        return self

    @property
    def memory(self) -> int:
        """Facts the rule remembers of a lead, or of most leads: few come back from a silence more often than that."""
        return 10 if self.after_silence is not None else self.counts.memory

    def compiled(self) -> dict[str, Any]:
        counts = self.counts.compiled()
        if self.after_silence is not None:
            counts["most"] = SILENCE_MOST
        matching = {"on": self.on, "where": self.where, "counts": counts}
        filed = matching if self.after_silence is None else {**matching, "after_silence": self.after_silence}
        digest = hashlib.sha256(json.dumps(filed, sort_keys=True).encode()).hexdigest()[:6]
        return {
            "id": self.id,
            "label": self.label,
            "filing": f"{self.id}.{digest}",
            "points": self.points,
            "cap": self.cap,
            "group": self.group,
            "day_cap": self.day_cap,
            "after_silence": self.after_silence,
            "decay": None if self.decay is None else self.decay.compiled(),
            **matching,
        }


AFTER_SILENCE = (
    "after_silence goes with once: which occurrence came after a silence can be known only from one remembered "
    "occurrence per active day, which no other way of counting keeps; write `counts: {once: true}`"
)
