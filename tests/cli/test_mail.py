"""`ripen mail preview` and `ripen mail test`: a mail is seen before anybody gets it."""

import argparse
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

import cli.mail
from functions.score.handler import handler as score
from infra.local.outputs import Outputs, read_outputs
from shared.aws import clients, deployments
from shared.instants import instant_text
from shared.playbook import DEFAULT
from tests.cli.conftest import Ripen
from tests.cli.test_leads import ann  # noqa: F401 - a fixture
from tests.conftest import Aws, Context
from tests.functions.test_score import NOW, event, message, records
from tests.nurture_world import fail_ses, mails, parts

TO = "me@ripen.example"


@pytest.fixture
def sender(aws: Aws, local_stage: Callable[..., Outputs]) -> Iterator[Stubber]:
    """A local stage whose mails go out by moto; Lambda tells the environment of nurture_send as often as it is added."""
    local_stage(functions={"nurture_send": "nurture-1"})  # type: ignore[arg-type]
    clients.ses()  # made before the command turns the AWS clients of its process to the stage
    with Stubber(clients.lambdas()) as stubber:
        yield stubber


@pytest.fixture
def anns(ann: str, aws: Aws, local_stage: Callable[..., Outputs], tmp_path: Path) -> str:  # noqa: F811 - the fixture
    """Ann's id, at a stage whose table the command finds too."""
    queues = {"settle_queue_url": aws.settle_queue_url, "resettle_queue_url": aws.resettle_queue_url}
    local_stage(api_url=read_outputs(tmp_path).api_url, table_name=aws.table_name, **queues)
    return ann


def sends_from(stubber: Stubber, address: str) -> None:
    variables = {"SENDER": address, "CONFIGURATION_SET": "mail"}
    answer = {"Environment": {"Variables": variables}}
    stubber.add_response("get_function_configuration", answer, {"FunctionName": "nurture-1"})


def test_a_preview_needs_no_stage_and_writes_both_parts(ripen: Ripen, tmp_path: Path) -> None:
    ran = ripen("mail", "preview", "awareness", "1", "--out", tmp_path / "new")
    assert (ran.code, ran.err) == (0, "")
    html, text = ((tmp_path / "new" / f"awareness-1.{ending}").read_text("utf-8") for ending in ("html", "txt"))
    assert "Åsa" in text
    assert "Smith &amp; Sons" in html
    assert "https://www.ripen.example/guides/" in html, "links lead straight to their pages"
    assert not re.search(r"<img|/[ocd]/1", html), "nothing is counted"
    assert "awareness-1.html" in ran.out


def test_a_step_is_named_by_its_number_or_by_one_of_its_contents(ripen: Ripen, tmp_path: Path) -> None:
    assert ripen("mail", "preview", "awareness", "awareness-2", "--out", tmp_path).code == 0
    assert (tmp_path / "awareness-2.html").exists()
    for step in ("0", "99", "-1", "x", "²"):
        ran = ripen("mail", "preview", "awareness", f" {step}", "--out", tmp_path)
        assert ran.code == 1
        assert "write a number from 1 to" in ran.err
    nowhere = ripen("mail", "preview", "nowhere", "1", "--out", tmp_path)
    assert (nowhere.code, "no track is named 'nowhere'; there are awareness" in nowhere.err) == (1, True)
    none = ripen("mail", "preview", "awareness", "1", "--playbook", "two-factors", "--out", tmp_path)
    assert (none.code, "; this playbook has no tracks" in none.err) == (1, True)


