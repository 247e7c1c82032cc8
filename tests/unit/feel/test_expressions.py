"""What FEEL expressions mean (DMN 1.5 chapter 10.3)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from procession import feel

CONTEXT: dict[str, Any] = {
    "total": 120,
    "status": "paid",
    "rate": Decimal("1.0"),
    "people": [{"name": "Ada", "age": 36}, {"name": "Bob", "age": 12}],
    "a b": 7,
    "nothing": None,
}


def value(text: str, context: dict[str, Any] | None = None) -> Any:
    return feel.to_json(feel.compile(text).evaluate(CONTEXT if context is None else context))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('total > 100 and status = "paid"', True),
        ("1 + 2 * 3", 7),
        ("1 - 2 - 3", -4),
        ("-5 ** 2", 25),
        ("2 ** 3 ** 2", 64),
        ("1 / 4", Decimal("0.25")),
        ('"a" + "b"', "ab"),
        ("total between 100 and 120", True),
        ("`a b` + 1", 8),
        ("if total > 100 then 1 else 2", 1),
        ("1 + 1 // two", 2),
        ("1 /* one */ + 1", 2),
        (r'"\u0041\t\"\\ \d"', 'A\t"\\ \\d'),
    ],
)
def test_operators_and_literals(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true and null", None),
        ("false and null", False),
        ("true or null", True),
        ("false or null", None),
        ("null = null", True),
        ("nothing != null", False),
        ("1 < null", None),
        ('1 = "1"', None),
        ("1 + null", None),
        ("true + 1", None),
        ("1 / 0", None),
        ("missing", None),
        ("{a: 1}.b", None),
        ("if null then 1 else 2", 2),
    ],
)
def test_faults_and_unknowns_are_null(text: str, expected: Any) -> None:
    assert value(text) is expected or value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 in (1..5]", True),
        ("5 in [1..5)", False),
        ("5 in ]1..5[", False),
        ("7 in (> 5, < 2)", True),
        ("7 in > 5", True),
        ('"a" in ("a", "b")', True),
        ("3 in ([1..2], 3)", True),
        ("1 in [1, 2]", True),
        ("5 in (> 3)", True),
        ("5 in (null..10]", None),
    ],
)
def test_membership(text: str, expected: Any) -> None:
    assert value(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("people[age > 18].name", ["Ada"]),
        ("people[1].name", "Ada"),
        ("people[-1].age", 12),
        ("people[3]", None),
        ("people.name", ["Ada", "Bob"]),
        ("[1, 2, 3][item > 1]", [2, 3]),
        ("5[1]", 5),
        ('@"2024-02-29".year', 2024),
        ('@"P1DT2H".hours', 2),
        ("[1..5].end", 5),
        ("[1..5).end included", False),
        ("{first name: 1}.first name", 1),
    ],
)
def test_paths_and_filters(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("for i in 1..3 return i * i", [1, 4, 9]),
        ("for i in 3..1 return i", [3, 2, 1]),
        ("for i in 1..2, j in [10, 20] return i + j", [11, 21, 12, 22]),
        ("for i in 1..5 return if i < 3 then 1 else partial[-1] + partial[-2]", [1, 1, 2, 3, 5]),
        ("some x in people satisfies x.age < 18", True),
        ("every x in people satisfies x.age < 18", False),
        ("{x: 1, y: x + 1}", {"x": 1, "y": 2}),
        ("(function(x, y) x - y)(y: 1, x: 5)", 4),
        ("{f: function(n) if n < 2 then 1 else n * f(n - 1), r: f(5)}.r", 120),
        ("(function(x: string) x)(1)", None),
    ],
)
def test_iterations_contexts_and_functions(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("total instance of number", True),
        ("true instance of number", False),
        ("[1, 2] instance of list<number>", True),
        ('{a: "x"} instance of context<a: string>', True),
        ("[1..2] instance of range<number>", True),
        ('@"P1D" instance of days and time duration', True),
        ("null instance of Any", False),
    ],
)
def test_instance_of(text: str, expected: bool) -> None:
    assert value(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('@"2024-01-31" + @"P1M"', "2024-02-29"),
        ('date("2024-03-01") - date("2024-02-01")', "PT696H"),
        ('@"P1DT2H"', "PT26H"),
        ('@"P14M"', "P1Y2M"),
        ('@"2024-03-31T01:30:00@Europe/Paris" + @"PT1H"', "2024-03-31T03:30:00@Europe/Paris"),
        ('@"10:00:00" + @"PT15H"', "01:00:00"),
        ('@"2024-01-01T10:00:00Z" = @"2024-01-01T11:00:00+01:00"', True),
        ('duration("PT0S")', "PT0S"),
        ("[1..2]", None),
        ("function(x) x", None),
        ("2.0", 2),
        ("rate + 1", 2),
    ],
)
def test_results_become_json_as_zeebe_writes_it(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_a_number_that_is_only_passed_on_keeps_its_form() -> None:
    assert str(value("rate")) == "1.0"
    assert isinstance(value("rate * 2"), int)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("order.total > limit", {"order", "limit"}),
        ("for x in xs return x + y", {"xs", "y"}),
        ("some x in xs satisfies x = z", {"xs", "z"}),
        ("{a: b, c: a}", {"b"}),
        ("function(p) p + q", {"q"}),
        ("count(items)", {"items"}),
        ("xs[item > 1]", {"xs"}),
        ("1 + 1", set()),
    ],
)
def test_an_expression_names_the_variables_it_reads(text: str, reads: set[str]) -> None:
    assert feel.compile(text).reads == reads


def test_names_of_several_words_are_known_when_they_are_given() -> None:
    # Given a name with a space and one with a symbol
    expression = feel.compile("monthly income - co-payment", frozenset({"monthly income", "co-payment"}))
    # When it is evaluated, then both are read as variables
    assert expression.evaluate({"monthly income": 10, "co-payment": 3}) == 7


def test_without_backticks_a_dash_subtracts() -> None:
    assert feel.compile("a-b").evaluate({"a": 5, "b": 3, "a-b": 0}) == 2
    assert feel.compile("`a-b`").evaluate({"a": 5, "b": 3, "a-b": 0}) == 0


def test_now_and_today_come_from_the_scope() -> None:
    # Given a scope late in the evening UTC, in a zone that is further on
    scope = feel.EvaluationScope(
        now=datetime(2024, 1, 1, 23, 30, tzinfo=UTC), timezone=ZoneInfo("Europe/Warsaw")
    )
    # Then today is tomorrow there
    assert feel.compile("today()").evaluate({}, scope=scope) == date(2024, 1, 2)


def test_the_same_seed_gives_the_same_random_numbers() -> None:
    expression = feel.compile("[random number(), uuid()]")
    first = expression.evaluate({}, scope=feel.EvaluationScope(seed=7))
    assert first == expression.evaluate({}, scope=feel.EvaluationScope(seed=7))


def test_the_scope_hears_why_a_value_became_null() -> None:
    scope = feel.EvaluationScope()
    assert feel.compile("1 + missing").evaluate({}, scope=scope) is None
    assert scope.warnings == ["there is no variable named 'missing'", "cannot compute number + null"]


@pytest.mark.parametrize(
    ("cell", "tested", "expected"),
    [
        ("-", 1, True),
        ("> 5", 6, True),
        ("1, 2, 3", 2, True),
        ("[1..3]", 4, False),
        ('not("a", "b")', "c", True),
        ('not("a", "b")', "a", False),
        ("? > 3 and ? < 5", 4, True),
        ("limit", 9, True),
        ("> limit", 10, True),
    ],
)
def test_decision_table_cells(cell: str, tested: Any, expected: bool) -> None:
    assert feel.compile_unary_tests(cell).evaluate({"?": tested, "limit": 9}) is expected
