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
    ({"a": [{"anything-but": {"prefix": ""}}]}, "not empty"),
    ({"a": {"prefix": ["x"]}}, "operators stand in a list"),
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


OPERATORS = "anything-but, cidr, equals-ignore-case, exists, numeric, prefix, suffix, wildcard"
PREFIX = "where.a[0].anything-but: must be a text that is not empty"
MESSAGES = [
    ("text", "where: must be an object with at least one field"),
    ({"$or": {"a": [1]}}, "where.$or: must be a list of two or more patterns"),
    ({"$or": [{"a": [1]}, {"b": {"c": "x"}}]}, "where.$or[1].b.c: values stand in a list, as in ['x']"),
    ({"a": []}, "where.a: values stand in a list, as in [[]]"),
    ({"a": [1, ["x"]]}, "where.a[1]: a list cannot stand inside a list"),
    ({"a": [6_000_000_000]}, "where.a[0]: numbers lie between -5e9 and 5e9"),
    ({"a": [float("nan")]}, "where.a[0]: numbers lie between -5e9 and 5e9"),
    ({"a": [{"suffix": "y", "prefix": "x"}]}, "where.a[0]: exactly one operator, found ['prefix', 'suffix']"),
    (
        {"a": [{"regex": "x"}]},
        f"where.a[0]: unknown operator 'regex'; use one of {OPERATORS}",
    ),
    ({"a": [{"exists": 1}]}, "where.a[0].exists: must be true or false"),
    ({"a": [{"prefix": 5}]}, "where.a[0].prefix: must be a text"),
    (
        {"a": [{"suffix": {"equals-ignore-case": 5}}]},
        'where.a[0].suffix: must be a text or {"equals-ignore-case": text}',
    ),
    ({"a": [{"suffix": {"wildcard": "x"}}]}, 'where.a[0].suffix: must be a text or {"equals-ignore-case": text}'),
    ({"a": [{"equals-ignore-case": 5}]}, "where.a[0].equals-ignore-case: must be a text"),
    ({"a": [{"wildcard": 5}]}, "where.a[0].wildcard: must be a text"),
    ({"a": [{"wildcard": "a**"}]}, "where.a[0].wildcard: consecutive stars are refused; write one"),
    ({"a": [{"wildcard": "a\\"}]}, "where.a[0].wildcard: a backslash stands only before * or \\"),
    ({"a": [{"numeric": 5}]}, 'where.a[0].numeric: must be a list as in ["<", 10] or [">=", 0, "<", 10]'),
    ({"a": [{"numeric": ["~", 5]}]}, "where.a[0].numeric: signs are =, <, <=, >, >="),
    ({"a": [{"numeric": ["<", True]}]}, "where.a[0].numeric: bounds are numbers between -5e9 and 5e9"),
    (
        {"a": [{"numeric": [">", 5, "<", 5]}]},
        'where.a[0].numeric: a range is written lower bound first, as in [">", 0, "<=", 5], and holds something',
    ),
    (
        {"a": [{"anything-but": {"exists": True}}]},
        "where.a[0].anything-but: takes values or one of prefix, suffix, equals-ignore-case, wildcard",
    ),
    ({"a": [{"anything-but": {"prefix": []}}]}, "where.a[0].anything-but: the list must not be empty"),
    ({"a": [{"anything-but": {"prefix": ["a", ""]}}]}, "where.a[0].anything-but: must be a text that is not empty"),
    ({"a": [{"anything-but": {"prefix": 5}}]}, PREFIX),
    ({"a": [{"anything-but": {"suffix": {"equals-ignore-case": "x"}}}]}, PREFIX),
    (
        {"a": [{"cidr": "10.0.0.1/32"}]},
        "where.a[0].cidr: holds one address; write it as a text, or a range of at most /31",
    ),
    (
        {"a": [{"anything-but": {"wildcard": "a**b"}}]},
        "where.a[0].anything-but: consecutive stars are refused; write one",
    ),
    ({"a": [{"anything-but": []}]}, "where.a[0].anything-but: the list must not be empty"),
    ({"a": [{"anything-but": ["x", 1]}]}, "where.a[0].anything-but: holds texts only, or numbers only"),
    ({"a": [{"anything-but": True}]}, "where.a[0].anything-but: holds texts only, or numbers only"),
    ({"a": [{"cidr": "nowhere"}]}, "where.a[0].cidr: must be an address range as in 10.0.0.0/24"),
    ({"a": [{"cidr": ["10.0.0.0"]}]}, "where.a[0].cidr: must be an address range as in 10.0.0.0/24"),
    ({"a": [{"cidr": 5}]}, "where.a[0].cidr: must be an address range as in 10.0.0.0/24"),
    ({"a": [{"cidr": "10.0.0.5"}]}, "where.a[0].cidr: must be an address range as in 10.0.0.0/24"),
    ({"a": [{"cidr": "10.0.0.0/255.255.255.0"}]}, "where.a[0].cidr: must be an address range as in 10.0.0.0/24"),
    (
        {"a": [{"cidr": "10.0.0.5/32"}]},
        "where.a[0].cidr: holds one address; write it as a text, or a range of at most /31",
    ),
    (
        {"a": [{"cidr": "::1/128"}]},
        "where.a[0].cidr: holds one address; write it as a text, or a range of at most /127",
    ),
    (
        {"a": [{"anything-but": {"prefix": {"equals-ignore-case": "x"}}}]},
        "where.a[0].anything-but: must be a text that is not empty",
    ),
    ({"a": [{"numeric": [[">="], 200]}]}, "where.a[0].numeric: signs are =, <, <=, >, >="),
    (
        {"properties": {"path": {"prefix": ["/pricing"]}}},
        'where.properties.path.prefix: operators stand in a list; write path: [{prefix: ["/pricing"]}]',
    ),
    (
        {"amount": {"numeric": [">", 5]}},
        'where.amount.numeric: operators stand in a list; write amount: [{numeric: [">", 5]}]',
    ),
    (
        {"path": {"$or": [{"prefix": "/a"}, {"prefix": "/b"}]}},
        'where.path.$or[0].prefix: operators stand in a list; write path: [{prefix: "/a"}]',
    ),
    ({"prefix": ["x"]}, 'where.prefix: operators stand in a list; write path: [{prefix: ["x"]}]'),
]


