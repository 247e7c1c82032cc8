"""Built-in functions (DMN 1.5 section 10.3.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from procession import feel
from procession.feel.builtins import BUILTINS


def value(text: str) -> Any:
    return feel.to_json(feel.compile(text).evaluate({}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('substring("foobar", 3)', "obar"),
        ('substring("foobar", -2, 1)', "a"),
        ('substring(string: "foobar", start position: 3, length: 2)', "ob"),
        ('string length("foo")', 3),
        ('substring before("foobar", "bar")', "foo"),
        ('matches("foobar", "^fo*b")', True),
        ('matches("hello", "[a-z-[aeiou]]")', True),
        ('matches("Ż", "\\p{Lu}")', True),
        ('replace("abcd", "(ab)|(a)", "[1=$1][2=$2]")', "[1=ab][2=]cd"),
        ('split("a;b;;c", ";")', ["a", "b", "", "c"]),
        ('extract("a1b22", "[0-9]+")', ["1", "22"]),
        ('string join(["a", null, "b"], "-")', "a-b"),
        ('string([1, "a", {b: null}])', '[1, "a", {b: null}]'),
        ('number("1,000.5", ",", ".")', Decimal("1000.5")),
        ('number("x")', None),
        ("not(null)", None),
    ],
)
def test_strings_and_conversion(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum([1, 2.5])", Decimal("3.5")),
        ("sum(1, 2)", 3),
        ("sum([])", None),
        ("max([1, 3, 2])", 3),
        ('min("b", "a")', "a"),
        ("mean([1, 2])", Decimal("1.5")),
        ("median([8, 2, 5, 3, 4])", 4),
        ("mode([6, 1, 9, 6, 1])", [1, 6]),
        ("all([true, null])", None),
        ("any([false, true])", True),
        ("append([1], 2, 3)", [1, 2, 3]),
        ("concatenate([1], [2])", [1, 2]),
        ("insert before([1, 3], 2, 2)", [1, 2, 3]),
        ("remove([1, 2], -1)", [1]),
        ("sublist([1, 2, 3], 2, 1)", [2]),
        ("distinct values([1, 2, 1, null, null])", [1, 2, None]),
        ("duplicate values([1, 2, 1])", [1]),
        ("flatten([1, [2, [3]]])", [1, 2, 3]),
        ("sort([3, 1, 2], function(x, y) x > y)", [3, 2, 1]),
        ("partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("index of([1, 2, 1], 1)", [1, 3]),
        ("list replace([1, 2], 2, 9)", [1, 9]),
    ],
)
def test_lists(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("decimal(1 / 3, 2)", Decimal("0.33")),
        ("decimal(2.5, 0)", 2),
        ("floor(-1.5)", -2),
        ("round half up(2.5)", 3),
        ("round half down(2.5, 0)", 2),
        ("modulo(-12, 5)", 3),
        ("sqrt(16)", 4),
        ("log(0)", None),
        ("odd(-3)", True),
        ('abs(@"-P1D")', "PT24H"),
        ('context put({a: 1}, ["x", "y"], 3)', {"a": 1, "x": {"y": 3}}),
        ("context merge([{a: 1}, {a: 2}])", {"a": 2}),
        ('context([{key: "a", value: 1}])', {"a": 1}),
        ("get entries({a: 1})", [{"key": "a", "value": 1}]),
        ('get value({a: {b: 1}}, ["a", "b"])', 1),
        ("get or else(null, 1)", 1),
        ("is defined(missing)", False),
        ("assert(1, 2 > 1)", 1),
        ("before([1..5), [5..9])", True),
        ("overlaps([1..5], [5..9])", True),
        ("meets([1..5], [5..9])", True),
        ("includes([1..5], 5)", True),
        ("coincides(1, 1)", True),
        ('2 in range("[1..3]")', True),
        ('day of week(date("2024-02-29"))', "Thursday"),
        ('week of year(date("2024-12-30"))', 1),
        ('last day of month(date("2024-02-01"))', "2024-02-29"),
        ('years and months duration(date("2023-01-31"), date("2024-01-30"))', "P11M"),
        ("date(2024, 2, 30)", None),
    ],
)
def test_numbers_contexts_ranges_and_dates(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_every_function_is_documented() -> None:
    assert [name for name, entry in BUILTINS.items() if not entry.doc] == []


def test_arguments_that_do_not_fit_are_explained() -> None:
    scope = feel.EvaluationScope()
    assert feel.compile("string length(1)").evaluate({}, scope=scope) is None
    assert scope.warnings == ["string length(): 'string' cannot be number"]
