"""A playbook compared and published on the deployed stage: who moves, that nobody hears of it, and who does later."""

import json
import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import playbook_publish
from cli.main import STOPPED
from infra.local.demo.audience import audience
from infra.local.outputs import Outputs
from shared import table
from shared.aws import chains, playbooks
from shared.aws.leads import read_entry
from shared.instants import instant_text
from shared.intake.segment import read_batch
from shared.lead import Lead
from shared.playbook import DEFAULT, compile_playbook
from shared.playbook_yaml import read_yaml
from shared.rules.model import scoring_model
from shared.rules.replay import gathered
from shared.rules.score_view import lead_score_view
from tests.audience_events import SEED
from tests.cli.conftest import Ripen
from tests.end_to_end.conftest import Platform
from tests.end_to_end.posting import bodies

pytestmark = pytest.mark.embedded

TOGETHER = 40
"""Calls of one request."""

Json = dict[str, Any]
Scoring = dict[str, Any]


@dataclass(frozen=True)
class Crowd:
    """A quarter of the demo's audience: the bodies posted, each sent when it was posted, and the addresses they name."""

    requests: tuple[Json, ...]
    addresses: frozenset[str]

    def write(self, path: Path) -> Path:
        path.write_text("\n".join(map(json.dumps, self.requests)), encoding="utf-8")
        return path


@pytest.fixture(scope="module")
def crowd(platform: Platform) -> Crowd:
    """Post what 75 people did in four weeks: page views with the browser's key, all else with the server's."""
    everybody = audience(SEED, int(time.time()))
    some = everybody.people[3::4]
    devices, users = {person.anonymous_id for person in some}, {person.user_id for person in some}
    calls = [
        call
        for call in everybody.calls
        if call.kind != "form" and (call.anonymous_id in devices or call.user_id in users)
    ]
    requests = []
    for key in (platform.outputs.public_key, platform.outputs.write_key):
        said = [call for call in calls if (call.kind == "page") is (key == platform.outputs.public_key)]
        for start in range(0, len(said), TOGETHER):
            sent_at = instant_text(int(time.time()))
            body = {"batch": bodies(said[start : start + TOGETHER]), "sentAt": sent_at, "writeKey": key}
            assert platform.post("/v1/batch", body, key=key).status_code == 200
            requests.append(body)
    platform.settle_down("scoring the crowd")
    return Crowd(tuple(requests), frozenset(person.email for person in some))


def test_http_file_and_rules_say_the_same_to_the_letter(
    platform: Platform, crowd: Crowd, ripen_here: Ripen, tmp_path: Path
) -> None:
    at = int(time.time())
    model = scoring_model(compile_playbook())
    ran = ripen_here("score", crowd.write(tmp_path / "requests.jsonl"), "--as-of", instant_text(at), "--json")
    events = [
        event
        for body in crowd.requests
        for event in read_batch(body, intake=_intake(body, platform.outputs), received_at=at)[0]
    ]
    pure = {str(lead.value("email")): lead_score_view(lead, model, at) for lead in gathered(events, model, "k").leads()}
    pure = {address: score for address, score in pure.items() if address in crowd.addresses}
    offline = {lead["who"]: lead["score"] for lead in ran.json["leads"] if lead["who"] in crowd.addresses}
    stage = {address: platform.look_up(address, as_of=instant_text(at))["score"] for address in pure}
    assert _texts(stage) == _texts(pure)
    assert _texts(offline) == _texts(pure)
    assert len(pure) > 40


def _intake(body: Json, outputs: Outputs) -> Any:
    return "public" if body["writeKey"] == outputs.public_key else "server"


def _texts(scores: dict[str, Json]) -> dict[str, str]:
    return {address: json.dumps(score, ensure_ascii=False) for address, score in scores.items()}


def weight(scoring: Scoring) -> None:
    (rule,) = (rule for rule in scoring["engagement"] if rule["id"] == "pricing_page")
    rule["points"] = 30


