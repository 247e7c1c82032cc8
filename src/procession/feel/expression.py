"""Compiled expressions: what the rest of Procession holds on to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from procession.feel.builtins import BUILTINS
from procession.feel.compiler import Code, compile_node
from procession.feel.errors import FeelError
from procession.feel.names import NameTable
from procession.feel.parser import parse_expression, parse_unary_tests
from procession.feel.scope import EvaluationScope

_CACHED = 4096
_FUNCTIONS = NameTable(BUILTINS)


class Expression:
    """A FEEL expression, ready to be evaluated any number of times, from any thread.

    `text` is its source; `reads` are the variables of the context it may look at (the first name
    of a path; not what for, some, every, parameters or context entries bind, and not `?`).
    """

    __slots__ = ("_code", "_needs_scope", "reads", "text")

    def __init__(self, text: str, code: Code, reads: frozenset[str], *, needs_scope: bool) -> None:
        self.text = text
        self.reads = reads
        self._code = code
        self._needs_scope = needs_scope

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, context: Mapping[str, Any], *, scope: EvaluationScope | None = None) -> Any:
        """The value of the expression over a context of FEEL values (see `procession.feel.values`).

        The context is read, never copied or changed. Faults give null and a warning in the scope
        (DMN 1.5 section 10.3.2.15). Raises FeelError past the limits of the scope.
        """
        if scope is None and self._needs_scope:
            scope = EvaluationScope()
        try:
            return self._code(context, scope)
        except RecursionError:
            raise FeelError("the evaluation is nested too deeply") from None


@lru_cache(maxsize=_CACHED)
def compile_expression(text: str, names: frozenset[str] = frozenset()) -> Expression:
    """Compile a FEEL expression (without a leading `=`); results are cached by text.

    `names` are the variables and entries whose names are of several words or contain symbols, or
    equal a built-in function's; others need no mention. Raises ExpressionInvalid.
    """
    node = parse_expression(text, _FUNCTIONS, names)
    code, reads, needs_scope = compile_node(text, node, names)
    return Expression(text, code, reads, needs_scope=needs_scope)


@lru_cache(maxsize=_CACHED)
def compile_unary_tests(text: str, names: frozenset[str] = frozenset()) -> Expression:
    """Compile a decision table cell such as `> 5, [1..3]`, `not("a")` or `-`.

    The value to be tested is the entry `?` of the context it is evaluated over; the result is
    true, false or null. `names` as for `compile_expression`. Raises ExpressionInvalid.
    """
    node = parse_unary_tests(text, _FUNCTIONS, names)
    code, reads, needs_scope = compile_node(text, node, names)
    return Expression(text, code, reads, needs_scope=needs_scope)
