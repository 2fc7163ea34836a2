"""The worked examples of the source the `mid-market` preset comes from, line by line."""

from shared.instants import DAY, parse_instant
from shared.lead import Lead, LeadEvent
from shared.rules.facts import apply_event
from shared.rules.model import scoring_model
from shared.rules.qualification import holds
from shared.rules.scoring import evaluate

NOW = parse_instant("2026-11-02T12:00:00Z")


def life(model, *events):
    lead = Lead("l")
    for number, (name, said) in enumerate(events):
        event = LeadEvent(f"e{number}", name, NOW - (len(events) - number) * DAY, NOW, "server", user_id="u", **said)
        lead = apply_event(lead, event, model)
    return lead


def test_the_director_at_a_logistics_company_has_115_points_line_by_line(mid_market):
    model = scoring_model(mid_market)
    company = {"name": "Northbound Logistics", "industry": "Logistics", "employees": 300}
    traits = {"title": "Director of Operations", "company": company}
    sarah = life(
        model,
        ("Identified", {"traits": traits}),
        ("Asset Downloaded", {"properties": {"kind": "case-study", "asset": "case-study-1"}}),
        ("Page Viewed", {"properties": {"path": "/pricing"}}),
        ("Page Viewed", {"properties": {"path": "/pricing"}}),
        ("Webinar Attended", {"properties": {"webinar": "live"}}),
        ("Trial Started", {}),
    )
    evaluation = evaluate(sarah, model, NOW)
    assert {line.rule: line.points for line in evaluation.lines} == {
        "title_director": 15_000,
        "company_size": 20_000,
        "pricing_page": 40_000,
        "webinar": 10_000,
        "demo_or_trial": 30_000,
    }
    assert evaluation.total == 115_000
    assert evaluation.band == "sales_ready"
    assert holds(model.mql, total=evaluation.total, grade="A", band=evaluation.band, rules=evaluation.rules)


def test_the_director_who_comes_on_a_third_day_of_the_week_has_repeat_visits_too(mid_market):
    model = scoring_model(mid_market)
    visits = [("Page Viewed", {"properties": {"path": "/pricing"}})] * 3
    lines = {line.rule: line.points for line in evaluate(life(model, *visits), model, NOW).lines}
    assert lines == {"pricing_page": 60_000, "repeat_visits": 10_000}


def test_the_student_who_opened_one_mail_has_2_points(mid_market):
    model = scoring_model(mid_market)
    marcus = life(
        model,
        ("Identified", {"traits": {"title": "Marketing Student"}}),
        ("Asset Downloaded", {"properties": {"kind": "case-study", "asset": "case-study-1"}}),
        ("Email Opened", {"properties": {"send_id": "s1"}}),
    )
    evaluation = evaluate(marcus, model, NOW - DAY)
    assert [(line.rule, line.points) for line in evaluation.lines] == [("mail_open", 2000)]
    assert evaluation.total == 2000
