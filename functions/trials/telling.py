"""What operations read when something was decided in a test of a step."""

from collections.abc import Sequence
from typing import Any

from shared import settings
from shared.aws import topics
from shared.instants import instant_text
from shared.rules.tracks import Test
from shared.rules.trials import results
from shared.trial import Trial

MEASURED = {"clicks": "clicked by a person", "opens": "opened by a person", "goal": "reached the goal"}


def tell(trial: Trial, test: Test, news: Sequence[str], now: int) -> None:
    """Publish what was decided, with the figures of every arm."""
    found = results(trial.tallies, test)
    topics.publish(
        settings.required("OPERATIONS_TOPIC_ARN"),
        subject=f"Test {trial.test} of track {trial.track}: {_short(trial)}",
        text="\n".join([*news, _what_follows(test), "", *_lines(found)]),
        attributes={"kind": "trial", "stage": settings.required("STAGE")},
        facts={
            "track": trial.track,
            "winner": trial.winner or None,
            "out": dict(trial.out),
            "as_of": instant_text(now),
            **found,
        },
    )


def _short(trial: Trial) -> str:
    if trial.winner:
        return f"{trial.winner} wins"
    return "no difference" if trial.ended else f"without {', '.join(sorted(trial.out))}"


def _what_follows(test: Test) -> str:
    if test.drop:
        return "What lost or was stopped is sent no more."
    return "Every arm is sent as before: write winner into the test, or drop: true, and publish the playbook."


def _lines(found: dict[str, Any]) -> list[str]:
    head = f"Of messages that had their time, {found['confidence']} percent intervals:"
    return [head, *(f"  {each['arm']}: {_figures(each, found['measure'])}" for each in found["arms"])]


def _figures(arm: dict[str, Any], measure: str) -> str:
    if not arm["sent"]:
        return "nothing sent"
    reached, harmed = arm["reached"], arm["harmed"]
    low, high = (100 * end for end in reached["interval"])
    return (
        f"{arm['sent']} sent, {reached['count']} {MEASURED[measure]} ({100 * reached['rate']:.1f} %, {low:.1f} to "
        f"{high:.1f}), {harmed['count']} unsubscribed or complained"
    )
