"""The presets say what their source documents say: every number of a document and where it went, and one life each."""

import json
import re
from dataclasses import replace

import jsonschema
import pytest
import yaml

from infra.names import ROOT
from shared.instants import DAY, HOUR, parse_instant
from shared.lead import Lead, LeadEvent, Register, Settled
from shared.playbook import FOLDER, compile_playbook
from shared.playbook_editor import editor_schema
from shared.rules.enrolling import Book, Cause, return_from_sales, sent_back
from shared.rules.facts import apply_event
from shared.rules.model import BANDS, scoring_model
from shared.rules.qualification import holds
from shared.rules.scoring import evaluate
from shared.rules.tracks import Audience, tracks_of

NOW = parse_instant("2026-11-02T12:00:00Z")
PRESETS = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


@pytest.fixture(scope="module")
def compiled():
    return {name: compile_playbook(path) for name, path in PRESETS.items()}


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("preset", PRESETS)
def test_whom_sales_sends_back_is_nurtured_again_whatever_its_band(compiled, preset, band):
    """A lead that sales had is mostly in the highest band; what the track it returns to is for may be a band."""
    document, me = compiled[preset], "a" * 16
    tracks = {name: replace(track, audience=Audience()) for name, track in tracks_of(document).items()}
    book = Book(document["bundle"], tracks, scoring_model(document))
    profile = {"email": Register("ada@example.com", 1, "k", proven=True)}
    mql = Lead(me, version=5, profile=profile, settled=Settled(band=band, stage="mql", qualified=True))
    for said in document["handoff"]["reject_reasons"]:
        if said.get("returns_to"):
            cause = Cause("c1", me, NOW, 3, "sales")
            entered = return_from_sales(mql, {}, book, sent_back(document, said["code"]), cause, handoff=1)
            assert [(run.track, run.status) for run in entered] == [(said["returns_to"], "active")], said


def engagement(rule, part="points"):
    return ("scoring", "engagement", rule, part)


def fit(rule):
    return ("scoring", "fit", rule, "points")


def at(document, path):
    """The value at the path; rules are found by their id."""
    for part in path:
        if isinstance(document, list) and isinstance(part, str):
            (document,) = (each for each in document if each["id"] == part)
        else:
            document = document[part]
    return document


PRICING = {"properties": {"path": [{"prefix": "/pricing"}]}}
WEEK = 7 * DAY

