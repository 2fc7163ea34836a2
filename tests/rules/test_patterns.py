"""The pattern grammar against the examples of the EventBridge user guide, operator by operator."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules.patterns import PatternError, check_pattern, matches
from tests.rules.models import cases

GUIDE = "docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html"

EXAMPLES = [
    # (what the guide shows, pattern, matching events, others)
    ("prefix", {"time": [{"prefix": "2017-10-02"}]}, [{"time": "2017-10-02T18:43:48Z"}], [{"time": "2017-10-03"}, {}]),
    (
        "prefix ignoring case",
        {"source": [{"prefix": {"equals-ignore-case": "EventB"}}]},
        [{"source": "eventbridge"}],
        [{"source": "x-eventb"}],
    ),
    ("suffix", {"FileName": [{"suffix": ".png"}]}, [{"FileName": "a.png"}], [{"FileName": "a.jpg"}]),
    ("suffix ignoring case", {"FileName": [{"suffix": {"equals-ignore-case": ".png"}}]}, [{"FileName": "a.PNG"}], [{}]),
    ("anything-but text", {"state": [{"anything-but": "initializing"}]}, [{"state": "on"}], [{"state": "initializing"}, {}]),
    ("anything-but number", {"x": [{"anything-but": 123}]}, [{"x": 456}, {"x": "123"}], [{"x": 123}]),
    ("anything-but texts", {"s": [{"anything-but": ["stopped", "overloaded"]}]}, [{"s": "on"}], [{"s": "stopped"}]),
    ("anything-but numbers", {"x": [{"anything-but": [100, 200, 300]}]}, [{"x": 1}], [{"x": 200}]),
    (
        "anything-but ignoring case",
        {"s": [{"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}]},
        [{"s": "on"}],
        [{"s": "STOPPED"}],
    ),
    ("anything-but prefix", {"s": [{"anything-but": {"prefix": "init"}}]}, [{"s": "on"}], [{"s": "initializing"}]),
    (
        "anything-but prefixes",
        {"s": [{"anything-but": {"prefix": ["init", "error"]}}]},
        [{"s": "on"}],
        [{"s": "error-1"}, {"s": "init"}],
    ),
    (
        "anything-but suffixes",
        {"f": [{"anything-but": {"suffix": [".txt", ".rtf"]}}]},
        [{"f": "a.png"}],
        [{"f": "a.txt"}, {"f": "a.rtf"}],
    ),
    (
        "anything-but wildcards",
        {"f": [{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]},
        [{"f": "/home/a"}],
        [{"f": "/usr/lib/a"}, {"f": "/usr/bin/b"}],
    ),
    (
        "numeric",
        {"detail": {"c-count": [{"numeric": [">", 0, "<=", 5]}], "d-count": [{"numeric": ["<", 10]}], "x": [{"numeric": ["=", 3.018e2]}]}},
        [{"detail": {"c-count": 5, "d-count": 9, "x": 301.8}}],
        [{"detail": {"c-count": 6, "d-count": 9, "x": 301.8}}, {"detail": {"c-count": "5", "d-count": 9, "x": 301.8}}],
    ),
    ("cidr", {"sourceIPAddress": [{"cidr": "10.0.0.0/24"}]}, [{"sourceIPAddress": "10.0.0.255"}], [{"sourceIPAddress": "10.0.1.0"}]),
    ("exists", {"detail": {"state": [{"exists": True}]}}, [{"detail": {"state": None}}, {"detail": {"state": "x"}}], [{"detail": {}}]),
    ("not exists", {"detail": {"c-count": [{"exists": False}]}}, [{"detail": {}}, {}], [{"detail": {"c-count": 0}}]),
    ("equals-ignore-case", {"detail-type": [{"equals-ignore-case": "ec2 state-change"}]}, [{"detail-type": "EC2 State-change"}], [{}]),
    ("wildcard", {"EventBusArn": [{"wildcard": "arn:*:event-bus/*"}]}, [{"EventBusArn": "arn:aws:event-bus/x"}], [{"EventBusArn": "x"}]),
    ("escaped wildcard", {"p": [{"wildcard": "a\\*b\\\\*"}]}, [{"p": "a*b\\tail"}], [{"p": "axb\\"}, {"p": "a*btail"}]),
    (
        "or over fields",
        {"detail": {"$or": [{"c-count": [{"numeric": [">", 0, "<=", 5]}]}, {"d-count": [{"numeric": ["<", 10]}]}]}},
        [{"detail": {"c-count": 1}}, {"detail": {"d-count": 9}}],
        [{"detail": {"c-count": 9, "d-count": 10}}],
    ),
    ("several values", {"source": ["aws.ec2", "aws.fargate"]}, [{"source": "aws.fargate"}], [{"source": "aws.s3"}]),
    ("null and empty", {"a": [None], "b": [""]}, [{"a": None, "b": ""}], [{"a": "", "b": ""}, {"b": ""}]),
    ("array in the event", {"tags": ["b"]}, [{"tags": ["a", "b"]}], [{"tags": ["a"]}, {"tags": []}]),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "pattern", "matching", "others"), EXAMPLES, ids=[each[0] for each in EXAMPLES])
def test_agrees_with_the_guide(shown, pattern, matching, others):
    del shown
    check_pattern(pattern)
    assert all(matches(pattern, event) for event in matching)
    assert not any(matches(pattern, event) for event in others)


def test_true_is_not_one():
    assert not matches({"x": [1]}, {"x": True})
    assert matches({"x": [True]}, {"x": True})


REFUSED = [
    ({"a": "text"}, "where.a: values stand in a list"),
    ({"a": []}, "where.a"),
    ({}, "at least one field"),
    ({"a": [{"prefix": ""}]}, "not empty"),
    ({"a": [{"regex": "x"}]}, "unknown operator 'regex'"),
    ({"a": [{"prefix": "x", "suffix": "y"}]}, "exactly one operator"),
    ({"a": [{"numeric": ["<"]}]}, "must be a list as in"),
    ({"a": [{"numeric": ["<", "10"]}]}, "bounds are numbers"),
    ({"a": [{"numeric": ["<", 5, ">", 1]}]}, "lower bound first"),
    ({"a": [{"numeric": [">", 5, "<", 1]}]}, "lower bound first"),
    ({"a": [{"numeric": ["!", 1]}]}, "signs are"),
    ({"a": [{"numeric": ["<", 6e9]}]}, "between -5e9 and 5e9"),
    ({"a": [{"wildcard": "a**b"}]}, "consecutive stars"),
    ({"a": [{"wildcard": "a\\b"}]}, "backslash"),
    ({"a": [{"anything-but": ["a", 1]}]}, "texts only, or numbers only"),
    ({"a": [{"anything-but": []}]}, "must not be empty"),
    ({"a": [{"anything-but": {"exists": True}}]}, "takes values or one of"),
    ({"a": [{"exists": "yes"}]}, "true or false"),
    ({"a": [{"cidr": "10.0.0.0/99"}]}, "address range"),
    ({"$or": [{"a": [1]}]}, "two or more"),
    ({"a": [["x"]]}, "inside a list"),
]


@pytest.mark.parametrize(("pattern", "problem"), REFUSED)
def test_what_aws_would_refuse_is_refused_with_the_path_and_the_remedy(pattern, problem):
    with pytest.raises(PatternError, match=problem.replace("*", r"\*")):
        check_pattern(pattern)


def test_a_wildcard_costs_one_pass_over_a_hostile_text():
    began = time.process_time()
    assert not matches({"p": [{"wildcard": "*/a*/a*/a*/b"}]}, {"p": "/a" * 16_000})
    assert matches({"p": [{"wildcard": "a*b*b"}]}, {"p": "abb"})
    assert not matches({"p": [{"wildcard": "ab*ba"}]}, {"p": "aba"})
    assert time.process_time() - began < 0.5


@cases
@given(st.text("ab*", min_size=1, max_size=8).filter(lambda text: "**" not in text), st.text("ab", max_size=10))
def test_a_wildcard_matches_what_a_regular_expression_matches(wanted, text):
    expression = ".*".join(re.escape(piece) for piece in wanted.split("*"))
    assert matches({"p": [{"wildcard": wanted}]}, {"p": text}) == bool(re.fullmatch(expression, text))
