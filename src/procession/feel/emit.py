"""Small constructors for Python's own syntax tree, with the positions `compile` insists on."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

_AT: dict[str, Any] = {"lineno": 1, "col_offset": 0}


def load(name: str) -> ast.expr:
    """A reference to a name of ours; never one from an expression's text."""
    return ast.Name(id=name, ctx=ast.Load(), **_AT)


def constant(value: str | int | bool | None) -> ast.expr:
    return ast.Constant(value=value, **_AT)


def call(name: str, *arguments: ast.expr) -> ast.expr:
    return invoke(load(name), *arguments)


def invoke(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.Call(func=function, args=list(arguments), keywords=[], **_AT)


def method(value: ast.expr, name: str, *arguments: ast.expr) -> ast.expr:
    attribute = ast.Attribute(value=value, attr=name, ctx=ast.Load(), **_AT)
    return invoke(attribute, *arguments)


def conditional(test: ast.expr, then: ast.expr, otherwise: ast.expr) -> ast.expr:
    return ast.IfExp(test=test, body=then, orelse=otherwise, **_AT)


def is_constant(value: ast.expr, constant_value: bool) -> ast.expr:
    return ast.Compare(left=value, ops=[ast.Is()], comparators=[constant(constant_value)], **_AT)


def some(tests: Sequence[ast.expr]) -> ast.expr:
    return ast.BoolOp(op=ast.Or(), values=list(tests), **_AT)


def every(tests: Sequence[ast.expr]) -> ast.expr:
    return ast.BoolOp(op=ast.And(), values=list(tests), **_AT)


def contains(container: ast.expr, key: str) -> ast.expr:
    return ast.Compare(left=constant(key), ops=[ast.In()], comparators=[container], **_AT)


def item(container: ast.expr, key: str) -> ast.expr:
    return ast.Subscript(value=container, slice=constant(key), ctx=ast.Load(), **_AT)


def assign(name: str, value: ast.expr) -> ast.expr:
    target = ast.Name(id=name, ctx=ast.Store(), **_AT)
    return ast.NamedExpr(target=target, value=value, **_AT)


def function(parameters: Sequence[str], body: ast.expr) -> ast.Lambda:
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(arg=name, **_AT) for name in parameters],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    return ast.Lambda(args=arguments, body=body, **_AT)


def sequence(items: Sequence[ast.expr]) -> ast.expr:
    return ast.Tuple(elts=list(items), ctx=ast.Load(), **_AT)


def array(items: Sequence[ast.expr]) -> ast.expr:
    return ast.List(elts=list(items), ctx=ast.Load(), **_AT)


def mapping(entries: Sequence[tuple[str, ast.expr]]) -> ast.expr:
    return ast.Dict(keys=[constant(key) for key, _ in entries], values=[value for _, value in entries], **_AT)
