"""The compiled playbook, read: everything a document says stands where the rules look for it."""

from dataclasses import asdict

from shared.rules.model import EngagementRule, Exclusion, FitRule, KnownList, scoring_model

LONG = {
    "id": "sprees",
    "label": "Views in a spree",
    "filing": "sprees.1a2b3c",
    "on": ["Page Viewed"],
    "where": {"properties": {"path": ["/pricing"]}},
    "points": 12_500,
    "counts": {"form": "count", "most": 3, "distinct": "asset", "within": 604_800, "asset": "properties.page.path"},
    "decay": {"half_life_seconds": 11, "expires_seconds": 12, "percent": 13, "period_seconds": 14},
    "cap": 40_000,
    "group": "pages",
    "day_cap": 20_000,
    "after_silence": 30,
}
ASKED = {
    "id": "no_show",
    "label": "Did not come",
    "filing": "no_show.4d5e6f",
    "on": ["Webinar Registered"],
    "where": {},
    "points": -5_000,
    "counts": {
        "form": "missing",
        "most": 5,
        "within": 60,
        "asset": "properties.webinar",
        "answer": {"on": ["Webinar Attended", "Page Viewed"], "where": {"properties": {"live": [True]}}},
    },
    "decay": None,
}
SHORT = {
    "id": "visits",
    "label": "Visits",
    "filing": "visits.7a8b9c",
    "on": ["Page Viewed"],
    "where": {},
    "points": 1_000,
    "counts": {"form": "per_day", "most": 4, "a_day": 2},
}
DOCUMENT = {
    "name": "all-of-it",
    "bundle": "all-of-it-1",
    "scoring": {
        "filed": "abc",
        "engagement": [LONG, ASKED, SHORT],
        "fit": [{"id": "buyer", "label": "Buyer", "where": {"role": ["buyer"]}, "points": 7_000}],
        "groups": {"pages": {"label": "Pages", "cap": 50_000}},
        "inactivity": [{"days": 14, "points": -5_000}, {"days": 30, "points": -9_000}],
        "activity": ["Page Viewed", "Demo Requested"],
        "profile": {"role": ["role", "job.role"]},
        "bands": {"early": 0, "engaged": 30_000, "sales_ready": 60_000},
        "hysteresis": 5_000,
        "grades": {"A": 30_000, "B": 20_000, "C": 10_000},
        "levels": [60_000, 30_000, 10_000],
        "refused": ["machine"],
        "qualification": {"mql": {"rule": "sprees"}, "high_priority": {"score_at_least": 90_000}},
        "cool_downs": {"timing": 2_592_000},
        "comes_back": {"timing": {"rule": "sprees"}},
        "never": ["wrong_person"],
        "exclusions": [
            {"id": "staff", "label": "Staff", "where": {"lists": ["own"]}, "rule": None, "effect": "zero"},
            {"id": "left", "label": "Left", "where": {}, "rule": "no_show", "effect": "block"},
        ],
        "lists": {"own": {"field": "mail_domain", "values": ["own.example"]}},
        "touches": True,
        "triggers": ["no_show"],
        "quadrant": {"grades": ["A"], "levels": [1, 2, 3]},
    },
}


def test_a_rule_with_everything_is_read_with_everything():
    assert scoring_model(DOCUMENT).engagement[0] == EngagementRule(
        rule="sprees",
        label="Views in a spree",
        filing="sprees.1a2b3c",
        where={"properties": {"path": ["/pricing"]}},
        points=12_500,
        counts="count",
        most=3,
        a_day=1,
        asset=("properties", "page", "path"),
        half_life=11,
        expires=12,
        cap=40_000,
        group="pages",
        on=frozenset({"Page Viewed"}),
        distinct="asset",
        within=604_800,
        silence=30,
        percent=13,
        period=14,
        day_cap=20_000,
        answer=None,
    )


def test_a_rule_that_waits_for_an_answer_is_read_with_it():
    rule = scoring_model(DOCUMENT).engagement[1]
    assert (rule.counts, rule.most, rule.within, rule.asset) == ("missing", 5, 60, ("properties", "webinar"))
    where = {"properties": {"live": [True]}}
    assert rule.answer == (frozenset({"Webinar Attended", "Page Viewed"}), where)
    assert (rule.answers, rule.points) == ("no_show.4d5e6f!", -5_000)
    assert rule.answered_by({"properties": {"live": True}})
    assert not rule.answered_by({"properties": {"live": False}})


