"""The monthly review of rejections, as a text for a meeting of marketing and sales and as facts for machines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.rules.rejections import Rejections, Review, Split
from shared.rules.sla_report import share

SHOWN = 10
"""Rules and sources in the text, and twice as many among the facts: SNS takes 256 kB."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What marketing and sales agreed on, in their words."""

    mql: str
    sql: str
    review_by: str
    reasons: Mapping[str, str]
    """Text of each reject reason by its code."""


def review_subject(review: Review) -> str:
    return f"Rejected leads in {review.name}: {review.month.rejected} of {_decided(review.month)}"


def review_text(review: Review, agreement: Agreement) -> str:
    """Return what people read."""
    return "\n".join(_lines(review, agreement))


def _lines(review: Review, agreement: Agreement) -> Iterator[str]:
    month, before = review.month, review.before
    yield f"What sales rejected in {review.name}, and what it teaches"
    yield ""
    yield f"{review.name}: {_numbers(month)}"
    yield f"{review.name_before}: {_numbers(before)}"
    yield ""
    yield f"MQL means: {agreement.mql}"
    yield f"SQL means: {agreement.sql}"
    yield f"Both are to be reviewed by {agreement.review_by}."
    if not month.rejected and not before.rejected:
        return
    yield ""
    yield "By reason"
    for code in _codes(month, before):
        text = agreement.reasons.get(code, "no longer in the playbook")
        now, then = month.by_reason.get(code, 0), before.by_reason.get(code, 0)
        yield f"- {text} ({code}): {now}, {_change(now, then)}"
    yield from _splits("By rule: what rejected leads had scored for", month.by_rule, before.by_rule)
    yield from _splits("By source: where rejected leads first came from", month.by_source, before.by_source)
    yield ""
    yield "A rule or source that is rejected more often than the rest is worth less than its points say."


def _splits(title: str, month: Sequence[Split], before: Sequence[Split]) -> Iterator[str]:
    known = {each.name: each for each in before}
    rejected = [each for each in month if each.rejected]
    if not rejected:
        return
    yield ""
    yield title
    for each in rejected[:SHOWN]:
        was = known.get(each.name)
        then = "none decided the month before" if was is None else f"{_part(was)} the month before"
        yield f"- {each.label or each.name}: {_part(each)}; {then}"
    if len(rejected) > SHOWN:
        yield f"- and {len(rejected) - SHOWN} more"


def _part(split: Split) -> str:
    return f"{split.rejected} of {split.rejected + split.accepted} rejected"


def _change(now: int, then: int) -> str:
    if now == then:
        return "as the month before"
    return f"{abs(now - then)} {'more' if now > then else 'fewer'} than the month before"


def _codes(month: Rejections, before: Rejections) -> list[str]:
    """Return the reasons of either month, those of this month's most rejections first."""
    return list(dict.fromkeys([*month.by_reason, *before.by_reason]))


def _decided(said: Rejections) -> int:
    return said.accepted + said.rejected


def _numbers(said: Rejections) -> str:
    part = share(said.rejected, _decided(said))
    percent = "" if part is None else f" ({part:.0%})"
    return f"sales decided on {_decided(said)}: {said.accepted} accepted, {said.rejected} rejected{percent}"


def review_facts(review: Review, agreement: Agreement) -> dict[str, Any]:
    """Return the same for machines."""
    month, before = review.month, review.before
    return {
        "month": review.name,
        "accepted": month.accepted,
        "rejected": month.rejected,
        "accepted_before": before.accepted,
        "rejected_before": before.rejected,
        "by_reason": [
            {"reason": code, "rejected": month.by_reason.get(code, 0), "before": before.by_reason.get(code, 0)}
            for code in _codes(month, before)
        ],
        "by_rule": _split_facts("rule", month.by_rule, before.by_rule),
        "by_source": _split_facts("source", month.by_source, before.by_source),
        "mql": agreement.mql,
        "sql": agreement.sql,
    }


def _split_facts(called: str, month: Sequence[Split], before: Sequence[Split]) -> list[dict[str, Any]]:
    known = {each.name: each for each in before}
    nothing = Split("", "", 0, 0, {})
    return [
        {
            **each.to_json(called),
            "accepted_before": known.get(each.name, nothing).accepted,
            "rejected_before": known.get(each.name, nothing).rejected,
        }
        for each in month[: 2 * SHOWN]
        if each.rejected
    ]
