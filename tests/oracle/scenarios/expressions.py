"""FEEL through input mappings: each expression becomes a variable of the job (engine.md 2 and 12)."""

from __future__ import annotations

from tests.building import inputs
from tests.oracle.models import task
from tests.oracle.run import Run
from tests.oracle.scenario import Difference, scenario

VARIABLES = {
    "a": 5,
    "b": 2,
    "f": 1.5,
    "name": "Anna",
    "list": [1, 2, 3, 4],
    "people": [{"name": "A", "age": 30}, {"name": "B", "age": 20}],
    "order": {"id": 7, "lines": [{"sku": "x", "n": 2}, {"sku": "y", "n": 3}]},
    "nothing": None,
    "yes": True,
}

SUBJECTS: dict[str, tuple[str, ...]] = {
    "arithmetic": (
        "a + b",
        "a - b",
        "a * f",
        "a / b",
        "a ** b",
        "-a",
        "1/0",
        "a / 0",
        "2.0",
        "1.50 + 1.5",
        "10 / 3",
        "0.1 + 0.2",
        "7 / 7",
    ),
    "numbers": (
        "floor(f)",
        "ceiling(f)",
        "modulo(a, b)",
        "abs(-a)",
        "round up(f, 0)",
        "decimal(1/3, 2)",
        "sqrt(16)",
        "odd(a)",
        "even(a)",
        'number("12.5")',
    ),
    "comparison": (
        "a > b",
        "a = 5",
        "a != 5",
        "a >= 5 and b < 3",
        'name = "Anna"',
        "a between 1 and 10",
        "a in (1, 5)",
        "a in [1..10]",
        "a in ]5..10]",
        "nothing = null",
        "a = null",
        '"a" < "b"',
        'a = "5"',
    ),
    "logic": (
        "yes and a > 1",
        "yes or nowhere",
        "not(yes)",
        "yes and nothing",
        "false and nothing",
        "if yes then 1 else 2",
        "if nothing then 1 else 2",
    ),
    "texts": (
        '"Hello " + name',
        "upper case(name)",
        "lower case(name)",
        "string length(name)",
        "substring(name, 2)",
        "substring(name, 1, 2)",
        'contains(name, "nn")',
        'starts with(name, "A")',
        'ends with(name, "a")',
        'replace(name, "n", "m")',
        'split("a,b,c", ",")',
        "string(a)",
        "string(f)",
        'string join(["a", "b"], "-")',
        'matches(name, "A.*")',
        'substring before(name, "n")',
        'substring after(name, "n")',
    ),
    "lists": (
        "list[1]",
        "list[-1]",
        "list[9]",
        "list[item > 2]",
        "count(list)",
        "sum(list)",
        "min(list)",
        "max(list)",
        "mean(list)",
        "append(list, 5)",
        "concatenate(list, [9])",
        "reverse(list)",
        "list contains(list, 2)",
        "index of(list, 3)",
        "distinct values([1, 1, 2])",
        "flatten([[1], [2, [3]]])",
        "sublist(list, 2, 2)",
        "remove(list, 1)",
        "insert before(list, 1, 0)",
        "union([1], [1, 2])",
        "sort(list, function(x, y) x > y)",
        "all([true, false])",
        "any([true, false])",
        "product(list)",
        "median(list)",
    ),
    "loops": (
        "for x in list return x * 2",
        "for x in 1..3 return x",
        "for x in list, y in [10, 20] return x + y",
        "some x in list satisfies x > 3",
        "every x in list satisfies x > 3",
        "for x in people return x.name",
    ),
    "contexts": (
        "order.id",
        "order.lines.sku",
        "order.lines[1].n",
        "order.nowhere",
        "{a: 1, b: a + 1}",
        "{a: {b: 2}}.a.b",
        "people[age > 25].name",
        "people[1]",
        'get value(order, "id")',
        'context put(order, "id", 8).id',
        "get entries({a: 1})",
        "context merge([{a: 1}, {b: 2}])",
    ),
    "times": (
        'date("2024-02-29")',
        'string(date("2024-02-29") + duration("P1D"))',
        'duration("P1DT2H")',
        'duration("P1Y2M")',
        'time("12:30:00")',
        'date and time("2024-01-01T12:00:00")',
        'date and time("2024-01-01T12:00:00Z")',
        'date and time("2024-01-01T12:00:00+02:00")',
        'date("2024-03-01") - date("2024-02-28")',
        'date("2024-02-29").year',
        'duration("PT90M")',
        'duration("PT90M").minutes',
        'day of week(date("2024-02-29"))',
        'date("2024-02-30")',
        'date("2024-01-31") + duration("P1M")',
        'duration("PT1H") * 2',
        'week of year(date("2024-02-29"))',
    ),
    "nulls": (
        "nowhere",
        "nowhere.deeper",
        "nowhere + 1",
        "nothing.x",
        "nowhere[1]",
        "[nothing, 1]",
        "{x: nothing}",
        "is defined(nowhere)",
        "get or else(nothing, 3)",
        'nothing + "a"',
    ),
    "types": (
        "a instance of number",
        "name instance of string",
        "string(list)",
        "string(order)",
        "string(nothing)",
        "string(yes)",
        "[1..3]",
    ),
    "functions": (
        "floor(nothing)",
        "upper case(a)",
        "count(a)",
        "nosuch(a)",
        "sum([])",
        "min([])",
        'max(["a", "b"])',
        "sum([1, nothing])",
        "string length(nothing)",
        "substring(name, 0)",
        'number("x")',
    ),
    "ranges": (
        "before(1, 2)",
        "overlaps([1..5], [3..8])",
        "includes([1..10], 5)",
        "finishes(10, [1..10])",
    ),
}