NUMBERS = [
    # the page "Lead Nurturing vs Lead Scoring" and its difference
    ("funnel", "demo request (+25)", engagement("demo_request"), 25_000),
    ("funnel", "pricing page visit (+15)", engagement("pricing_page"), 15_000),
    ("funnel", "webinar attendance (+20)", engagement("webinar"), 20_000),
    ("funnel", "blog visit (+5)", engagement("blog_page"), 5_000),
    ("funnel", "email open (+2)", engagement("mail_open"), 2_000),
    ("funnel", "unsubscribe (-10)", engagement("unsubscribed"), -10_000),
    ("funnel", "30+ days inactive (-5)", ("scoring", "inactivity"), [{"days": 30, "points": -5_000}]),
    ("funnel", "your pricing page three times gets +15", engagement("pricing_spree"), 15_000),
    ("funnel", "three times in a week", engagement("pricing_spree", "counts"),
     {"form": "count", "most": 3, "distinct": "event", "within": WEEK, "asset": None}),
    ("funnel", "were auto-enrolled", ("scoring", "triggers"), ["pricing_spree", "warmed_up"]),
    ("funnel", "a case study after months of silence", engagement("warmed_up", "after_silence"), 60),
    ("funnel", "score >= 80 (sales-ready)", ("scoring", "bands", "sales_ready"), 80_000),
    ("funnel", "score 50-79", ("scoring", "bands", "engaged"), 50_000),
    ("funnel", "75 and at least one sales-page visit", ("scoring", "qualification", "mql"),
     {"all": [{"score_at_least": 75_000}, {"rule": "pricing_page"}]}),
    ("funnel", "contact MQLs within one hour", ("handoff", "clocks", "contact", "standard", "within_seconds"), HOUR),
    ("funnel", "weekly", ("tracks", "weekly", "steps", 1, "delay_seconds"), WEEK),
    # the guide "Lead scoring and nurturing are two sides of the same problem"
    ("fit-behavior", "company in target industry: +15", fit("industry"), 15_000),
    ("fit-behavior", "company size in target range: +10", fit("company_size"), 10_000),
    ("fit-behavior", "job title matches buyer persona: +20", fit("persona"), 20_000),
    ("fit-behavior", "tech stack includes key integration: +10", fit("tech_stack"), 10_000),
    ("fit-behavior", "company in target geography: +5", fit("geography"), 5_000),
    ("fit-behavior", "visited pricing page: +25", engagement("pricing_page"), 25_000),
    ("fit-behavior", "requested a demo: +40", engagement("demo_request"), 40_000),
    ("fit-behavior", "triggers immediate SQL", ("scoring", "qualification", "mql", "any", 0), {"rule": "demo_request"}),
    ("fit-behavior", "bottom-funnel asset: +20", engagement("bottom_funnel"), 20_000),
    ("fit-behavior", "attended a webinar: +15", engagement("webinar"), 15_000),
    ("fit-behavior", "opened 3+ emails in 30 days: +10", engagement("mail_opens"), 10_000),
    ("fit-behavior", "3+ emails in 30 days", engagement("mail_opens", "counts"),
     {"form": "count", "most": 3, "distinct": "asset", "within": 30 * DAY, "asset": "properties.send_id"}),
    ("fit-behavior", "visited key product pages (3+): +15", engagement("product_pages"), 15_000),
    ("fit-behavior", "key product pages (3+)", (*engagement("product_pages", "counts"), "most"), 3),
    ("fit-behavior", "pages, not visits", (*engagement("product_pages", "counts"), "asset"), "properties.path"),
    ("fit-behavior", "within 1 business hour for high-score MQLs", ("handoff", "clocks", "contact", "high"),
     {"within_seconds": HOUR, "time": "business", "warn_before_seconds": HOUR // 4, "starts": "qualified", "escalate": []}),
    ("fit-behavior", "within 24 hours for standard MQLs", ("handoff", "clocks", "contact", "standard", "within_seconds"), DAY),
    ("fit-behavior", "accept or reject within 48 hours", ("handoff", "clocks", "decide", "standard", "within_seconds"), 2 * DAY),
    # the page "What Is Lead Scoring", meaning, benefits and examples
    ("mid-market", "+15 for a Director or VP", fit("title_director"), 15_000),
    ("mid-market", "+5 for an individual contributor", fit("title_contributor"), 5_000),
    ("mid-market", "+20 for companies with 200 or more", fit("company_size"), 20_000),
    ("mid-market", "200 or more employees", ("scoring", "fit", "company_size", "where"), {"employees": [{"numeric": [">=", 200]}]}),
    ("mid-market", "+10 in your primary target vertical", fit("industry"), 10_000),
    ("mid-market", "budget authority: +15", fit("budget_authority"), 15_000),
    ("mid-market", "pricing page visit: +20", engagement("pricing_page"), 20_000),
    ("mid-market", "demo or free trial request: +30", engagement("demo_or_trial"), 30_000),
    ("mid-market", "demo or free trial", engagement("demo_or_trial", "on"), ["Demo Requested", "Trial Started"]),
    ("mid-market", "+5 per click", engagement("mail_click"), 5_000),
    ("mid-market", "per click", (*engagement("mail_click", "counts"), "form"), "every"),
    ("mid-market", "webinar attendance: +10", engagement("webinar"), 10_000),
    ("mid-market", "repeat website visits within a week: +10", engagement("repeat_visits"), 10_000),
    ("mid-market", "within a week", (*engagement("repeat_visits", "counts"), "within"), WEEK),
    ("mid-market", "one email open (+2)", engagement("mail_open"), 2_000),
    ("mid-market", "unsubscribing from emails (-30)", engagement("unsubscribed"), -30_000),
    ("mid-market", "visiting your careers page (-15)", engagement("careers_page"), -15_000),
    ("mid-market", "no engagement in 90 days (-10)", ("scoring", "inactivity"), [{"days": 90, "points": -10_000}]),
    ("mid-market", "commonly 60", ("scoring", "qualification", "mql"), {"score_at_least": 60_000}),
    ("mid-market", "to 80 points", ("scoring", "qualification", "high_priority"), {"score_at_least": 80_000}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "quote", "path", "value"), NUMBERS, ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_number_of_the_document_is_in_its_preset(compiled, preset, quote, path, value):
    assert at(compiled[preset], path) == value


def test_the_pricing_rules_of_a_preset_look_at_the_pricing_page(compiled):
    for preset in ("funnel", "fit-behavior", "mid-market", "default"):
        assert at(compiled[preset], engagement("pricing_page", "where")) == PRICING


@pytest.mark.parametrize(
    ("preset", "criteria"),
    [
        ("signals", {"profession", "location", "company", "role", "visit", "pricing_page", "webinar", "download",
                     "mail_open", "mail_click", "social_engaged"}),
        ("two-factors", {"position", "industry", "location", "visit", "mail_click", "ebook", "coupon", "demo"}),
    ],
)  # fmt: skip
def test_a_document_without_numbers_is_a_preset_of_its_criteria(compiled, preset, criteria):
    scoring = compiled[preset]["scoring"]
    assert {rule["id"] for part in ("fit", "engagement") for rule in scoring[part]} == criteria


def test_who_starts_with_scoring_needs_no_tracks(compiled):
    assert compiled["two-factors"]["tracks"] == {}


def life(document, *events):
    """A lead that lived through the events: days before now, name, and what is said."""
    model = scoring_model(document)
    lead = Lead("l")
    for number, (days, name, said) in enumerate(events):
        moment = NOW - round(days * DAY)
        event = LeadEvent(f"e{number}", name, moment, moment, "server", user_id="u", **said)
        for _ in range(2):
            lead = apply_event(lead, event, model)
    return lead, model


def points(lead, model, now=NOW):
    return {line.rule: line.points / 1000 for line in evaluate(lead, model, now).lines}


def is_mql(lead, model, now=NOW):
    it = evaluate(lead, model, now)
    return holds(model.mql, total=it.total, grade=it.grade, band=it.band, rules=it.rules)


@pytest.mark.parametrize(
    ("preset", "rule", "countries"),
    [
        ("default", "geography", ("US", "usa", "UK", "gb", "United kingdom", "sweden", "SE")),
        ("fit-behavior", "geography", ("US", "USA", "uk", "Germany")),
        ("signals", "location", ("nl", "NL", "USA", "UK")),
        ("two-factors", "location", ("ES", "españa", "mexico")),
    ],
)
def test_a_country_counts_however_it_is_written(compiled, preset, rule, countries):
    for country in countries:
        assert rule in points(*life(compiled[preset], (1, "Identified", {"traits": {"country": country}}))), country
    assert rule not in points(*life(compiled[preset], (1, "Identified", {"traits": {"country": "Atlantis"}})))


def test_what_a_lead_does_by_itself_is_activity_in_the_default(compiled):
    scoring = compiled["default"]["scoring"]
    named = {name for each in scoring["engagement"] for name in each["on"]}
    assert named - set(scoring["activity"]) == {"Unsubscribed"}


def viewed(path):
    return {"properties": {"path": path}}


def test_funnel_a_reader_who_warms_up_after_months_is_called_within_the_hour(compiled):
    document = compiled["funnel"]
    lead, model = life(
        document,
        (200, "Identified", {"traits": {"title": "Head of IT", "employees": 300}}),
        (200, "Page Viewed", viewed("/blog/one")),
        (199, "Page Viewed", viewed("/blog/one")),
        (150, "Email Opened", {"properties": {"send_id": "s1"}}),
        (5, "Asset Downloaded", {"properties": {"kind": "case-study", "asset": "c1"}}),
        (4, "Page Viewed", viewed("/pricing")),
        (3, "Page Viewed", viewed("/pricing")),
    )
    before = {"title": 10, "company_size": 10, "blog_page": 5, "mail_open": 2, "warmed_up": 20, "pricing_page": 15}
    assert points(lead, model) == before
    assert not is_mql(lead, model)
    third = LeadEvent("e7", "Page Viewed", NOW - DAY, NOW - DAY, "server", user_id="u", **viewed("/pricing/teams"))
    lead = apply_event(lead, third, model)
    assert points(lead, model) == {**before, "pricing_spree": 15}
    assert evaluate(lead, model, NOW).total == 77_000
    assert is_mql(lead, model)
    later = NOW + 30 * DAY
    assert points(lead, model, later) == {**before, "inactivity": -5}


def test_fit_behavior_a_demo_request_is_mql_at_once_and_opens_count_by_mail(compiled):
    document = compiled["fit-behavior"]
    said = {
        "title": "VP Marketing",
        "industry": "Software",
        "employees": 300,
        "country": "US",
        "tech_stack": "Salesforce, Slack",
    }
    lead, model = life(
        document,
        (20, "Identified", {"traits": said}),
        (10, "Email Opened", {"properties": {"send_id": "s1"}}),
        (9, "Email Opened", {"properties": {"send_id": "s1"}}),
        (8, "Email Opened", {"properties": {"send_id": "s2"}}),
        (7, "Page Viewed", viewed("/product/a")),
        (6, "Page Viewed", viewed("/product/a")),
        (5, "Page Viewed", viewed("/product/b")),
    )
    fit_lines = {"industry": 15, "company_size": 10, "persona": 20, "tech_stack": 10, "geography": 5}
    assert points(lead, model) == fit_lines
    it = evaluate(lead, model, NOW)
    assert (it.grade, it.quadrant) == ("A", "high_fit_low_engagement")
    lead, model = life(
        document,
        (10, "Email Opened", {"properties": {"send_id": "s1"}}),
        (9, "Email Opened", {"properties": {"send_id": "s2"}}),
        (8, "Email Opened", {"properties": {"send_id": "s3"}}),
        (7, "Page Viewed", viewed("/product/a")),
        (6, "Page Viewed", viewed("/product/b")),
        (5, "Page Viewed", viewed("/product/c")),
        (4, "Webinar Attended", {"properties": {"webinar": "w"}}),
    )
    assert points(lead, model) == {"mail_opens": 10, "product_pages": 15, "webinar": 15}
    assert not is_mql(lead, model)
    assert evaluate(lead, model, NOW).quadrant == "low_fit_high_engagement"
    demo = LeadEvent("d", "Demo Requested", NOW, NOW, "server", user_id="u")
    assert is_mql(apply_event(Lead("l"), demo, model), model)


def test_mid_market_three_days_of_a_week_are_repeat_visits(compiled):
    visits = [(6, "Page Viewed", viewed("/")), (5.9, "Page Viewed", viewed("/")), (3, "Page Viewed", viewed("/"))]
    lead, model = life(compiled["mid-market"], *visits)
    assert points(lead, model) == {}
    lead, model = life(compiled["mid-market"], *visits, (1, "Page Viewed", viewed("/")))
    assert points(lead, model) == {"repeat_visits": 10}
    lead, model = life(
        compiled["mid-market"],
        (9, "Identified", {"traits": {"title": "Data Analyst", "budget_authority": "yes"}}),
        (9, "Page Viewed", viewed("/careers")),
    )
    assert points(lead, model) == {"title_contributor": 5, "budget_authority": 15, "careers_page": -15}


def test_signals_each_kind_of_signal_counts_and_none_alone_suffices(compiled):
    lead, model = life(
        compiled["signals"],
        (9, "Identified", {"traits": {"title": "Marketing Manager", "country": "SE", "employees": 80}}),
        (5, "Page Viewed", viewed("/pricing")),
        (4, "Email Link Clicked", {"properties": {"send_id": "s"}}),
        (3, "Social Engaged", {}),
    )
    assert points(lead, model) == {
        "profession": 10, "location": 10, "company": 10, "role": 10,
        "pricing_page": 20, "visit": 2, "mail_click": 10, "social_engaged": 10,
    }  # fmt: skip
    assert is_mql(lead, model)
    assert not is_mql(replace(lead, facts={}), model)
    assert not is_mql(replace(lead, profile={}), model)


def test_two_factors_interaction_and_characteristics_add_up(compiled):
    lead, model = life(
        compiled["two-factors"],
        (9, "Identified", {"traits": {"title": "Gerente de Ventas", "industry": "retail", "country": "ES"}}),
        (5, "Asset Downloaded", {"properties": {"asset": "ebook-1"}}),
        (4, "Coupon Used", {}),
    )
    assert points(lead, model) == {"position": 10, "industry": 10, "location": 10, "ebook": 10, "coupon": 10}
    assert is_mql(lead, model)


def test_default_a_job_seeker_a_shared_mailbox_and_a_rival_do_not_qualify(compiled):
    model = scoring_model(compiled["default"])

    def asked_for_a_demo(email, *more):
        lead = Lead("l")
        events = [("Demo Requested", {}), *more]
        for number, (name, said) in enumerate(events):
            at = NOW - number * DAY
            event = LeadEvent(f"e{number}", name, at, NOW, "server", email=email, **said)
            lead = apply_event(lead, event, model, address="a")
        return evaluate(lead, model, NOW)

    real = asked_for_a_demo("anna@nordwind.example")
    assert (real.total, real.excluded, real.blocked) == (40_000, None, None)
    free = asked_for_a_demo("anna@gmail.com")
    assert (free.total, free.excluded, free.blocked) == (30_000, None, None)
    shared = asked_for_a_demo("info@nordwind.example")
    assert (shared.total, shared.blocked) == (40_000, "A shared mailbox and no person")
    jobs = ("Page Viewed", viewed("/careers/jobs"))
    assert asked_for_a_demo("anna@nordwind.example", jobs).blocked is None
    assert asked_for_a_demo("anna@nordwind.example", jobs, jobs).blocked == "Looks for a job with us"
    for email, why in (
        ("x@rival.example", "A competitor"),
        ("x@ripen.example", "Our own staff"),
        ("x@mailinator.com", "A disposable mail address"),
    ):
        never = asked_for_a_demo(email)
        assert (never.total, never.excluded) == (0, why)


def test_default_two_minutes_on_a_pricing_page_count_once_a_day(compiled):
    read = {"properties": {"path": "/pricing/team", "seconds": 120}}
    longer = {"properties": {"path": "/pricing", "seconds": 300}}
    shorter = {"properties": {"path": "/pricing", "seconds": 30}}
    elsewhere = {"properties": {"path": "/blog", "seconds": 120}}
    lead, model = life(compiled["default"], *((0, "Page Read", each) for each in (shorter, read, longer, elsewhere)))
    assert points(lead, model) == {"pricing_read": 10}


def test_default_a_recommendation_counts_as_the_first_touch(compiled):
    came = {"context": {"campaign": {"source": "Partner-Site", "medium": "Partner", "name": "Spring"}}}
    lead, model = life(compiled["default"], (9, "Page Viewed", came), (1, "Page Viewed", {}))
    assert points(lead, model)["recommended"] == 5


SCHEMA = ROOT / "docs" / "playbook.schema.json"


def wrong(document):
    return list(jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).iter_errors(document))


def written(name):
    """The document as an editor sees it: dates are texts."""
    text = PRESETS[name].read_text("utf-8")
    return json.loads(json.dumps(yaml.safe_load(re.sub(r"\bon:", '"on":', text)), default=str))


def test_the_schema_for_editors_is_the_models():
    assert SCHEMA.read_text("utf-8") == editor_schema(), "run: ripen playbook schema > docs/playbook.schema.json"
    jsonschema.Draft202012Validator.check_schema(json.loads(editor_schema()))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_right_by_the_schema_it_names(name):
    first = PRESETS[name].read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../docs/playbook.schema.json"
    assert [each.json_path for each in wrong(written(name))] == []


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("scoring", "engagement", 0, "points"), "lots", "$.scoring.engagement[0].points"),
        (("scoring", "engagement", 0, "decay"), {"half_life": 30}, "$.scoring.engagement[0].decay.half_life"),
        (("scoring", "engagement", 0, "counts"), {"every": True}, "$.scoring.engagement[0].counts.every"),
        (("scoring", "engagement", 0, "counts"), {"once": True, "every": 3}, "$.scoring.engagement[0].counts"),
        (("scoring", "engagement", 0, "where"), {"path": ["x"]}, "$.scoring.engagement[0].where"),
        (("scoring", "fit", 0, "where"), {"title": "VP"}, "$.scoring.fit[0].where.title"),
        (("scoring", "fit", 0, "where"), {"title": {"prefix": ["VP"]}}, "$.scoring.fit[0].where.title"),
        (("scoring", "fit", 0, "where"), {"prefix": ["VP"]}, "$.scoring.fit[0].where"),
        (("scoring", "triggers"), list("abcdefghijk"), "$.scoring.triggers"),
        (("scoring", "activity"), ["Page Viewed", "Page Viewed"], "$.scoring.activity"),
        (("handoff", "clocks"), {"contact": written("default")["handoff"]["clocks"]["contact"]}, "$.handoff.clocks"),
        (("scoring", "fit", 0, "where"), {"title": [{"starts": "VP"}]}, "$.scoring.fit[0].where.title"),
        (("scoring", "qualification", "mql"), {"score": 5}, "$.scoring.qualification.mql"),
        (("scoring", "lists", "roles"), {"field": "mailbox"}, "$.scoring.lists.roles"),
        (("mail", "consent"), "maybe", "$.mail.consent"),
        (("agreement", "rewiev_by"), "2027-01-01", "$.agreement"),
    ],
)
def test_the_schema_notices_what_the_check_would(path, value, where):
    document = written("default")
    part = document
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    assert [each.json_path for each in wrong(document)] == [where]


def keys_of(node):
    """Every key the schema knows."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "properties":
                yield from value
            yield from keys_of(value)
    elif isinstance(node, list):
        for each in node:
            yield from keys_of(each)


def test_the_page_explains_every_key_and_names_every_preset():
    page = (ROOT / "docs" / "playbook.md").read_text("utf-8").replace("```", "")
    marked = {word for text in re.findall(r"`([^`]+)`", page) for word in re.findall(r"[$\w-]+", text)}
    assert set(keys_of(json.loads(editor_schema()))) - marked == {"$ref"}
    assert set(PRESETS) <= marked
