"""Hostile requests: what is held and done for one that is refused. Counts and bytes; times are `make bench`."""

import tracemalloc

import pytest

from functions.ingest import body as bodies
from functions.ingest import handler as ingest
from functions.ingest.body import MAX_VALUES, parsed_object
from shared.errors import InvalidInputError
from tests.benchmarks.intake import MOST_MEGABYTES
from tests.functions.test_ingest import PUBLIC, Intake, answered, deployed, intake
from tests.hostile_bodies import BODIES, MOST, VALUES

__all__ = ["deployed", "intake"]  # fixtures

PARSED = {
    "30,000 names", "30,000 names of fractions", "one name again and again", "fractions", "long fractions",
    "fractions near nothing", "infinities", "numbers of 640 digits", "numbers of 4,000 digits",
    "one number of 500,000 digits", "one fraction of 500,000 digits", "short texts", "escapes",
    "one large sign in much text", "nothing but space", "lists in a list", "objects in a list",
    "a name of 500,000 signs", "no list", "quotes", "almost keys", "what looks like keys",
}  # fmt: skip
"""Bodies within every limit that can be told from signs alone: these are given to the parser."""


def test_the_bodies_are_as_large_as_a_batch_may_be() -> None:
    assert VALUES == MAX_VALUES
    assert all(len(body) <= MOST for body in BODIES.values())


@pytest.mark.parametrize("key", [PUBLIC, None], ids=["good key", "no key"])
@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused_and_holds_no_memory(intake: Intake, name: str, key: str | None) -> None:
    tracemalloc.start()
    answer = intake.post("/v1/batch", BODIES[name], key=key)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert answer["statusCode"] in ((400, 413) if key else (400, 401, 413))
    assert set(answered(answer)) <= {"code", "message", "field"}
    assert len(answer["body"]) < 300
    assert peak / 1e6 < MOST_MEGABYTES
    assert intake.queued() == []


@pytest.mark.parametrize("name", BODIES)
def test_what_signs_alone_tell_is_never_parsed(intake: Intake, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(bodies.json, "loads", lambda text: parsed.append(name) or {})

    intake.post("/v1/batch", BODIES[name], key=PUBLIC)
    assert bool(parsed) is (name in PARSED)


@pytest.mark.parametrize("name", BODIES)
def test_without_a_key_of_ours_nothing_is_parsed(intake: Intake, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(ingest, "parsed_object", pytest.fail)

    assert intake.post("/v1/batch", BODIES[name], key=None)["statusCode"] in (400, 401, 413)


def test_a_body_of_as_many_values_as_allowed_is_parsed_and_of_one_more_is_not() -> None:
    padding = b" " * MAX_VALUES  # small bodies are not even counted
    allowed = b'{"a":[' + b"1," * (MAX_VALUES - 3) + b"1]}" + padding

    assert len(parsed_object(allowed)["a"]) == MAX_VALUES - 2
    with pytest.raises(InvalidInputError, match="more than 30000 values"):
        parsed_object(allowed.replace(b"1]", b"1,1,1]", 1))


@pytest.mark.parametrize(("digits", "taken"), [(640, True), (641, False)])
def test_a_whole_number_is_read_up_to_a_length(digits: int, taken: bool) -> None:
    body = b'{"n":' + b"9" * digits + b"}"
    if taken:
        assert parsed_object(body) == {"n": 10**digits - 1}
    else:
        with pytest.raises(InvalidInputError, match="not valid JSON"):
            parsed_object(body)


def test_a_single_call_is_refused_before_it_is_parsed_when_no_event_is_that_long(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "parsed_object", pytest.fail)

    answer = intake.post("/v1/track", '{"userId":"u1"' + " " * 131_072 + "}")
    assert (answer["statusCode"], answered(answer)["field"]) == (413, "body")


def test_an_event_that_is_only_written_at_length_is_taken(intake: Intake) -> None:
    """Escapes are three times what they stand for, and white space is nothing."""
    text = "é" * 15_000
    body = (
        '{"userId":"u1","event":"x","messageId":"m","properties":{"t":"'
        + "\\u00e9" * 15_000
        + '"}'
        + " " * 30_000
        + "}"
    )

    assert intake.post("/v1/track", body)["statusCode"] == 200
    (event,) = intake.queued_events()
    assert event.properties == {"t": text}