DIFFERENCES: dict[str, Difference] = {
    "times": Difference(
        why="Times as texts",
        zeebe=(
            "time(\"12:30:00\") -> '12:30'",
            "date and time(\"2024-01-01T12:00:00\") -> '2024-01-01T12:00'",
            "date and time(\"2024-01-01T12:00:00Z\") -> '2024-01-01T12:00Z'",
            "date and time(\"2024-01-01T12:00:00+02:00\") -> '2024-01-01T12:00+02:00'",
        ),
        ours=(
            "time(\"12:30:00\") -> '12:30:00'",
            "date and time(\"2024-01-01T12:00:00\") -> '2024-01-01T12:00:00'",
            "date and time(\"2024-01-01T12:00:00Z\") -> '2024-01-01T12:00:00Z'",
            "date and time(\"2024-01-01T12:00:00+02:00\") -> '2024-01-01T12:00:00+02:00'",
        ),
    ),
    "types": Difference(
        why="Contexts as texts",
        zeebe=('string(order) -> \'{id:7, lines:[{sku:"x", n:2}, {sku:"y", n:3}]}\'',),
        ours=('string(order) -> \'{id: 7, lines: [{sku: "x", n: 2}, {sku: "y", n: 3}]}\'',),
    ),
    "functions": Difference(
        why="Arguments of FEEL functions",
        zeebe=("count(a) -> None", "substring(name, 0) -> ''"),
        ours=("count(a) -> 1", "substring(name, 0) -> None"),
    ),
}


def _expressions(subject: str, expressions: tuple[str, ...]) -> None:
    @scenario(f"{subject} in FEEL", differs=DIFFERENCES.get(subject))
    async def _(run: Run) -> None:
        mappings = {f"x{number:02}": f"={text}" for number, text in enumerate(expressions, 1)}
        await run.deploy(task(mappings=inputs(**mappings)))
        await run.create(VARIABLES)
        one = await run.job("t", fetch=list(mappings), silent=True)
        for name, text in mappings.items():
            run.note(f"{text.removeprefix('=')} -> {one.variables.get(name)!r}")
        await run.complete(one)


for _subject, _texts in SUBJECTS.items():
    _expressions(_subject, _texts)