def test_what_a_rule_does_not_say_is_absent():
    rule = scoring_model(DOCUMENT).engagement[2]
    assert (rule.counts, rule.most, rule.a_day, rule.asset, rule.distinct) == ("per_day", 4, 2, (), "event")
    assert (rule.half_life, rule.expires, rule.percent, rule.period) == (None, None, 0, None)
    assert (rule.cap, rule.group, rule.day_cap, rule.silence, rule.answer, rule.within) == (*[None] * 5, 0)
    assert rule.matches({})


def test_an_event_meets_only_the_rules_that_ask_for_it_or_for_its_answer():
    by_event = scoring_model(DOCUMENT).by_event
    assert {name: [rule.rule for rule in rules] for name, rules in by_event.items()} == {
        "Page Viewed": ["sprees", "no_show", "visits"],
        "Webinar Registered": ["no_show"],
        "Webinar Attended": ["no_show"],
    }


def test_the_rest_of_the_document_is_read_whole():
    model = scoring_model(DOCUMENT)
    assert (model.name, model.bundle, model.filed) == ("all-of-it", "all-of-it-1", "abc")
    assert model.fit == (FitRule("buyer", "Buyer", {"role": ["buyer"]}, 7_000),)
    assert model.groups == {"pages": ("Pages", 50_000)}
    assert model.inactivity == ((14, -5_000), (30, -9_000))
    assert model.activity == {"Page Viewed", "Demo Requested"}
    assert model.profile == {"role": (("role",), ("job", "role"))}
    assert model.bands == (("sales_ready", 60_000), ("engaged", 30_000), ("early", 0))
    assert model.hysteresis == 5_000
    assert model.grades == (("A", 30_000), ("B", 20_000), ("C", 10_000), ("D", 0))
    assert model.levels == ((1, 60_000), (2, 30_000), (3, 10_000))
    assert model.refused == {"machine"}
    assert (model.mql, model.priority) == ({"rule": "sprees"}, {"score_at_least": 90_000})
    assert model.cool_downs == {"timing": 2_592_000}
    assert (model.comes_back, model.never) == ({"timing": {"rule": "sprees"}}, {"wrong_person"})
    assert [asdict(each)["label"] for each in model.exclusions] == ["Staff", "Left"]
    assert model.exclusions[0] == Exclusion("staff", "Staff", {"lists": ["own"]}, None, "zero")
    assert model.exclusions[1] == Exclusion("left", "Left", {}, "no_show", "block")
    assert model.lists == (KnownList("own", "mail_domain", frozenset({"own.example"})),)
    assert model.touches is True
    assert model.triggers == {"no_show"}
    assert (model.high_grades, model.high_levels) == ({"A"}, {1, 2, 3})


def test_how_machines_are_told_is_read_and_a_document_without_it_tells_none():
    assert scoring_model(DOCUMENT).bots.pages == 0
    said = {"names": ["Bot"], "shapes": ["crawl"], "also": ["own"], "never": ["not"], "headless": True, "pages": 20,
            "within_seconds": 10, "score": True}  # fmt: skip
    read = scoring_model({**DOCUMENT, "bots": said}).bots
    assert [*map(list, (read.names, read.shapes, read.also, read.never))] == [["Bot"], ["crawl"], ["own"], ["not"]]
    assert (read.headless, read.pages, read.within, read.score) == (True, 20, 10, True)


def test_only_what_patterns_ask_for_is_derived_and_what_its_lists_compare():
    scoring = DOCUMENT["scoring"]
    assert scoring_model(DOCUMENT).derived == {"lists", "mail_domain"}
    branches = {"$or": [{"seniority": ["vp"]}, {"role": ["buyer"], "mailbox": ["info"]}]}
    fit = [{"id": "f", "label": "F", "where": branches, "points": 1}]
    assert scoring_model({**DOCUMENT, "scoring": {**scoring, "fit": fit, "exclusions": []}}).derived == {
        "seniority",
        "mailbox",
    }


def test_rules_that_look_at_silence_are_known_and_labels_are_by_id():
    model = scoring_model(DOCUMENT)
    assert [rule.rule for rule in model.after_silence] == ["sprees"]
    assert model.labels() == {
        "sprees": "Views in a spree",
        "no_show": "Did not come",
        "visits": "Visits",
        "buyer": "Buyer",
    }