@pytest.mark.parametrize(("pattern", "message"), MESSAGES)
def test_a_refusal_names_the_place_and_what_to_write(pattern, message):
    with pytest.raises(PatternError) as refused:
        check_pattern(pattern)
    assert str(refused.value) == message


ACCEPTED = [
    ({"a": [{"numeric": [">=", 0, "<=", 5]}]}, [0, 5, 2.5], [-1, 6, "3", True, 5_000_000_001]),
    ({"a": [{"numeric": [">", -5e9, "<", 5e9]}]}, [0, 4_999_999_999], [5e9, -5e9]),
    ({"a": [{"numeric": ["=", 5e9]}]}, [5_000_000_000], [5]),
    ({"a": [5_000_000_000, -5e9]}, [5e9, -5_000_000_000], [5, "5000000000"]),
    ({"a": [1.0]}, [1], [True, "1", None, [2], []]),
    ({"a": [None, False]}, [None, False], [0, "", "None"]),
    ({"a": ["x", {"prefix": "y"}, 5]}, ["x", "yes", 5, ["n", ["x"]]], ["n", 6, ["n"], {"x": 1}]),
    ({"a": ["x", "y"]}, ["x", ["n", ["y", 5]]], ["n", 5, None, ["n"], [5], {"x": 1}, [{"x": 1}]]),
    ({"a": [{"anything-but": "x"}]}, ["y", 1, None, ["x", "y"]], ["x", {"b": 1}, ["x"], []]),
    ({"a": [{"anything-but": {"suffix": "x"}}]}, ["y", 1], ["ax"]),
    ({"a": [{"anything-but": {"prefix": "ab"}}]}, ["a", "b"], ["ab"]),
    ({"a": [{"suffix": {"equals-ignore-case": "X"}}]}, ["ax"], [5, None]),
    ({"a": [{"cidr": "2001:DB8::/32"}]}, ["2001:db8::5"], []),
    ({"a": [{"anything-but": {"equals-ignore-case": "X"}}]}, ["y"], ["x", "X"]),
    ({"a": [{"wildcard": "*a*b"}]}, ["ab", "xaxb", "aab"], ["b", "abx", "ba"]),
    ({"a": [{"wildcard": "ab*bc"}]}, ["abbc", "ab-bc"], ["abc"]),
    ({"a": [{"wildcard": "a*b*ba"}]}, ["abba"], ["aba"]),
    ({"a": [{"wildcard": "a*a*"}]}, ["aa", "axa"], ["a"]),
    ({"a": [{"wildcard": "*a*a*"}]}, ["aa"], ["a"]),
    ({"a": [{"wildcard": "*a*b*c*"}]}, ["abca", "xaxbxcx"], ["acb", "cab"]),
    ({"a": [{"wildcard": "a\n*"}]}, ["a\nb"], ["a b"]),
    ({"a": [{"cidr": "10.0.0.5/24"}]}, ["10.0.0.200"], ["10.0.1.5"]),
    ({"a": [{"wildcard": "plain"}]}, ["plain"], ["plainer", 5]),
    ({"a": [{"equals-ignore-case": ""}]}, [""], ["a", None]),
    ({"a": [{"cidr": "2001:db8::/32"}]}, ["2001:db8::5"], ["10.0.0.1", "x", 5]),
    ({"a": [{"prefix": {"equals-ignore-case": "STRASSE"}}]}, ["Strasse 5"], ["Straße 5", 5, "Weg"]),
    ({"a": [{"exists": True}]}, [None, 0, [1]], [{"b": 1}, []]),
    ({"a": {"b": [1]}}, [{"b": 1}, [{"b": 2}, {"b": 1}, 5]], [{"b": 2}, 1, [], [1]]),
    ({"a": {"b": [{"exists": False}]}}, [{}, 5, {"c": 1}, [], [1]], [{"b": 1}, [{"b": 1}, {"c": 2}]]),
]


