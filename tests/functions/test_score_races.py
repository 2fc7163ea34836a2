"""Two score functions at once, at every point at which one can overtake the other: who did what stays right."""

import pytest

from tests.functions.test_identity_machine import Identities

SHARED = [("log_in", 1, "d1", "u1"), ("log_in", 9, "d1", "u2")]


def say(machine, what, hour, *rest):
    match what:
        case "visit":
            machine.visit(hour=hour, device=rest[0])
        case "log_in":
            machine.log_in(hour=hour, device=rest[0], user=rest[1], source="server", traits={})
        case "merge":
            machine.merge(hour=hour, user=rest[0], email=rest[1], traits={})
        case "alias":
            machine.alias(hour=hour, user=rest[0], former=rest[1], source="server")
        case "act":
            machine.act(hour=hour, user=rest[0])


STORIES = {
    "a visit, and a third person's claim of its time": (SHARED, [("visit", 5, "d1")], [("log_in", 3, "d1", "u3")]),
    "a visit, and the claim that makes its device shared": (
        [("log_in", 1, "d1", "u1")],
        [("visit", 5, "d1")],
        [("log_in", 3, "d1", "u2")],
    ),
    "a visit, and the first claim of its device": (
        [("visit", 2, "d1")],
        [("visit", 5, "d1")],
        [("log_in", 3, "d1", "u1")],
    ),
    "a visit to a device nobody knows, and its claim": ([], [("visit", 5, "d1")], [("log_in", 3, "d1", "u1")]),
    "two claims of one device": ([("visit", 2, "d1")], [("log_in", 3, "d1", "u1")], [("log_in", 1, "d1", "u2")]),
    "claims of one device by two who swap": (
        [("log_in", 1, "d1", "u1"), ("log_in", 1, "d2", "u2"), ("visit", 4, "d1"), ("visit", 4, "d2")],
        [("log_in", 3, "d2", "u1"), ("visit", 5, "d2")],
        [("log_in", 3, "d1", "u2"), ("visit", 5, "d1")],
    ),
    "a merge, and an event of who goes": (
        [("act", 1, "u1"), ("act", 2, "u2")],
        [("alias", 3, "u1", "u2")],
        [("visit", 4, "d1"), ("log_in", 5, "d1", "u2")],
    ),
    "crossing merges": (
        [("act", 1, "u1"), ("act", 2, "u2")],
        [("merge", 3, "u1", "a@x.example"), ("alias", 5, "u1", "u2")],
        [("merge", 4, "u2", "a@x.example"), ("alias", 6, "u2", "u1")],
    ),
    "merges in a ring": (
        [("act", 1, "u1"), ("act", 2, "u2"), ("act", 3, "u3")],
        [("alias", 4, "u1", "u2"), ("alias", 4, "u2", "u3")],
        [("alias", 5, "u3", "u1")],
    ),
    "a merge of two who share a device, and a visit to it": (
        [*SHARED, ("visit", 2, "d1")],
        [("alias", 10, "u1", "u2")],
        [("visit", 8, "d1"), ("log_in", 4, "d1", "u3")],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_whoever_is_faster_everybody_has_what_they_did(story):
    before, one, other = STORIES[story]
    for first, second in ((one, other), (other, one)):
        point, was_overtaken = 0, True
        while was_overtaken:
            machine = Identities()
            machine.begin()
            for each in before:
                say(machine, *each)
                with machine.stage.in_place():
                    machine._apply([machine.said[-1]])
            for each in (*first, *second):
                say(machine, *each)
            ours = machine.said[len(before) : len(before) + len(first)]
            theirs = machine.said[len(before) + len(first) :]
            machine.stage.calls = 0
            machine.stage.meanwhile = (point, lambda stage=machine, events=theirs: stage._apply(events))
            with machine.stage.in_place():
                machine._apply(ours)
                was_overtaken = machine.stage.meanwhile is None
                machine.stage.meanwhile = None
                machine._apply(theirs)
                machine._apply(ours)
            machine._heard(machine.said)
            machine.all_is_right()
            point += 1
        assert point > 2
