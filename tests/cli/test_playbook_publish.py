"""`ripen playbook publish`, against a stage under moto whose functions run while the command waits."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from cli import playbook_publish
from functions.resettle.handler import handler as resettle
from functions.score.handler import handler as score
from infra.stages import STAGES
from shared.aws import chains, clients, deployments, playbooks
from shared.aws.leads import get_leads
from shared.identity import home
from shared.instants import DAY, instant_text, parse_instant
from shared.playbook import DEFAULT, compile_playbook, reservations
from tests.cli.conftest import Ran, Ripen
from tests.conftest import IDENTITY_SECRET, Aws, Context
from tests.functions.test_score import NOW, event, message, records

AT = NOW + DAY


@pytest.fixture
def stage(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Stage dev: its outputs, three leads, and no waiting for processes to look again."""
    outputs = {
        "TableName": aws.table_name, "SettleQueueUrl": aws.settle_queue_url, "ResettleQueueUrl": aws.resettle_queue_url
    }  # fmt: skip
    monkeypatch.setattr(deployments, "stack_outputs", lambda _: outputs)
    monkeypatch.setattr(playbook_publish, "walk_after", lambda _: 0)
    monkeypatch.setattr(playbook_publish, "reservations", lambda *_: [])
    playbooks.seed()
    demo = [message(event(f"e{n}", "Demo Requested", user_id=f"u{n}")) for n in range(3)]
    score(records(*((f"m{n}", body) for n, body in enumerate(demo))), Context())
    playbooks.forget()
    yield aws
    playbooks.forget()


LEADS = [home("user", f"u{n}", IDENTITY_SECRET) for n in range(3)]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str], Path]:
    """The default playbook under another name."""

    def write(name: str = "changed") -> Path:
        path = tmp_path / f"{name}.yaml"
        lines = DEFAULT.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(f"name: {name}" if line.startswith("name:") else line for line in lines))
        return path

    return write


def bundle_of(path: Path) -> str:
    return str(compile_playbook(path)["bundle"])


def work(aws: Aws) -> None:
    """Run what the queues call, once."""
    playbooks.refresh()
    for body in aws.messages(aws.resettle_queue_url):
        resettle({"Records": [{"messageId": "r", "body": json.dumps(body)}]}, Context())
    settle = [(f"s{n}", body) for n, body in enumerate(aws.messages(aws.settle_queue_url))]
    score(records(*settle), Context())


