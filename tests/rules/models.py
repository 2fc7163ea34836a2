"""
Random playbooks and lives for the properties of the scoring rules: every form and option the language admits.

One generator, two sources of chance: Hypothesis, which shrinks what fails, and `random.Random`, for a corpus that every
Python sees alike. Four units make a day; a unit is six hours, or one second when an oracle looks at every second.
"""

import os
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from shared import instants
from shared.instants import DAY, HOUR, instant_text
from shared.lead import Lead, LeadEvent
from shared.rules import horizon
from shared.rules.facts import SCORE_ADJUSTED, apply_event
from shared.rules.model import EngagementRule, Exclusion, FitRule, KnownList, ScoringModel
from shared.rules.registers import SALES_OUTCOMES
from shared.rules.scoring import counting_facts, evaluate
from shared.rules.settling import is_fresh, settle

CASES = int(os.environ.get("RIPEN_CASES", "120"))
cases = settings(
    max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
"""How often a property is tried: a few times with every test run, ten thousand times by `make properties`."""

UNIT = 6 * HOUR
UNITS_A_DAY = 4
SPAN = 60
"""Units in which a life happens."""

START = 20_000 * DAY
NAMES = ("Page Viewed", "Demo Requested", "Email Link Clicked")
ACTIVITY = NAMES[:2]

FIT = (
    ({"role": ["buyer"]}, 20_000),
    ({"role": [{"anything-but": ["buyer"]}]}, -10_500),
    ({"employees": [{"numeric": [">=", 50]}]}, 15_250),
    ({"seniority": ["c_level"]}, 12_000),
    ({"lists": ["targets"]}, 25_000),
    ({"mail_domain": [{"suffix": ".example"}]}, 5_000),
    ({"last_touch": {"medium": ["cpc"]}}, 4_000),
    ({"$or": [{"first_touch": {"source": ["partner"]}}, {"mailbox": ["info"]}]}, -3_000),
)
OUTSIDERS = ({"role": ["student"]}, {"mail_domain": ["own.example"]}, {"seniority": ["student"]})
TRAITS = (
    {},
    {},
    {"role": "buyer"},
    {"role": "student"},
    {"title": "CEO", "employees": 120},
    {"title": "Student", "company": "Acme"},
    {"company": "ACME", "employees": 10},
)
CAMPAIGNS = ({}, {}, {"campaign": {"source": "partner", "medium": "cpc"}}, {"campaign": {"source": "Elsewhere"}})
EMAILS = (None, None, None, "info@firm.example", "x@own.example")
DELAYS = (0, 0, HOUR, 2 * DAY, -HOUR)
"""Seconds from happening to arriving: fresh, late, and from a clock that runs ahead."""


class Drawn:
    """Hypothesis where a `random.Random` is wanted; the first of the options is the simplest."""

    def __init__(self, draw):
        self._draw = draw

    def randint(self, least, most):
        return self._draw(_integers(least, most))

    def choice(self, options):
        return options[self.randint(0, len(options) - 1)]


@lru_cache(maxsize=1000)
def _integers(least, most):
    return st.integers(least, most)


def _some(chance, options):
    return [option for option in options if chance.randint(0, 1)]


def _perhaps(chance, least, most, step):
    return chance.randint(least, most) * step if chance.randint(0, 2) else None


def rule_of(chance, number, unit):
    counts = chance.choice(("once", "every", "per_asset", "per_day", "count", "missing"))
    silence = chance.randint(1, 4) if counts == "once" and chance.randint(0, 1) else None
    fades = chance.choice(("stays", "half_life", "percent"))
    names = ACTIVITY if silence is not None else NAMES
    on = frozenset(_some(chance, names)) or frozenset(names[:1])
    within = chance.randint(2, 40) * unit if counts in ("count", "missing") else 0
    expires = _perhaps(chance, 3, 60, unit) if counts != "count" else None
    gains = chance.randint(0, 3) > 0
    return EngagementRule(
        rule=f"r{number}",
        label=f"rule {number}",
        filing=f"r{number}.x",
        where=chance.choice(({}, {"properties": {"asset": [{"numeric": ["<", 2]}]}})),
        points=chance.randint(1, 120) * (500 if gains else -333),
        counts=counts,
        most=_remembered(chance, counts, silence),
        a_day=chance.randint(1, 2) if counts == "per_day" else 1,
        asset=("properties", "asset"),
        half_life=chance.randint(2, 40) * unit if fades == "half_life" else None,
        expires=expires + within if expires is not None else None,
        cap=_perhaps(chance, 10, 80, 1000),
        group="g" if gains and chance.randint(0, 1) else None,
        on=on,
        distinct=chance.choice(("event", "asset", "day")) if counts == "count" else "event",
        within=within,
        silence=silence,
        percent=chance.randint(1, 100) if fades == "percent" else 0,
        period=chance.randint(2, 20) * unit if fades == "percent" else None,
        day_cap=_perhaps(chance, 10, 60, 1000),
        answer=(frozenset({chance.choice(NAMES)}), {"properties": {"asset": [{"numeric": ["<", 3]}]}})
        if counts == "missing"
        else None,
    )


def _remembered(chance, counts, silence):
    if silence is not None:
        return 400
    return 1 if counts == "once" else chance.randint(2 if counts == "count" else 1, 3)


def _exclusions_of(chance, rules):
    kinds = _some(chance, ("profile", "rule")) if chance.randint(0, 2) else []
    for kind in kinds:
        effect = chance.choice(("block", "zero"))
        if kind == "profile":
            yield Exclusion("outsider", "outsider", chance.choice(OUTSIDERS), None, effect)
        else:
            yield Exclusion("doer", "doer", {}, chance.choice(rules).rule, effect)


def _conditions(rules):
    named = [{"rule": rule.rule} for rule in rules]
    return (
        {"any": [{"score_at_least": 45_000}, named[0]]},
        {"score_at_least": 30_000},
        {"all": [{"score_at_least": 15_000}, named[-1]]},
        {"all": [{"grade": ["A", "B"]}, {"band": ["engaged", "sales_ready"]}]},
        {"any": [{"band": ["sales_ready"]}, {"all": [{"grade": ["D"]}, {"score_at_least": 20_000}, named[0]]}]},
    )


def model_of(chance, *, unit=UNIT, gains=False):
    """Return a playbook; with `gains` nothing is ever taken away, and nothing is earned by waiting."""
    rules = tuple(rule_of(chance, number, unit) for number in range(chance.randint(1, 4)))
    if gains:
        rules = tuple(
            replace(rule, points=abs(rule.points), counts="every", answer=None, within=0)
            if rule.counts == "missing"
            else replace(rule, points=abs(rule.points))
            for rule in rules
        )
    fit = tuple(
        FitRule(f"f{number}", f"fit {number}", *FIT[number])
        for number in sorted({chance.randint(0, len(FIT) - 1) for _ in range(chance.randint(0, 3))})
    )
    steps = chance.choice(((), ((3, -5000),), ((1, -5000), (4, -20_000)), ((2, -4000), (3, -8000), (9, -12_345))))
    conditions = _conditions(rules)
    return ScoringModel(
        name="random",
        bundle="random-1",
        filed="random",
        by_event=by_event_of(rules),
        engagement=rules,
        fit=fit,
        groups={"g": ("group", chance.randint(20, 90) * 1000)},
        inactivity=() if gains else steps,
        activity=frozenset(ACTIVITY),
        profile={name: ((name,),) for name in ("role", "title", "company", "employees")},
        bands=(("sales_ready", 60_000), ("engaged", 25_000), ("early", 0)),
        hysteresis=chance.choice((0, 5000, 12_500)),
        grades=(("A", 35_000), ("B", 15_000), ("C", 10_000), ("D", 0)),
        levels=((1, 60_000), (2, 30_000), (3, 10_000)),
        refused=frozenset(chance.choice((("machine",), (), ("machine", "unsure")))),
        mql=chance.choice(conditions),
        priority=chance.choice(conditions),
        cool_downs={"timing": 30 * unit},
        exclusions=tuple(_exclusions_of(chance, rules)),
        lists=(KnownList("targets", "company", frozenset({"acme"})),),
        touches=bool(chance.randint(0, 1)),
        triggers=frozenset(_some(chance, [rule.rule for rule in rules])),
    )


def by_event_of(rules):
    """Return the rules, and what answers them, by event name."""
    return {
        name: tuple(rule for rule in rules if name in rule.on or (rule.answer and name in rule.answer[0]))
        for name in NAMES
    }


def life_of(chance, *, unit=UNIT, span=SPAN, size=14):
    """Return events of one lead; ids repeat, sometimes with another time or verdict, as SDK retries do."""
    count = chance.randint(1, size)
    return [_event_of(chance, f"e{chance.randint(0, count)}", unit, span) for _ in range(count)]


def _event_of(chance, event_id, unit, span):
    at = START + chance.randint(0, span * unit)
    kind = chance.choice((*("did",) * 10, "adjusted", "sales"))
    event = LeadEvent(event_id, "", at, at + chance.choice(DELAYS), "system", user_id="u")
    if kind == "adjusted":
        said = {"points": chance.choice((10, -20, 0.5, 33.333)), "by": "ann", "reason": "met at a fair"}
        if chance.randint(0, 1):
            said["until"] = instant_text(at + chance.randint(1, span * unit))
        return replace(event, name=SCORE_ADJUSTED, properties=said)
    if kind == "sales":
        return replace(event, name=chance.choice(tuple(SALES_OUTCOMES)), properties={"reason_code": "timing"})
    return replace(
        event,
        name=chance.choice(NAMES),
        source=chance.choice(("server", "server", "public")),
        email=chance.choice(EMAILS),
        properties={"asset": chance.randint(0, 3)},
        traits=chance.choice(TRAITS),
        context=chance.choice(CAMPAIGNS),
        verdict=chance.choice(("human", "human", "human", "unsure", "machine")),
    )


@st.composite
def models(draw, **how):
    return model_of(Drawn(draw), **how)


@st.composite
def lives(draw, **how):
    return life_of(Drawn(draw), **how)


later = st.lists(st.integers(0, 100) | st.integers(0, 400 * DAY), min_size=1, max_size=3)
"""Seconds after the newest event at which one looks."""


def consistent(events):
    """Give copies of one id one content: a client that reuses an id for something else says two things."""
    first = {}
    return [
        replace(
            first.setdefault(event.event_id, event),
            occurred_at=event.occurred_at,
            received_at=event.received_at,
            verdict=event.verdict,
        )
        for event in events
    ]


def applied(lead, event, model):
    return apply_event(lead, event, model, address=None if event.email is None else f"hash of {event.email}")


def lead_of(events, model):
    lead = Lead("l")
    for event in events:
        lead = applied(lead, event, model)
    return lead


def newest_of(events):
    return max(event.occurred_at for event in events)


def settled_of(events, model):
    """Return the lead after each event was settled as it arrived."""
    lead = Lead("l", filed=model.filed)
    for event in sorted(events, key=lambda each: each.received_at):
        lead = applied(lead, event, model)
        own = event.source != "system"
        lead = settle(lead, model, event.received_at, fresh=is_fresh(event), own=own).lead
    return lead


def watched(lead, model, at, watch):
    """Return what the watch looks at, asked of the score itself."""
    evaluation = evaluate(lead, model, at)
    causes = {
        rule.rule: facts[-1].event
        for rule in model.engagement
        if rule.rule in watch.causes and (facts := counting_facts(rule, lead, model, at))
    }
    return {value for value in watch.thresholds if evaluation.total >= value}, evaluation.rules & watch.rules, causes


@contextmanager
def short_days():
    """Make a day four seconds long, so that an oracle can look at every second of many days."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (instants, horizon):
            patch.setattr(module, "DAY", UNITS_A_DAY)
        yield


def a_rule(name, points, counts="every", **how):
    """Return a rule for the event of its name, written by hand for a story."""
    how = {"most": 9, "a_day": 1, "asset": ("properties", "asset"), "half_life": None, "expires": None, **how}
    how = {"cap": None, "group": None, "on": frozenset({name}), **how}
    return EngagementRule(name, f"Did {name}", f"{name}.x", {}, points, counts, **how)


def a_model(*rules, **how):
    plain = {
        "name": "plain",
        "bundle": "plain-1",
        "filed": "plain",
        "by_event": {rule.rule: (rule,) for rule in rules},
        "engagement": rules,
        "fit": (),
        "groups": {"g": ("Pages", 30_000)},
        "inactivity": (),
        "activity": frozenset(rule.rule for rule in rules),
        "profile": {"role": (("role",),)},
        "bands": (("sales_ready", 60_000), ("engaged", 25_000), ("early", 0)),
        "hysteresis": 5000,
        "grades": (("A", 35_000), ("B", 15_000), ("C", 10_000), ("D", 0)),
        "levels": ((1, 60_000), (2, 30_000), (3, 10_000)),
        "refused": frozenset({"machine"}),
        "mql": {"score_at_least": 60_000},
        "priority": {"score_at_least": 90_000},
    }
    return ScoringModel(**{**plain, **how})


def did(name, at, number=0, **how):
    how = {"user_id": "u", "properties": {"asset": number}, **how}
    return LeadEvent(f"{name}{number}{at}", name, at, at, "server", **how)