@pytest.mark.parametrize(("pattern", "matching", "others"), ACCEPTED)
def test_edges_of_what_matches(pattern, matching, others):
    check_pattern(pattern)
    assert [value for value in matching if not matches(pattern, {"a": value})] == []
    assert [value for value in others if matches(pattern, {"a": value})] == []


AS_EVENT_RULER = [
    # lists within lists are one list
    ({"a": ["x"]}, [[["x"]], [1, ["y", ["x"]]]], [[["y"]]]),
    ({"a": [{"exists": True}]}, [[[1]]], [[[]], [[{"b": 1}]]]),
    ({"a": {"b": [1]}}, [[[{"b": 1}]], {"b": [[1]]}], [[[{"b": 2}]]]),
    # one object of a list has all the values; absent is what no object has
    ({"a": {"b": [1], "c": [2]}}, [[{"b": 1, "c": 2}, {}]], [[{"b": 1}, {"c": 2}]]),
    ({"a": {"b": [1], "c": [{"exists": False}]}}, [[{"b": 1}, {"d": 2}]], [[{"b": 1}, {"c": 2}]]),
    ({"a": {"b": [{"exists": False}, 1]}}, [[{"b": 2}, {"b": 1}], [{}]], [[{"b": 2}, {}]]),
    ({"a": {"b": {"c": [{"exists": False}]}}}, [[{"b": 1}, {"b": {"d": 1}}]], [[{"b": {"c": 1}}, {"b": {"d": 1}}]]),
    ({"a": {"$or": [{"b": [{"exists": False}]}, {"c": [1]}]}}, [[{"d": 1}], [{"b": 1}, {"c": 1}]], [[{"b": 1}, {"c": 2}]]),
    ({"a": {"b": {"c": [{"exists": False}], "d": [1]}}}, [[{"b": {"d": 1}}]], [[{"b": {"d": 2}}], [{"b": {"d": 1}}, {"b": {"c": 1}}]]),
    # no case: letter by letter
    ({"a": [{"equals-ignore-case": "STRASSE"}]}, ["strasse"], ["straße"]),
    # an empty text begins and ends every text; an empty wildcard is the empty text
    ({"a": [{"prefix": ""}]}, ["", "x"], [5]),
    ({"a": [{"suffix": ""}]}, ["", "x"], [None]),
    ({"a": [{"wildcard": ""}]}, [""], ["x"]),
    ({"a": [{"wildcard": "*\\**"}]}, ["a*b", "*"], ["ab"]),
    ({"a": [{"cidr": "10.0.0.5/24"}]}, ["10.0.0.1"], ["10.0.1.5"]),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "matching", "others"), AS_EVENT_RULER)
def test_what_the_guide_leaves_open_is_as_in_the_source_of_event_ruler(pattern, matching, others):
    check_pattern(pattern)
    assert [value for value in matching if not matches(pattern, {"a": value})] == []
    assert [value for value in others if matches(pattern, {"a": value})] == []


def test_absence_costs_one_pass_over_a_hostile_list():
    pattern = {"a": {"b": [1], "c": [{"exists": False}]}}
    began = time.process_time()
    assert not matches(pattern, {"a": [{"d": 1}] * 16_000})
    assert time.process_time() - began < 0.5


def test_a_refusal_keeps_the_place_whatever_signs_a_key_has():
    with pytest.raises(PatternError) as refused:
        check_pattern({"a.b[0]": {"c": "x"}})
    assert refused.value.place == ("a.b[0]", "c")


def test_every_field_and_one_of_the_alternatives_must_match():
    pattern = {"a": [1], "$or": [{"b": [1]}, {"c": [1], "d": [1]}]}
    assert matches(pattern, {"a": 1, "b": 1})
    assert matches(pattern, {"a": 1, "c": 1, "d": 1})
    assert not matches(pattern, {"a": 1, "c": 1})
    assert not matches(pattern, {"b": 1})
