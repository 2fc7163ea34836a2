"""Random playbooks and lives for the properties of the scoring rules."""

from hypothesis import strategies as st

from shared.instants import DAY
from shared.lead import Lead, LeadEvent
from shared.rules.facts import apply_event
from shared.rules.model import EngagementRule, ScoringModel

START = 20_000 * DAY
NAMES = ("Page Viewed", "Demo Requested", "Email Link Clicked")


@st.composite
def engagement_rules(draw, number, *, second):
    counts = draw(st.sampled_from(["once", "every", "per_asset", "per_day", "count", "missing"]))
    fades = draw(st.sampled_from(["stays", "half_life", "steps"]))
    return EngagementRule(
        rule=f"r{number}",
        label=f"rule {number}",
        filing=f"r{number}.x",
        where=draw(st.sampled_from([{}, {"properties": {"asset": [{"numeric": ["<", 2]}]}}])),
        points=draw(st.integers(-40, 60).filter(bool)) * 1000,
        counts=counts,
        most=1 if counts == "once" else draw(st.integers(1, 3)),
        a_day=draw(st.integers(1, 2)),
        asset=("properties", "asset"),
        half_life=draw(st.integers(5, 60)) * second if fades == "half_life" else None,
        expires=draw(st.none() | st.integers(5, 90).map(lambda each: each * second)),
        cap=draw(st.none() | st.integers(10, 80).map(lambda each: each * 1000)),
        group=draw(st.none() | st.just("g")),
        on=frozenset(draw(st.sets(st.sampled_from(NAMES), min_size=1))),
        distinct=draw(st.sampled_from(["event", "asset", "day"])),
        within=draw(st.integers(5, 60)) * second if counts in ("count", "missing") else 0,
        silence=draw(st.none() | st.integers(1, 20)) if second == DAY else None,
        percent=draw(st.integers(1, 100)) if fades == "steps" else 0,
        period=draw(st.integers(5, 30)) * second if fades == "steps" else None,
        day_cap=draw(st.none() | st.integers(10, 60).map(lambda each: each * 1000)),
        answer=(frozenset({draw(st.sampled_from(NAMES))}), {}) if counts == "missing" else None,
    )


@st.composite
def models(draw, *, second=DAY, inactivity=True):
    """A playbook with every rule form; `second` is the unit its half-lives and expiries are drawn in."""
    rules = tuple(draw(engagement_rules(number, second=second)) for number in range(draw(st.integers(1, 4))))
    by_event = {
        name: tuple(rule for rule in rules if name in rule.on or (rule.answer and name in rule.answer[0]))
        for name in NAMES
    }
    steps = draw(st.sampled_from([(), ((30, -5000),), ((10, -5000), (40, -20_000))])) if inactivity else ()
    return ScoringModel(
        name="random",
        bundle="random-1",
        filed="random",
        by_event=by_event,
        engagement=rules,
        fit=(),
        groups={"g": ("group", draw(st.integers(20, 90)) * 1000)},
        inactivity=steps,
        activity=frozenset(NAMES[:2]),
        profile={},
        bands=(("sales_ready", 80_000), ("engaged", 50_000), ("early", 0)),
        hysteresis=5000,
        grades=(("A", 35_000), ("B", 25_000), ("C", 10_000), ("D", 0)),
        levels=((1, 60_000), (2, 30_000), (3, 10_000)),
        refused=frozenset({"machine"}),
        mql={"any": [{"score_at_least": 75_000}, {"rule": "r0"}]},
        priority={"score_at_least": 90_000},
    )


@st.composite
def lives(draw, *, span=100 * DAY, size=25):
    """Events of one lead; ids repeat, sometimes with another time, as SDK retries do."""
    count = draw(st.integers(1, size))
    return [
        LeadEvent(
            event_id=f"e{draw(st.integers(0, count))}",
            name=draw(st.sampled_from(NAMES)),
            occurred_at=START + draw(st.integers(0, span)),
            received_at=START + span,
            source="server",
            user_id="u",
            properties={"asset": draw(st.integers(0, 3))},
            verdict=draw(st.sampled_from(["human", "human", "human", "unsure", "machine"])),
        )
        for _ in range(count)
    ]


def consistent(events):
    """Give copies of one id one name and one asset: a client that reuses an id for something else says two things."""
    first = {}
    return [
        LeadEvent(
            event_id=event.event_id,
            name=first.setdefault(event.event_id, event).name,
            occurred_at=event.occurred_at,
            received_at=event.received_at,
            source=event.source,
            user_id=event.user_id,
            properties=first[event.event_id].properties,
            verdict=event.verdict,
        )
        for event in events
    ]


def lead_of(events, model):
    lead = Lead("l")
    for event in events:
        lead = apply_event(lead, event, model)
    return lead
