"""Hostile expressions are refused or stopped; they never hang, crash or reach Python."""

from __future__ import annotations

from typing import Any

import pytest

from procession import feel
from procession.errors import ExpressionInvalid


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("1 +", 3),
        ("a b", 2),
        ('"abc', 0),
        ("{a: 1, a: 2}", 7),
        ("f(1, b: 2)", 2),
        ("= 1", 0),
        ("a # b", 2),
    ],
)
def test_a_text_that_does_not_parse_names_the_position(text: str, position: int) -> None:
    with pytest.raises(ExpressionInvalid, match="character") as caught:
        feel.compile(text)
    assert (caught.value.text, caught.value.position) == (text, position)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 60_000,
        "[" * 1000 + "]" * 1000,
        "-" * 5000 + "1",
        "+".join("1" * 10_000),
        "x" + ".a" * 5000,
        "if a then " * 500 + "1" + " else 1" * 500,
        "function() " * 500 + "1",
        "1" + " instance of number" * 500,
        "a" * 100_000,
        "1e99999",
    ],
)
def test_oversized_or_deeply_nested_texts_are_refused(text: str) -> None:
    with pytest.raises(ExpressionInvalid):
        feel.compile(text)


@pytest.mark.parametrize(
    "text",
    [
        "for i in 1..10**9 return i",
        "some x in 1..10**9 satisfies x < 0",
        "{f: function(n) f(n + 1), r: f(1)}.r",
        "for i in 1..60 return if i = 1 then [1] else concatenate(partial[-1], partial[-1])",
        'for i in 1..60 return if i = 1 then "ab" else partial[-1] + partial[-1]',
        "string((for i in 1..60 return if i = 1 then [1] else [partial[-1], partial[-1]])[-1])",
        "string(for i in 1..3000 return if i = 1 then [] else [partial[-1]])",
        "distinct values(for i in 1..5000 return i)",
    ],
)
def test_evaluations_that_would_not_end_are_stopped(text: str) -> None:
    with pytest.raises(feel.FeelError):
        feel.compile(text).evaluate({}, scope=feel.EvaluationScope(step_limit=50_000))


def test_a_result_that_explodes_when_written_is_refused() -> None:
    shared = feel.compile("for i in 1..60 return if i = 1 then [1] else [partial[-1], partial[-1]]").evaluate(
        {}
    )
    with pytest.raises(feel.FeelError, match="holds more than"):
        feel.to_json(shared)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", "(.*)(.*)(.*)(.*)(.*)x", "(a?){40}a{40}b"])
def test_patterns_that_would_backtrack_for_ever_are_answered(pattern: str) -> None:
    scope = feel.EvaluationScope()
    text = feel.compile(f'matches(input, "{pattern}")')
    assert text.evaluate({"input": "a" * 300 + "!"}, scope=scope) is False


@pytest.mark.parametrize("text", ["10 ** 6000 * 10 ** 6000", "x * x", '@"2024-01-01" + @"P999999999D"'])
def test_numbers_and_dates_out_of_range_are_null(text: str) -> None:
    assert feel.compile(text).evaluate({"x": 10**5000}) is None


@pytest.mark.parametrize(
    "text", ["__import__", '__import__("os")', "add(1, 2)", "s", "v1", "k1", "`c`", "x.__class__", "eval"]
)
def test_names_never_reach_python(text: str) -> None:
    assert feel.compile(text).evaluate({"x": {}}) is None


def test_names_used_by_the_compiler_are_ordinary_variables() -> None:
    context: dict[str, Any] = {"c": 1, "s": 2, "v1": 3, "k1": 4, "add": 5}
    assert feel.compile("[c, s, v1, k1, add, 0.5]").evaluate(context)[:5] == [1, 2, 3, 4, 5]


def test_evaluating_leaves_the_context_as_it_was() -> None:
    context = {"xs": [3, 1, 2], "m": {"a": 1}}
    feel.compile('[sort(xs), append(xs, 4), context put(m, "b", 2)]').evaluate(context)
    assert context == {"xs": [3, 1, 2], "m": {"a": 1}}


@pytest.mark.parametrize("expression", ["assert(1, 1 > 2)", "assert(1, missing > 2)"])
def test_a_failed_assertion_stops_the_evaluation(expression: str) -> None:
    with pytest.raises(feel.FeelError, match="assertion"):
        feel.compile(expression).evaluate({})


def test_an_assertion_may_name_its_cause() -> None:
    with pytest.raises(feel.FeelError, match="too few"):
        feel.compile('assert(1, false, "too few")').evaluate({})