def test_a_preview_is_of_the_playbook_that_is_named(ripen: Ripen, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    said = DEFAULT.read_text(encoding="utf-8").replace("from_name: Ripen", "from_name: Northlight")
    mine.write_text(said, encoding="utf-8")
    assert ripen("mail", "preview", "awareness", "1", "--playbook", mine, "--out", tmp_path).code == 0
    assert "Northlight" in (tmp_path / "awareness-1.txt").read_text("utf-8")


def with_choices(tmp_path: Path) -> Path:
    """A playbook whose first step of awareness is another mail for directors, and whose second is a test."""
    mine = tmp_path / "mine.yaml"
    said = DEFAULT.read_text(encoding="utf-8")
    start = said.index("      - ", said.index("  awareness:\n", said.index("\ntracks:\n")))
    end = re.compile(r"^  \w+:$|^\S", re.MULTILINE).search(said, start)
    assert end is not None
    steps = """\
      - delay: 0 minutes
        content: [{where: {title: [Director]}, use: awareness-3}, {use: awareness-1}]
      - delay: 7 days
        test: {name: length, measure: clicks, arms: [{name: short, content: awareness-2-short}, {name: long, content: awareness-2}]}
"""
    mine.write_text(said[:start] + steps + said[end.start() :], encoding="utf-8")
    return mine


def test_every_content_a_step_may_send_is_written_and_for_a_lead_its_own(
    ripen: Ripen, anns: str, tmp_path: Path
) -> None:
    mine = with_choices(tmp_path)

    def written(step: int, *more: str) -> list[str]:
        out = tmp_path / f"{step}{len(more)}"
        ran = ripen("mail", "preview", "awareness", step, "--playbook", mine, "--out", out, *more)
        assert (ran.code, ran.err) == (0, "")
        return sorted(path.stem for path in out.glob("*.html"))

    assert written(1) == ["awareness-1", "awareness-3"]
    assert written(1, "--lead", anns) == ["awareness-3"]
    assert written(2) == written(2, "--lead", anns) == ["awareness-2", "awareness-2-short"]


def test_what_is_no_mail_is_written_as_text_and_not_sent_as_a_test(
    ripen: Ripen, sender: Stubber, tmp_path: Path
) -> None:
    mine = with_choices(tmp_path)
    said = mine.read_text(encoding="utf-8").replace(
        "- delay: 0 minutes", "- {channel: task, content: call-task, delay: 0 minutes}\n      - delay: 1 day"
    )
    mine.write_text(said, encoding="utf-8")
    ran = ripen("mail", "preview", "awareness", "1", "--playbook", mine, "--out", tmp_path / "out")
    assert (ran.code, ran.err) == (0, "")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["call-task.txt"]
    refused = ripen("mail", "test", "awareness", "1", "--playbook", mine, "--to", TO)
    assert (refused.code, "goes through the channel task; only mails" in refused.err) == (1, True)
    assert mails() == []


@pytest.mark.parametrize(
    ("owner", "state", "signed"), [("priya", "open", True), ("priya", "rejected", False), ("gone", "open", False)]
)
def test_a_preview_of_a_lead_that_sales_has_is_signed_by_its_owner(
    ripen: Ripen, anns: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str, state: str, signed: bool
) -> None:
    ask = cli.mail.ask

    def told(asked: argparse.Namespace, path: str, **more: Any) -> dict[str, Any]:
        before = {"number": 1, "state": "rejected", "owner": "jonas"}
        return {**ask(asked, path, **more), "handoffs": [before, {"number": 2, "state": state, "owner": owner}]}

    monkeypatch.setattr(cli.mail, "ask", told)
    assert ripen("mail", "preview", "awareness", "1", "--lead", anns, "--out", tmp_path).code == 0
    text = (tmp_path / "awareness-1.txt").read_text("utf-8")
    assert ("Priya Nair" in text) is signed
    assert "Jonas" not in text


def test_a_preview_of_a_lead_prints_what_is_proven_of_it_and_who_has_it(
    ripen: Ripen, anns: str, tmp_path: Path
) -> None:
    unproven = event("3", "Identified", NOW, user_id="ann", traits={"industry": "Zzyzx"})
    score(records(("m2", message(unproven, source="public"))), Context())
    for named in (anns, "ann@example.com"):
        ran = ripen("mail", "preview", "awareness", "1", "--lead", named, "--out", tmp_path)
        assert (ran.code, ran.err) == (0, "")
        text = (tmp_path / "awareness-1.txt").read_text("utf-8")
        assert "Hi Ann" in text
        assert "Zzyzx" not in text
        assert "Åsa" not in text


def test_a_lead_that_is_not_there_is_said(ripen: Ripen, anns: str, tmp_path: Path) -> None:
    ran = ripen("mail", "preview", "awareness", "1", "--lead", "nobody@example.com", "--out", tmp_path)
    assert (ran.code, ran.err.strip()) == (1, "ripen: the API answered 404: no such lead")


def test_a_test_mail_is_marked_and_leaves_nothing_behind(ripen: Ripen, aws: Aws, sender: Stubber) -> None:
    sends_from(sender, "hello@ripen.example")
    before = aws.items()
    ran = ripen("mail", "test", "awareness", "1", "--to", TO)
    assert (ran.code, ran.err) == (0, "")
    (mail,) = mails()
    assert mail["to"] == TO
    assert mail["subject"].startswith("[Test] ")
    assert mail["x-ses-message-tags"] == "test=yes, stage=local"
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert all("Åsa" in part for part in parts(mail))
    assert "/o/" not in parts(mail)[1]
    assert aws.items() == before


def test_no_test_mail_goes_out_from_an_address_that_is_not_verified(ripen: Ripen, sender: Stubber) -> None:
    sends_from(sender, "hello@elsewhere.example")
    ran = ripen("mail", "test", "awareness", "1", "--to", TO)
    assert (ran.code, ran.err.strip()) == (
        1, "ripen: hello@elsewhere.example is not verified with SES, nor is its domain: verify it, then send",
    )  # fmt: skip
    assert mails() == []


def test_a_verified_domain_is_enough(aws: Aws) -> None:
    clients.ses().verify_domain_identity(Domain="ripen.example")
    assert deployments.sender_verified("anybody@ripen.example")
    assert deployments.sender_verified("anybody@mail.ripen.example")
    assert not deployments.sender_verified("anybody@notripen.example")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("MessageRejected", "SES refused it: MessageRejected; an account in the sandbox"),
        ("Throttling", "SES does not send now: Throttling"),
        (None, "it may have been sent"),
    ],
)
def test_what_ses_says_is_told(
    ripen: Ripen, sender: Stubber, monkeypatch: pytest.MonkeyPatch, code: str | None, said: str
) -> None:
    sends_from(sender, "hello@ripen.example")
    asked = fail_ses(monkeypatch, code)
    ran = ripen("mail", "test", "awareness", "1", "--to", TO)
    assert ran.code == 1
    assert said in ran.err
    assert asked == [1], "a test is sent once, as every mail"


@pytest.mark.parametrize("to", ["nobody", "a@b.example, c@d.example", "a@b.example\nBcc: eve@example.com", ""])
def test_an_address_that_is_none_is_told(ripen: Ripen, sender: Stubber, to: str) -> None:
    sends_from(sender, "hello@ripen.example")
    ran = ripen("mail", "test", "awareness", "1", "--to", to)
    assert (ran.code, "is no address a mail can go to" in ran.err) == (1, True)
    assert mails() == []


def test_the_time_of_a_preview_is_now(ripen: Ripen, tmp_path: Path) -> None:
    ran = ripen("mail", "preview", "awareness", "1", "--out", tmp_path, "--as-of", instant_text(NOW))
    assert ran.code == 2
