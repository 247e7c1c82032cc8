"""The syntax tree of an expression: frozen nodes, each with its position in the text."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all nodes; `position` counts characters from 0."""

    position: int


class Number(Node, frozen=True):
    text: str


class String(Node, frozen=True):
    value: str


class Constant(Node, frozen=True):
    """true, false or null."""

    value: bool | None


class At(Node, frozen=True):
    """`@"2024-01-01"`: a date, time, date and time, or duration."""

    text: str


class Name(Node, frozen=True):
    name: str


class Operator(StrEnum):
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    POWER = "**"
    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="


class Binary(Node, frozen=True):
    operator: Operator
    left: Node
    right: Node


class Negation(Node, frozen=True):
    operand: Node


class Conjunction(Node, frozen=True):
    operands: tuple[Node, ...]


class Disjunction(Node, frozen=True):
    operands: tuple[Node, ...]


class Between(Node, frozen=True):
    value: Node
    low: Node
    high: Node


class In(Node, frozen=True):
    """`value in tests`: true when one of the tests holds for the value."""

    value: Node
    tests: tuple[Node, ...]


class Comparison(Node, frozen=True):
    """A test such as `> 5`: compares what is being tested, or stands for an endless range."""

    operator: Operator
    operand: Node


class Type(msgspec.Struct, frozen=True, kw_only=True):
    """A type as `instance of` names it; parts are element, entry, or parameter types."""

    name: str
    parts: tuple[Type, ...] = ()
    labels: tuple[str, ...] = ()
    """Names of the entries of a context type, beside `parts`."""
    result: Type | None = None


class InstanceOf(Node, frozen=True):
    value: Node
    type: Type


class If(Node, frozen=True):
    condition: Node
    then: Node
    otherwise: Node


class Iterator(msgspec.Struct, frozen=True, kw_only=True):
    """`name in source`, or `name in source..end` counting up or down."""

    name: str
    source: Node
    end: Node | None = None


class For(Node, frozen=True):
    iterators: tuple[Iterator, ...]
    body: Node


class Quantified(Node, frozen=True):
    """`some` (or `every`) iterators satisfy the condition."""

    every: bool
    iterators: tuple[Iterator, ...]
    condition: Node


class Path(Node, frozen=True):
    source: Node
    name: str


class Filter(Node, frozen=True):
    source: Node
    condition: Node


class List(Node, frozen=True):
    items: tuple[Node, ...]


class Context(Node, frozen=True):
    entries: tuple[tuple[str, Node], ...]


class Range(Node, frozen=True):
    start: Node
    end: Node
    start_included: bool
    end_included: bool


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    type: Type | None = None


class Function(Node, frozen=True):
    """A function definition; `body` is None for an external one, which cannot be called here."""

    parameters: tuple[Parameter, ...]
    body: Node | None


class Call(Node, frozen=True):
    """An invocation; `names` holds the parameter names of a named one, beside `arguments`."""

    function: Node
    arguments: tuple[Node, ...]
    names: tuple[str, ...] = ()


class UnaryTests(Node, frozen=True):
    """A decision table cell: tests on `?`; no tests means anything goes (`-`)."""

    tests: tuple[Node, ...]
    negated: bool = False