def rule(scoring: Scoring) -> None:
    scoring["engagement"].append(
        {
            "id": "product_interest",
            "label": "Has looked at the product",
            "on": "Page Viewed",
            "where": {"properties": {"path": [{"prefix": "/product"}]}},
            "points": 5,
            "counts": {"once": True},
        }
    )


def threshold(scoring: Scoring) -> None:
    (condition,) = (each for each in scoring["qualification"]["mql"]["any"] if "all" in each)
    condition["all"][0]["score_at_least"] = 68


CHANGES = (weight, rule, threshold)


def written(path: Path, *changes: Callable[[Scoring], None]) -> Path:
    """Write the default playbook with the changes."""
    said = deepcopy(read_yaml(DEFAULT)[0])
    for change in changes:
        change(said["scoring"])
    path.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def diff(ripen_here: Ripen, new: Path, at: int, *source: object) -> Json:
    old = "current" if "--stage" in source else DEFAULT
    ran = ripen_here("playbook", "diff", old, new, *source, "--as-of", instant_text(at), "--all", "--json")
    assert ran.code == 0, ran.err
    return dict(ran.json)


def test_a_file_of_the_events_names_the_same_movers_as_the_stage(
    platform: Platform, crowd: Crowd, ripen_here: Ripen, tmp_path: Path
) -> None:
    new, at = written(tmp_path / "new.yaml", *CHANGES), int(time.time())
    of_stage = diff(ripen_here, new, at, "--stage", "local")
    of_file = diff(ripen_here, new, at, "--events", crowd.write(tmp_path / "requests.jsonl"))
    for part in ("new_mqls", "lost_mqls", "moves", "biggest"):
        assert _of_crowd(of_file[part], crowd) == _of_crowd(of_stage[part], crowd), part
    assert len(_of_crowd(of_stage["biggest"], crowd)) > 20


def _of_crowd(moves: list[Json], crowd: Crowd) -> dict[str, Json]:
    """Return what is said of the crowd by address: lead ids are made with another secret in a file."""
    return {
        move["who"]: {name: value for name, value in move.items() if name != "lead_id"}
        for move in moves
        if move["who"] in crowd.addresses
    }


