"""`ripen playbook diff`: whom a new playbook moves, before anything is published."""

import json
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.offline import NAMING_KEY
from functions.score.handler import handler as score
from shared.aws import playbooks
from shared.aws.leads import read_entry
from shared.instants import DAY, HOUR, instant_text, parse_instant
from shared.lead import Lead, LeadEvent
from shared.playbook import DEFAULT, FOLDER, compile_playbook
from shared.playbook_yaml import read_yaml
from shared.rules.model import ScoringModel, scoring_model
from shared.rules.replay import gathered, replayed
from shared.rules.scoring import evaluate
from shared.rules.settling import settle, settled_band
from tests.audience_events import AS_OF, calls_of, lead_event
from tests.cli.conftest import Ripen
from tests.conftest import Aws, Context

NOON = parse_instant("2026-01-05T12:00:00Z")

Edited = Callable[[Callable[[dict[str, Any]], None]], Path]


@pytest.fixture(scope="module")
def audience() -> list[LeadEvent]:
    """What every fourth person of the demo's audience did, received when it happened."""
    events = [lead_event(call) for call in calls_of(range(0, 300, 4))]
    return [replace(each, received_at=each.occurred_at) for each in events]


@pytest.fixture(scope="module")
def audience_file(audience: list[LeadEvent], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("audience") / "events.jsonl", audience)


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    """Return the default playbook with its scoring changed, as a file beside its mails."""
    shutil.copytree(FOLDER / "mails", tmp_path / "mails")
    said, _ = read_yaml(DEFAULT)

    def write(change: Callable[[dict[str, Any]], None]) -> Path:
        new = deepcopy(said)
        change(new["scoring"])
        file = tmp_path / f"new{len(list(tmp_path.glob('*.yaml')))}.yaml"
        file.write_text(yaml.safe_dump(new, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return file

    return write


def written(file: Path, events: list[LeadEvent]) -> Path:
    lines = [
        json.dumps({**each.to_json(), "source": each.source, "received_at": instant_text(each.received_at)})
        for each in events
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def model_of(file: Path) -> ScoringModel:
    return scoring_model(compile_playbook(file))


def rule(scoring: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in scoring["fit"] + scoring["engagement"] if each["id"] == name)


def expected(events: list[LeadEvent], new: ScoringModel) -> dict[str, tuple[int, int, str, str]]:
    """
    Return (old total, new total, old band, new band) of each lead that differs, by its id.

    Worked out from leads that were filed by each playbook afresh, not from one filed again.
    """
    old = scoring_model(compile_playbook(DEFAULT))
    settled = {lead.lead_id: lead.settled.band for lead in replayed(events, old, NAMING_KEY, AS_OF).leads()}
    leads = {lead.lead_id: lead for lead in gathered(events, new, NAMING_KEY).leads()}
    found = {}
    for lead in gathered(events, old, NAMING_KEY).leads():
        before = evaluate(lead, old, AS_OF).total
        after = evaluate(leads[lead.lead_id], new, AS_OF).total
        band = settled_band(settled[lead.lead_id], before, old)
        found[lead.lead_id] = (before, after, band, settled_band(band, after, new))
    return {name: each for name, each in found.items() if each[0] != each[1] or each[2] != each[3]}


def agrees(said: dict[str, Any], wanted: dict[str, tuple[int, int, str, str]]) -> None:
    """Check the biggest movers, whole, and who moves band, with what was worked out independently."""
    movers = {
        each["lead_id"]: (round(each["old"] * 1000), round(each["new"] * 1000), each["from_band"], each["to_band"])
        for each in said["biggest"]
    }
    assert movers == {name: each for name, each in wanted.items() if each[0] != each[1]}
    assert {each["lead_id"] for each in said["moves"]} == {name for name, each in wanted.items() if each[2] != each[3]}
    sizes = [abs(each["difference"]) for each in said["biggest"]]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sum(row.values()) for row in said["bands"].values()) == said["leads"]
    off_diagonal = sum(count for old, row in said["bands"].items() for new, count in row.items() if old != new)
    assert off_diagonal == len(said["moves"])


def test_a_changed_weight_moves_who_it_should(
    ripen: Ripen, edited: Edited, audience: list[LeadEvent], audience_file: Path
) -> None:
    new = edited(lambda scoring: rule(scoring, "title_leads").update(points=33))
    ran = ripen(
        "playbook", "diff", DEFAULT, new, "--events", audience_file, "--as-of", instant_text(AS_OF), "--json", "--all"
    )
    assert (ran.code, ran.err) == (0, "")
    wanted = expected(audience, model_of(new))
    agrees(ran.json, wanted)
    assert len(wanted) > 5
    assert any(each[2] != each[3] for each in wanted.values())
    for move in ran.json["biggest"]:
        assert sum(line["new"] - line["old"] for line in move["lines"]) == pytest.approx(move["difference"])
    assert [(each["change"], each["part"], each["name"], each["values"]) for each in ran.json["changes"]] == [
        ("changed", "fit rule", "title_leads", [{"field": "points", "old": "+20", "new": "+33"}])
    ]


def test_a_new_rule_counts_what_happened_before_it_was_written(
    ripen: Ripen, edited: Edited, audience: list[LeadEvent], audience_file: Path
) -> None:
    new = edited(
        lambda scoring: scoring["engagement"].append(
            {"id": "any_page", "label": "Viewed anything", "on": "Page Viewed", "points": 4, "counts": {"every": 6}}
        )
    )
    ran = ripen(
        "playbook", "diff", DEFAULT, new, "--events", audience_file, "--as-of", instant_text(AS_OF), "--json", "--all"
    )
    wanted = expected(audience, model_of(new))
    agrees(ran.json, wanted)
    assert any(each[1] - each[0] == 24_000 for each in wanted.values())
    (added,) = ran.json["changes"]
    assert (added["change"], added["part"], added["name"]) == ("added", "rule", "any_page")


def test_a_new_threshold_moves_bands_and_qualification_and_no_points(
    ripen: Ripen, edited: Edited, audience: list[LeadEvent], audience_file: Path
) -> None:
    def higher(scoring: dict[str, Any]) -> None:
        scoring["bands"]["sales_ready"] = 105
        scoring["qualification"]["mql"] = {"score_at_least": 60}

    new = edited(higher)
    ran = ripen("playbook", "diff", DEFAULT, new, "--events", audience_file, "--as-of", instant_text(AS_OF), "--json")
    agrees(ran.json, expected(audience, model_of(new)))
    assert ran.json["moves"]
    assert ran.json["biggest"] == []
    old_model, new_model = model_of(DEFAULT), model_of(new)
    new_mqls, lost_mqls = set(), set()
    for lead in replayed(audience, old_model, NAMING_KEY, AS_OF).leads():
        before = settle(lead, old_model, AS_OF, fresh=False, own=False).lead
        total = evaluate(before, new_model, AS_OF)
        after = (
            total.total >= (55_000 if before.settled.qualified else 60_000) and not total.excluded and not total.blocked
        )
        if after != before.settled.qualified:
            (new_mqls if after else lost_mqls).add(lead.lead_id)
    assert {each["lead_id"] for each in ran.json["new_mqls"]} == new_mqls != set()
    assert {each["lead_id"] for each in ran.json["lost_mqls"]} == lost_mqls


def test_the_same_question_has_the_same_answer_to_the_letter(ripen: Ripen, edited: Edited, audience_file: Path) -> None:
    new = edited(lambda scoring: rule(scoring, "industry").update(points=20))
    asked = ("playbook", "diff", DEFAULT, new, "--events", audience_file, "--json")
    assert ripen(*asked).out == ripen(*asked).out


PRICING = {"path": "/pricing"}


def visits(number: int, user: str, **traits: Any) -> list[LeadEvent]:
    """Somebody with a known name who viewed the pricing page so often, at one instant."""
    said = {"email": f"{user}@buyer.example", "received_at": NOON, "source": "server", "occurred_at": NOON}
    return [
        LeadEvent(f"{user}-who", "Identified", traits=traits, **said),
        *(LeadEvent(f"{user}-{each}", "Page Viewed", properties=PRICING, **said) for each in range(number)),
    ]


def all_of(*edits: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def change(scoring: dict[str, Any]) -> None:
        for each in edits:
            each(scoring)

    return change


def excluding(**exclusion: Any) -> Callable[[dict[str, Any]], None]:
    return lambda scoring: scoring["exclusions"].append(exclusion)


def worth(points: float) -> Callable[[dict[str, Any]], None]:
    """Make the pricing page worth so much, without decay or group."""

    def change(scoring: dict[str, Any]) -> None:
        pricing = rule(scoring, "pricing_page")
        pricing["points"] = points
        for name in ("decay", "group", "cap", "day_cap"):
            pricing.pop(name, None)

    return change


@pytest.mark.parametrize(("points", "moves"), [(12, []), (11.9, [("ada@buyer.example", "sales_ready", "engaged")])])
def test_a_lead_that_hysteresis_keeps_in_its_band_moves_none(
    ripen: Ripen, edited: Edited, tmp_path: Path, points: float, moves: list[tuple[str, str, str]]
) -> None:
    """80 points lead into the band, and less than 75 out of it; 15 of them are for five views in a short time."""
    file = written(tmp_path / "events.jsonl", visits(5, "ada"))
    old, new = edited(worth(13)), edited(worth(points))
    said = ripen("playbook", "diff", old, new, "--events", file, "--json").json
    assert [(each["who"], each["from_band"], each["to_band"]) for each in said["moves"]] == moves
    assert [(each["old"], each["new"]) for each in said["biggest"]] == [(80, points * 5 + 15)]


def test_what_time_alone_does_is_not_the_new_playbooks_doing(ripen: Ripen, edited: Edited, tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", visits(5, "ada"))
    new = edited(lambda scoring: scoring.update(levels=[61, 30, 10]))
    later = instant_text(NOON + 300 * DAY)
    ran = ripen("playbook", "diff", DEFAULT, new, "--events", file, "--as-of", later)
    assert "Nobody moves." in ran.out
    assert "changed levels: 60, 30, 10 -> 61, 30, 10" in ran.out


def test_who_becomes_excluded_loses_the_score_and_the_qualification(
    ripen: Ripen, edited: Edited, tmp_path: Path
) -> None:
    file = written(tmp_path / "events.jsonl", visits(5, "ada") + visits(5, "eve", company="Rival"))
    exclusion = excluding(id="rival", label="Works for a rival", where={"company": ["Rival"]})
    old, new = edited(worth(20)), edited(all_of(worth(20), exclusion))
    ran = ripen("playbook", "diff", old, new, "--events", file, "--json")
    (move,) = ran.json["moves"]
    assert (move["who"], move["from_band"], move["to_band"], move["new"]) == (
        "eve@buyer.example",
        "sales_ready",
        "early",
        0,
    )
    assert [line["kind"] for line in move["lines"]] == ["exclusion"]
    assert [each["who"] for each in ran.json["lost_mqls"]] == ["eve@buyer.example"]
    shown = ripen("playbook", "diff", old, new, "--events", file).out
    assert "lost MQLs: 1 (eve@buyer.example)" in shown
    assert "Excluded: Works for a rival 0 -> -115" in shown
    back = ripen("playbook", "diff", new, old, "--events", file, "--json").json
    assert [each["who"] for each in back["new_mqls"]] == ["eve@buyer.example"]


def test_a_blocked_lead_keeps_its_score_and_loses_its_qualification(
    ripen: Ripen, edited: Edited, tmp_path: Path
) -> None:
    file = written(tmp_path / "events.jsonl", visits(5, "eve", company="Rival"))
    exclusion = excluding(id="rival", label="Rival", where={"company": ["Rival"]}, effect="block")
    old, new = edited(worth(20)), edited(all_of(worth(20), exclusion))
    said = ripen("playbook", "diff", old, new, "--events", file, "--json").json
    assert (said["moves"], said["biggest"]) == ([], [])
    assert [each["who"] for each in said["lost_mqls"]] == ["eve@buyer.example"]


def test_a_playbook_that_says_the_same_moves_nobody(ripen: Ripen, audience_file: Path) -> None:
    ran = ripen("playbook", "diff", DEFAULT, DEFAULT, "--events", audience_file)
    assert ran.code == 0
    assert "the two say the same" in ran.out
    assert "Nobody moves." in ran.out


def test_the_biggest_ten_are_shown_unless_all_are_asked_for(ripen: Ripen, edited: Edited, audience_file: Path) -> None:
    new = edited(lambda scoring: rule(scoring, "title_leads").update(points=21))
    asked = ("playbook", "diff", DEFAULT, new, "--events", audience_file)
    few, everybody = ripen(*asked, "--json").json["biggest"], ripen(*asked, "--json", "--all").json["biggest"]
    assert len(few) == 10 < len(everybody)
    assert everybody[:10] == few
    assert f"Biggest movers (10 of {len(everybody)}; --all shows all)" in ripen(*asked).out


def test_cause_stands_beside_effect_in_words(ripen: Ripen, edited: Edited, tmp_path: Path) -> None:
    def change(scoring: dict[str, Any]) -> None:
        pricing = rule(scoring, "pricing_page")
        pricing |= {"points": 25, "counts": {"every": 3}, "decay": {"half_life": "45 days"}}
        scoring["engagement"].remove(rule(scoring, "trial_start"))
        scoring["bands"]["engaged"] = 40
        scoring["qualification"]["mql"] = {"score_at_least": 62.5}
        scoring["lists"]["competitors"]["values"].append("third-rival.example")

    file = written(tmp_path / "events.jsonl", visits(1, "ada"))
    out = ripen("playbook", "diff", DEFAULT, edited(change), "--events", file).out
    for words in (
        "changed rule Viewed the pricing page (pricing_page): points +20 -> +25",
        "decay half life 30 days -> 45 days",
        "counts most 5 -> 3",
        "removed rule Started a trial (trial_start)",
        "changed band engaged: 50 -> 40",
        '-> {"score_at_least": 62.5}',
        "changed list competitors: gains third-rival.example",
    ):
        assert words in " ".join(out.split()), words


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((DEFAULT, "nowhere.yaml", "--events", "-"), "nowhere.yaml: there is no such file"),
        (("nowhere.yaml", DEFAULT, "--events", "-"), "nowhere.yaml: there is no such file"),
        (("current", DEFAULT, "--events", "-"), "name the stage with --stage"),
        ((DEFAULT, DEFAULT, "--events", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_what_is_not_there_is_named(ripen: Ripen, arguments: tuple[object, ...], problem: str) -> None:
    ran = ripen("playbook", "diff", *arguments)
    assert ran.code == 1
    assert problem in ran.err


def test_nobody_cannot_be_compared(ripen: Ripen, tmp_path: Path) -> None:
    ran = ripen("playbook", "diff", DEFAULT, DEFAULT, "--events", written(tmp_path / "none.jsonl", []))
    assert ran.code == 1
    assert "there is no event in it" in ran.err


def test_before_the_first_event_there_is_nobody_to_compare(ripen: Ripen, audience_file: Path) -> None:
    events = ("--events", audience_file, "--as-of", "2001-01-01T00:00:00Z")
    ran = ripen("playbook", "diff", "default", "mid-market", *events)
    assert ran.code == 1
    assert "nobody had done anything by 2001-01-01T00:00:00Z; the first event is of 2" in ran.err


def test_a_broken_playbook_is_told_with_its_problems(ripen: Ripen, edited: Edited, audience_file: Path) -> None:
    new = edited(lambda scoring: rule(scoring, "title_leads").update(points="many"))
    ran = ripen("playbook", "diff", DEFAULT, new, "--events", audience_file)
    assert ran.code == 1
    assert new.name in ran.err
    assert "points" in ran.err


OUTPUTS = ("TableName", "SettleQueueUrl", "ResettleQueueUrl")


@pytest.fixture
def stage(aws: Aws, context: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """A stage under moto that the command finds as `dev`."""
    outputs = dict(zip(OUTPUTS, (aws.table_name, aws.settle_queue_url, aws.resettle_queue_url), strict=True))
    monkeypatch.setattr("shared.aws.deployments.stack_outputs", lambda _stage: outputs)
    playbooks.forget()
    yield aws
    playbooks.forget()


def fed(events: list[LeadEvent], context: Context) -> None:
    """Let the stage score the events, each in a message of its own that arrives when it was received."""
    for each in sorted(events, key=lambda each: (each.received_at, each.occurred_at, each.event_id)):
        body = {
            "schema": 1,
            "source": each.source,
            "received_at": instant_text(each.received_at),
            "events": [each.to_json()],
        }
        record = {"messageId": f"m-{each.event_id}", "body": json.dumps(body), "eventSource": "aws:sqs"}
        assert score({"Records": [record]}, context) == {"batchItemFailures": []}


def without_ids(said: dict[str, Any]) -> dict[str, Any]:
    """Return the answer without the ids of leads, which a stage makes with its own secret."""
    text = json.dumps(said, sort_keys=True)
    return json.loads(text, object_hook=lambda found: {name: each for name, each in found.items() if name != "lead_id"})


def test_a_stage_and_a_file_of_its_events_say_the_same(
    ripen: Ripen, edited: Edited, stage: Aws, context: Context, tmp_path: Path
) -> None:
    events = [
        *visits(5, "ada", title="Director"),
        *visits(2, "bob", industry="retail"),
        *visits(1, "eve", country="SE"),
    ]
    device = {"anonymous_id": "d", "source": "server"}
    events += [
        LeadEvent("v1", "Page Viewed", NOON - HOUR, NOON - HOUR, properties=PRICING, **device),
        LeadEvent("v2", "Identified", NOON + HOUR, NOON + HOUR, email="bob@buyer.example", **device),
    ]
    fed(events, context)
    before = stage.items()

    def change(scoring: dict[str, Any]) -> None:
        rule(scoring, "title_leads")["points"] = 5
        rule(scoring, "pricing_page")["counts"] = {"every": 2}

    new, later = edited(change), instant_text(NOON + 2 * HOUR)
    of_stage = ripen("playbook", "diff", "current", new, "--stage", "dev", "--as-of", later, "--json")
    assert (of_stage.code, "3 leads of stage dev read" in of_stage.err) == (0, True)
    of_file = ripen(
        "playbook",
        "diff",
        DEFAULT,
        new,
        "--events",
        written(tmp_path / "events.jsonl", events),
        "--as-of",
        later,
        "--json",
    )
    assert without_ids(of_stage.json) == without_ids(of_file.json)
    assert of_stage.json["moves"]
    assert stage.items() == before


@pytest.mark.parametrize("old", ["current", "default"])
def test_a_stage_that_may_not_be_read_is_named_with_the_reason(
    old: str, ripen: Ripen, stage: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.aws.deployments.stack_outputs", lambda _stage: dict.fromkeys(OUTPUTS, "another"))
    ran = ripen("playbook", "diff", old, "funnel", "--stage", "dev")
    assert (ran.code, ran.out) == (1, "")
    assert "ripen: stage dev: An error occurred (ResourceNotFoundException)" in ran.err


def test_publishing_does_to_a_stage_what_the_diff_said(
    ripen: Ripen, edited: Edited, stage: Aws, context: Context
) -> None:
    """The diff, then the new playbook in force, then every lead settled by the score function."""
    fed([*visits(5, "ada", title="Director"), *visits(2, "bob", industry="retail"), *visits(4, "eve")], context)
    new = edited(lambda scoring: rule(scoring, "pricing_page").update(points=12, counts={"every": 3}))
    at = NOON + 2 * HOUR
    said = ripen("playbook", "diff", "current", new, "--stage", "dev", "--as-of", instant_text(at), "--json").json
    before = {lead.lead_id: lead for lead in leads_of(stage)}
    compiled = compile_playbook(new)
    old_bundle = playbooks.current()["bundle"]
    playbooks.put(compiled, by="test")
    playbooks.move(compiled["bundle"], seen=old_bundle if playbooks.pointer() else None, by="test")
    playbooks.refresh()
    body = {"schema": 1, "settle": sorted(before), "as_of": instant_text(at)}
    score({"Records": [{"messageId": "s", "body": json.dumps(body), "eventSource": "aws:sqs"}]}, context)
    moved = {
        lead.lead_id: (before[lead.lead_id].settled.band, lead.settled.band)
        for lead in leads_of(stage)
        if lead.settled.band != before[lead.lead_id].settled.band
    }
    assert {each["lead_id"]: (each["from_band"], each["to_band"]) for each in said["moves"]} == moved != {}


def leads_of(stage: Aws) -> list[Lead]:
    entries = [read_entry(item) for item in stage.items() if item["SK"] == "LEAD"]
    return [entry for entry in entries if isinstance(entry, Lead)]
