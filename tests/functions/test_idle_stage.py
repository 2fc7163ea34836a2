"""What a stage does while nobody uses it: the sweeps run, and every metric they would say is paid for."""

import subprocess
import sys

import pytest

from functions.decay_sweep.handler import handler as decay_sweep
from functions.nurture_sweep.handler import handler as nurture_sweep
from functions.publish.handler import handler as publish
from functions.sla_sweep.handler import handler as sla_sweep
from infra import stateless_stack
from shared.telemetry import count, metrics
from tests.conftest import Aws, Context, sample
from tests.source_tree import ROOT


def test_a_sweep_that_finds_nothing_says_no_metric(
    aws: Aws, context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, handler in (
        ("decay_sweep", decay_sweep),
        ("nurture_sweep", nurture_sweep),
        ("publish", publish),
        ("sla_sweep", sla_sweep),
    ):
        handler(sample(f"schedule_{name}"), context)
        assert "CloudWatchMetrics" not in capsys.readouterr().out, name
    said = " ".join((stateless_stack.__doc__ or "").split())
    assert "sweeps with their queries $0.45, which say no metric when they find nothing" in said


def test_a_count_says_what_there_is_and_keeps_quiet_about_nothing() -> None:
    count("Found", 2)
    count("Found", 1)
    count("Nothing", 0)
    said = {**metrics.serialize_metric_set()}
    metrics.clear_metrics()
    assert said["Found"] == [2.0, 1.0]
    assert "Nothing" not in said


def test_a_run_without_metrics_warns_nobody() -> None:
    program = "from shared.telemetry import metrics; metrics.flush_metrics()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