@pytest.mark.parametrize("count", [1, 2, 3], ids=[change.__name__ for change in CHANGES])
def test_publishing_does_what_the_comparison_says_and_tells_nobody_before_the_lead_acts(
    platform: Platform,
    crowd: Crowd,
    ripen_here: Ripen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    """The third one is published by a command that is stopped in the middle, and called again with `--resume`."""
    new, at = written(tmp_path / "new.yaml", *CHANGES[:count]), int(time.time())
    said = diff(ripen_here, new, at, "--stage", "local")
    before, heard = leads_of(platform), everything_heard(platform)
    publish(ripen_here, new, at, monkeypatch, stopped=count == len(CHANGES))
    platform.settle_down("publishing")
    after = leads_of(platform)
    assert standing(after) == expected(before, said)
    assert Counter(lead.settled.band for lead in after.values()) == bands_after(said)
    assert {lead.settled.playbook for lead in after.values()} == {said["new"]["bundle"]}
    assert everything_heard(platform) == heard
    assert heard["slack"]
    assert heard["alerts"]
    assert heard["enrollments"]
    newly = {each["who"]: each["lead_id"] for each in said["new_mqls"]}
    assert newly
    assert newly.keys() <= crowd.addresses
    for _ in range(2):
        for address, lead_id in newly.items():
            act(platform, address, f"own-{count}-{lead_id}")
        platform.settle_down("own events")
        alerts, qualified, announced = told_of(platform, set(newly.values()), heard)
        assert alerts == qualified == announced == Counter(newly.values())


def publish(ripen_here: Ripen, new: Path, at: int, monkeypatch: pytest.MonkeyPatch, *, stopped: bool) -> None:
    """Publish and wait until the walk is done. Nothing is under way in the stage, so only its pointers must grow old."""
    monkeypatch.setattr(playbook_publish, "walk_after", lambda _: playbooks.LOOK_EVERY + 1)
    monkeypatch.setattr(playbook_publish, "LOOK_AGAIN", 0.5)
    asked: tuple[object, ...] = (new, "--by", "tests", "--as-of", instant_text(at))
    bundle = compile_playbook(new)["bundle"]
    if stopped:
        with monkeypatch.context() as broken:
            broken.setattr(playbook_publish, "walk_after", _stop)
            assert ripen_here("playbook", "publish", *asked).code == STOPPED
        in_force = playbooks.pointer()
        assert in_force is not None
        assert in_force.bundle == bundle
        assert not any(chain.walked or chain.done for chain in chains.chains(bundle))
        asked = ("--resume",)
    ran = ripen_here("playbook", "publish", *asked, "--stage", "local")
    assert (ran.code, ran.err) == (0, "")
    assert f"leads walked and settled by {bundle}" in ran.out
    assert all(chain.done for chain in chains.chains(bundle))


def _stop(_stage: str) -> int:
    raise KeyboardInterrupt


def leads_of(platform: Platform) -> dict[str, Lead]:
    found = [read_entry(item) for item in platform.items() if item["SK"] == table.LEAD_SK]
    return {lead.lead_id: lead for lead in found if isinstance(lead, Lead)}


def standing(leads: dict[str, Lead]) -> dict[str, tuple[str | None, bool]]:
    return {lead_id: (lead.settled.band, lead.settled.qualified) for lead_id, lead in leads.items()}


def expected(before: dict[str, Lead], said: Json) -> dict[str, tuple[str | None, bool]]:
    """Return band and qualification of every lead if what the comparison says comes true and nothing else."""
    bands = {move["lead_id"]: move["to_band"] for move in said["moves"]}
    gained = {each["lead_id"] for each in said["new_mqls"]}
    lost = {each["lead_id"] for each in said["lost_mqls"]}
    return {
        lead_id: (bands.get(lead_id, band), lead_id in gained or (qualified and lead_id not in lost))
        for lead_id, (band, qualified) in standing(before).items()
    }


def bands_after(said: Json) -> Counter[str]:
    return +Counter({band: sum(row[band] for row in said["bands"].values()) for band in said["bands"]})


def everything_heard(platform: Platform) -> dict[str, list[Any]]:
    """Return all that anybody outside was told, in Slack, by mail, by the topics, on the bus; and who is to be mailed."""
    return {
        "slack": platform.slack_messages(),
        "mails": platform.mails(""),
        "alerts": platform.taken(platform.alerts_queue_url),
        "escalations": platform.taken(platform.escalations_queue_url),
        "bus": platform.taken(platform.bus_queue_url),
        "enrollments": [item for item in platform.items() if item["SK"].startswith(table.TRACK_PREFIX)],
    }


def act(platform: Platform, address: str, message_id: str) -> None:
    """Have the person do something that no rule counts."""
    context = {"traits": {"email": address}}
    body = {"event": "Settings Opened", "messageId": message_id, "context": context}
    assert platform.post("/v1/track", body).status_code == 200


def told_of(platform: Platform, lead_ids: set[str], heard: dict[str, list[Any]]) -> tuple[Counter[str], ...]:
    """Return for each lead how many Slack alerts, `LeadQualified` and SNS alerts there were since."""
    now = everything_heard(platform)
    since = {name: now[name][len(told) :] for name, told in heard.items()}
    slack = [str(message) for message in since["slack"] if "thread_ts" not in message]
    qualified = [str(told) for told in since["bus"] if told["detail-type"] == "LeadQualified"]
    topic = [str(told) for told in since["alerts"]]
    return tuple(
        Counter({lead_id: sum(lead_id in text for text in texts) for lead_id in lead_ids})
        for texts in (slack, qualified, topic)
    )