@pytest.fixture
def working(stage: Aws, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The stage works while the command waits; the list holds every wait."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        work(stage)

    monkeypatch.setattr(playbook_publish.time, "sleep", wait)
    return waits


def publish(ripen: Ripen, *arguments: object) -> Ran:
    return ripen("playbook", "publish", *arguments, "--stage", "dev", "--as-of", instant_text(AT))


def test_a_published_playbook_is_in_force_and_every_lead_settled_by_it(
    ripen: Ripen, stage: Aws, working: list[float], changed: Callable[..., Path]
) -> None:
    before = playbooks.pointer()
    assert before is not None
    ran = publish(ripen, changed(), "--by", "maria")
    assert (ran.code, ran.err) == (0, "")
    bundle = bundle_of(changed())
    assert playbooks.pointer() == playbooks.Pointer(bundle, "maria", before.bundle, AT)
    assert playbooks.document(bundle) == compile_playbook(changed())
    assert f"{bundle} is in force, before it was {before.bundle}" in ran.out
    assert f"3 leads walked and settled by {bundle}" in ran.out
    leads = get_leads(LEADS)
    assert len(leads) == 3
    assert {lead.settled.playbook for lead in leads.values()} == {bundle}


def test_the_same_playbook_again_changes_nothing(
    ripen: Ripen, stage: Aws, working: list[float], changed: Callable[..., Path]
) -> None:
    publish(ripen, changed())
    before = stage.items()
    ran = publish(ripen, changed())
    assert ran.code == 0
    assert "is in force already: nothing to do" in ran.out
    assert stage.items() == before
    assert stage.messages(stage.resettle_queue_url) == []


def test_without_waiting_the_walk_goes_on_and_can_be_looked_at(
    ripen: Ripen, stage: Aws, changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = publish(ripen, changed(), "--no-wait")
    assert "look again with: ripen playbook publish --resume --stage dev" in ran.out
    assert len(stage.messages(stage.resettle_queue_url)) == 24
    assert "its walk is not done" in publish(ripen, changed(), "--no-wait").out


def test_a_walk_whose_messages_were_lost_goes_on_where_it_was(
    ripen: Ripen, stage: Aws, working: list[float], changed: Callable[..., Path]
) -> None:
    publish(ripen, changed(), "--no-wait", "--announce")
    lost = stage.messages(stage.resettle_queue_url)
    resettle({"Records": [{"messageId": "r", "body": json.dumps(lost[0])}]}, Context())
    ran = ripen("playbook", "publish", "--resume", "--stage", "dev")
    assert ran.code == 0
    bundle = bundle_of(changed())
    assert f"{bundle} is in force: 1 of 24 chains done" in ran.out
    assert f"3 leads walked and settled by {bundle}" in ran.out
    assert all(chain.done and chain.announce and chain.as_of == AT for chain in chains.chains(bundle))


def test_a_walk_that_is_done_has_nothing_to_resume(
    ripen: Ripen, stage: Aws, working: list[float], changed: Callable[..., Path]
) -> None:
    publish(ripen, changed())
    ran = ripen("playbook", "publish", "--resume", "--stage", "dev")
    assert ran.code == 0
    assert "24 of 24 chains done, 3 leads walked" in ran.out
    assert stage.messages(stage.resettle_queue_url) == []


def test_what_died_before_the_chains_were_put_is_resumed_from_their_beginning(
    ripen: Ripen, stage: Aws, changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(chains, "start", dies)
        assert publish(ripen, changed(), "--no-wait").code == 130
    ran = ripen("playbook", "publish", "--resume", "--no-wait", "--stage", "dev")
    assert ran.code == 0
    assert len(stage.messages(stage.resettle_queue_url)) == 24
    in_force = playbooks.pointer()
    assert in_force is not None
    assert {chain.as_of for chain in chains.chains(in_force.bundle)} == {in_force.published_at}


def test_whoever_is_overtaken_is_told(
    ripen: Ripen, stage: Aws, changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    faster = compile_playbook(changed("faster"))
    put = playbooks.put

    def overtaken(*said: Any, **more: Any) -> None:
        put(*said, **more)
        seen = playbooks.pointer()
        assert seen is not None
        put(faster, by="jonas", at=AT)
        playbooks.move(faster["bundle"], seen=seen.bundle, by="jonas", at=AT)

    monkeypatch.setattr(playbooks, "put", overtaken)
    ran = publish(ripen, changed(), "--no-wait")
    assert ran.code == 1
    assert "somebody published another playbook meanwhile" in ran.err
    assert stage.messages(stage.resettle_queue_url) == []
    in_force = playbooks.pointer()
    assert in_force is not None
    assert in_force.bundle == faster["bundle"]


def test_a_walk_that_is_superseded_is_not_waited_for(
    ripen: Ripen, stage: Aws, changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = compile_playbook(changed("other"))
    waits: list[bool] = []

    def publishes_another(_: float) -> None:
        assert not waits, "it waits for a walk that has ended"
        waits.append(True)
        playbooks.put(other, by="jonas", at=AT)
        playbooks.move(other["bundle"], seen=bundle_of(changed()), by="jonas", at=AT)

    monkeypatch.setattr(playbook_publish.time, "sleep", publishes_another)
    ran = publish(ripen, changed())
    assert ran.code == 0
    assert f"the walk of {bundle_of(changed())} ends here" in ran.out


def test_whoever_stops_waiting_leaves_the_walk_running(
    ripen: Ripen, stage: Aws, changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(playbook_publish.time, "sleep", interrupted)
    ran = publish(ripen, changed())
    assert ran.code == 130
    assert "the walk goes on in the account; look again with" in ran.out
    assert len(stage.messages(stage.resettle_queue_url)) == 24


def test_an_unsigned_playbook_needs_a_word_where_only_signed_ones_are_taken(
    ripen: Ripen, stage: Aws, changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[date] = []

    def unsigned(_: object, today: date) -> list[str]:
        asked.append(today)
        return ["not signed by sales"]

    monkeypatch.setattr(playbook_publish, "reservations", unsigned)
    arguments = ("playbook", "publish", changed(), "--no-wait", "--as-of", instant_text(AT), "--stage")
    before = stage.items()
    refused = ripen(*arguments, "prod")
    assert refused.code == 1
    assert "not signed by sales. Have it signed, or say --accept-unsigned" in refused.err
    assert stage.items() == before
    accepted = ripen(*arguments, "prod", "--accept-unsigned")
    assert accepted.code == 0
    assert "! not signed by sales" in accepted.out
    assert asked == [date(2026, 11, 19)] * 2


def test_elsewhere_an_unsigned_playbook_is_taken_with_a_warning(
    ripen: Ripen, stage: Aws, changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playbook_publish, "reservations", reservations)
    late = parse_instant("2040-01-01T00:00:00Z")
    ran = ripen("playbook", "publish", changed(), "--no-wait", "--as-of", instant_text(late), "--stage", "dev")
    assert ran.code == 0
    assert "overdue" in ran.out


def test_a_file_or_resume_one_of_them(ripen: Ripen, stage: Aws, changed: Callable[..., Path]) -> None:
    for arguments in ((), (changed(), "--resume")):
        ran = publish(ripen, *arguments)
        assert ran.code == 1
        assert "--resume" in ran.err


def test_a_file_that_cannot_be_used_changes_nothing(ripen: Ripen, stage: Aws, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: broken\n")
    before = stage.items()
    ran = publish(ripen, broken)
    assert ran.code == 1
    assert "broken.yaml:" in ran.err
    assert publish(ripen, tmp_path / "none.yaml").code == 1
    assert stage.items() == before


def test_a_stage_where_nothing_was_published_has_nothing_to_resume(
    ripen: Ripen, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = dict.fromkeys(("TableName", "SettleQueueUrl", "ResettleQueueUrl"), aws.table_name)
    monkeypatch.setattr(deployments, "stack_outputs", lambda _: outputs)
    ran = ripen("playbook", "publish", "--resume", "--stage", "dev")
    assert ran.code == 1
    assert "nothing was published to stage dev yet" in ran.err


def test_what_aws_refuses_names_the_stage(ripen: Ripen, stage: Aws, changed: Callable[..., Path]) -> None:
    with Stubber(clients.dynamodb()) as stubber:
        stubber.add_client_error("get_item", "AccessDeniedException", "not yours")
        ran = publish(ripen, changed())
    assert ran.code == 1
    assert ran.err.startswith("ripen: stage dev: ")
    assert "not yours" in ran.err


@pytest.mark.parametrize("name", STAGES)
def test_the_walk_begins_after_every_process_has_looked_again_and_ended_what_it_had_begun(name: str) -> None:
    assert playbook_publish.walk_after(name) >= playbooks.LOOK_EVERY + STAGES[name].timeout
    assert playbook_publish.walk_after(name) <= 900  # the longest delay of SQS


def test_the_walk_does_not_begin_before_that(
    ripen: Ripen, stage: Aws, changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playbook_publish, "walk_after", lambda _: 40)
    ran = publish(ripen, changed(), "--no-wait")
    assert "begins in 40 s" in ran.out
    assert stage.messages(stage.resettle_queue_url) == []
