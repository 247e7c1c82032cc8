"""Syntax tree to one Python function of (context, scope).

The function is built as Python's own syntax tree from our fixed set of operations, from constants,
and from variables numbered by us, so no text of an expression ever becomes Python code.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

from procession.errors import ExpressionInvalid
from procession.feel import access, arithmetic, comparison, emit, invoke, loops, nodes, typecheck
from procession.feel.builtins.registry import BUILTINS
from procession.feel.environment import Frame, is_bound, lookup
from procession.feel.nodes import Node, Operator
from procession.feel.numbers import parse_number
from procession.feel.temporal import parse_temporal

MAX_DEPTH = 120
"""How deep the syntax tree of an expression may be, chains of operators included."""

_OPERATIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        arithmetic.add,
        arithmetic.subtract,
        arithmetic.multiply,
        arithmetic.divide,
        arithmetic.power,
        arithmetic.negate,
        comparison.equal,
        comparison.unequal,
        comparison.between,
        comparison.member,
        comparison.member_of_any,
        comparison.passes,
        access.missing,
        access.path,
        access.select,
        access.index,
        access.has_entry,
        loops.collect,
        loops.partial,
        loops.each,
        loops.some,
        loops.every,
        invoke.make_function,
        invoke.external,
        invoke.call,
        invoke.call_named,
        typecheck.is_instance,
    )
} | {
    "less": comparison.less,
    "less_equal": comparison.less_equal,
    "greater": comparison.greater,
    "greater_equal": comparison.greater_equal,
    "Span": loops.Span,
    "make_range": comparison.make_range,
    "make_interval": comparison.make_interval,
}
_BINARY = {
    Operator.ADD: "add",
    Operator.SUBTRACT: "subtract",
    Operator.MULTIPLY: "multiply",
    Operator.DIVIDE: "divide",
    Operator.POWER: "power",
    Operator.EQUAL: "equal",
    Operator.UNEQUAL: "unequal",
    Operator.LESS: "less",
    Operator.LESS_EQUAL: "less_equal",
    Operator.GREATER: "greater",
    Operator.GREATER_EQUAL: "greater_equal",
}

Code = Callable[[Mapping[str, Any], Any], Any]


def compile_node(text: str, node: Node, names: Collection[str]) -> tuple[Code, frozenset[str], bool]:
    """The function of a tree, the variables it reads, and whether it needs a scope to run.

    `names` are variables that go before built-in functions. Raises ExpressionInvalid.
    """
    compiler = _Compiler(text, names)
    try:
        tree = ast.Expression(body=emit.function(("c", "s"), compiler.emit(node, None)))
        code = eval(compile(tree, "<feel>", "eval"), compiler.globals)
    except (RecursionError, MemoryError):
        raise ExpressionInvalid("the expression is nested too deeply", text=text, position=0) from None
    return code, frozenset(compiler.reads), compiler.needs_scope


class _Compiler:
    """Turns nodes into Python expressions; `s` is the scope and `c` the context there."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self.globals: dict[str, Any] = {"__builtins__": {}, **_OPERATIONS}
        self.reads: set[str] = set()
        self.needs_scope = False
        self._text = text
        self._shadowing = frozenset(names)
        self._count = 0
        self._depth = 0
        self._asked = False

    def emit(self, node: Node, frame: Frame | None) -> ast.expr:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"the expression is nested more than {MAX_DEPTH} levels deep", node)
        emitted = _EMITTERS[type(node)](self, node, frame)
        self._depth -= 1
        return emitted

    def _fail(self, message: str, node: Node) -> NoReturn:
        raise ExpressionInvalid(
            f"{message} (at character {node.position})", text=self._text, position=node.position
        )

    def _fresh(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _keep(self, value: Any) -> ast.expr:
        """A reference to a Python value that is no plain constant."""
        name = self._fresh("k")
        self.globals[name] = value
        return emit.load(name)

    def _scope(self) -> ast.expr:
        return emit.load("s")

    def _looping(self) -> ast.expr:
        self.needs_scope = True
        return emit.load("s")

    # Constants and names

    def number(self, node: nodes.Number, frame: Frame | None) -> ast.expr:
        try:
            value = parse_number(node.text)
        except ArithmeticError:
            self._fail("the number is out of range", node)
        return emit.constant(value) if isinstance(value, int) else self._keep(value)

    def string(self, node: nodes.String, frame: Frame | None) -> ast.expr:
        return emit.constant(node.value)

    def literal(self, node: nodes.Constant, frame: Frame | None) -> ast.expr:
        return emit.constant(node.value)

    def at(self, node: nodes.At, frame: Frame | None) -> ast.expr:
        return self._keep(parse_temporal(node.text))

    def name(self, node: nodes.Name, frame: Frame | None) -> ast.expr:
        self._asked = self._asked or node.name == "?"
        if is_bound(frame, node.name):
            return lookup(frame, node.name, emit.constant(None))
        return lookup(frame, node.name, self._variable(node.name))

    def _variable(self, name: str) -> ast.expr:
        if name != "?":
            self.reads.add(name)
        context = emit.load("c")
        otherwise = emit.call("missing", emit.constant(name), self._scope())
        if name in BUILTINS:
            self.needs_scope = True
            otherwise = emit.method(self._keep(BUILTINS[name]), "value", self._scope())
        return emit.conditional(emit.contains(context, name), emit.item(context, name), otherwise)

    # Operators

    def binary(self, node: nodes.Binary, frame: Frame | None) -> ast.expr:
        left, right = self.emit(node.left, frame), self.emit(node.right, frame)
        return emit.call(_BINARY[node.operator], left, right, self._scope())

    def negation(self, node: nodes.Negation, frame: Frame | None) -> ast.expr:
        operand = self.emit(node.operand, frame)
        if isinstance(operand, ast.Constant) and type(operand.value) is int:
            return emit.constant(-operand.value)
        return emit.call("negate", operand, self._scope())

    def conjunction(self, node: nodes.Conjunction, frame: Frame | None) -> ast.expr:
        return self._logic(node.operands, frame, decisive=False)

    def disjunction(self, node: nodes.Disjunction, frame: Frame | None) -> ast.expr:
        return self._logic(node.operands, frame, decisive=True)

    def _logic(self, operands: tuple[Node, ...], frame: Frame | None, *, decisive: bool) -> ast.expr:
        """One decisive operand decides at once; otherwise all must be the opposite, or it is null."""
        names = [self._fresh("t") for _ in operands]
        decided = [
            emit.is_constant(emit.assign(name, self.emit(operand, frame)), decisive)
            for name, operand in zip(names, operands, strict=True)
        ]
        opposite = [emit.is_constant(emit.load(name), not decisive) for name in names]
        unanimous = emit.conditional(emit.every(opposite), emit.constant(not decisive), emit.constant(None))
        return emit.conditional(emit.some(decided), emit.constant(decisive), unanimous)

    def between(self, node: nodes.Between, frame: Frame | None) -> ast.expr:
        parts = (self.emit(part, frame) for part in (node.value, node.low, node.high))
        return emit.call("between", *parts, self._scope())

    def contained(self, node: nodes.In, frame: Frame | None) -> ast.expr:
        value = self.emit(node.value, frame)
        if len(node.tests) == 1 and not isinstance(node.tests[0], nodes.Comparison):
            return emit.call("member", value, self.emit(node.tests[0], frame), self._scope())
        tested = self._fresh("v")
        outcomes = [self._test(test, tested, frame) for test in node.tests]
        body = emit.function((tested,), emit.sequence(outcomes))
        return emit.call("member_of_any", value, body)

    def _test(self, test: Node, tested: str, frame: Frame | None) -> ast.expr:
        if isinstance(test, nodes.Comparison):
            operand = self.emit(test.operand, frame)
            return emit.call(_BINARY[test.operator], emit.load(tested), operand, self._scope())
        return emit.call("member", emit.load(tested), self.emit(test, frame), self._scope())

    def comparison(self, node: nodes.Comparison, frame: Frame | None) -> ast.expr:
        operand = self.emit(node.operand, frame)
        return emit.call("make_range", emit.constant(node.operator.value), operand, self._scope())

    def unary_tests(self, node: nodes.UnaryTests, frame: Frame | None) -> ast.expr:
        if not node.tests:
            return emit.constant(True)
        tested = self._fresh("v")
        outcomes = [self._cell(test, tested, frame) for test in node.tests]
        body = emit.function((tested,), emit.sequence(outcomes))
        outcome = emit.call("member_of_any", self._variable("?"), body)
        if not node.negated:
            return outcome
        return emit.call("equal", outcome, emit.constant(False), self._scope())

    def _cell(self, test: Node, tested: str, frame: Frame | None) -> ast.expr:
        if isinstance(test, nodes.Comparison):
            return self._test(test, tested, frame)
        inner = Frame(frame, {"?": emit.load(tested)})
        before = self._asked
        self._asked = False
        outcome = self.emit(test, inner)
        asked, self._asked = self._asked, before
        if asked:
            return emit.call("passes", outcome)
        return emit.call("member", emit.load(tested), outcome, self._scope())

    def instance(self, node: nodes.InstanceOf, frame: Frame | None) -> ast.expr:
        return emit.call("is_instance", self.emit(node.value, frame), self._keep(node.type), self._scope())

    def choice(self, node: nodes.If, frame: Frame | None) -> ast.expr:
        condition = emit.is_constant(self.emit(node.condition, frame), True)
        return emit.conditional(condition, self.emit(node.then, frame), self.emit(node.otherwise, frame))

    # Iteration

    def loop(self, node: nodes.For, frame: Frame | None) -> ast.expr:
        results = self._fresh("v")
        so_far = emit.call("partial", emit.load(results), self._looping())

        def body(inner: Frame) -> ast.expr:
            return emit.method(emit.load(results), "append", self.emit(node.body, inner))

        outer = Frame(frame, {"partial": so_far})
        nest = self._iterate("each", node.iterators, outer, body)
        return emit.call("collect", emit.function((results,), nest))

    def quantified(self, node: nodes.Quantified, frame: Frame | None) -> ast.expr:
        operation = "every" if node.every else "some"
        return self._iterate(operation, node.iterators, frame, lambda inner: self.emit(node.condition, inner))

    def _iterate(
        self,
        operation: str,
        iterators: tuple[nodes.Iterator, ...],
        frame: Frame | None,
        body: Callable[[Frame], ast.expr],
    ) -> ast.expr:
        if len(iterators) > 16:
            self._fail("more than 16 iteration variables", iterators[16].source)
        iterator, *others = iterators
        source = self.emit(iterator.source, frame)
        if iterator.end is not None:
            source = emit.call("Span", source, self.emit(iterator.end, frame))
        variable = self._fresh("v")
        inner = Frame(frame, {iterator.name: emit.load(variable)})
        visit = self._iterate(operation, tuple(others), inner, body) if others else body(inner)
        return emit.call(operation, source, emit.function((variable,), visit), self._looping())

    # Access

    def path(self, node: nodes.Path, frame: Frame | None) -> ast.expr:
        return emit.call("path", self.emit(node.source, frame), emit.constant(node.name), self._scope())

    def filter(self, node: nodes.Filter, frame: Frame | None) -> ast.expr:
        source = self.emit(node.source, frame)
        condition = node.condition
        plain = condition.operand if isinstance(condition, nodes.Negation) else condition
        if isinstance(plain, nodes.Number):
            return emit.call("index", source, self.emit(condition, frame), self._scope())
        variable = self._fresh("v")
        inner = Frame(Frame(frame, item=variable), {"item": emit.load(variable)})
        test = emit.function((variable,), self.emit(condition, inner))
        return emit.call("select", source, test, self._looping())

    # Constructors

    def array(self, node: nodes.List, frame: Frame | None) -> ast.expr:
        return emit.array([self.emit(item, frame) for item in node.items])

    def context(self, node: nodes.Context, frame: Frame | None) -> ast.expr:
        inner = Frame(frame)
        entries = []
        for name, value in node.entries:
            variable = self._fresh("v")
            if isinstance(value, nodes.Function):
                inner.bound[name] = emit.load(variable)  # a function may call itself
            entries.append((name, emit.assign(variable, self.emit(value, inner))))
            inner.bound[name] = emit.load(variable)
        return emit.mapping(entries)

    def range(self, node: nodes.Range, frame: Frame | None) -> ast.expr:
        brackets = emit.constant(("[" if node.start_included else "(") + ("]" if node.end_included else ")"))
        start, end = self.emit(node.start, frame), self.emit(node.end, frame)
        return emit.call("make_interval", brackets, start, end, self._scope())

    # Functions

    def function(self, node: nodes.Function, frame: Frame | None) -> ast.expr:
        parameters = tuple(parameter.name for parameter in node.parameters)
        names = self._keep(parameters)
        if node.body is None:
            return emit.call("external", names, self._looping())
        variables = [self._fresh("v") for _ in parameters]
        bound = {name: emit.load(variable) for name, variable in zip(parameters, variables, strict=True)}
        body = emit.function(variables, self.emit(node.body, Frame(frame, bound)))
        types = self._keep(tuple(parameter.type for parameter in node.parameters))
        return emit.call("make_function", names, types, body, self._looping())

    def call(self, node: nodes.Call, frame: Frame | None) -> ast.expr:
        arguments = [self.emit(argument, frame) for argument in node.arguments]
        named = emit.mapping(list(zip(node.names, arguments, strict=True))) if node.names else None
        function = self._builtin(node.function, frame)
        if function is not None:
            if named is not None:
                return emit.method(function, "named", self._looping(), named)
            return emit.invoke(function, self._looping(), *arguments)
        target = self.emit(node.function, frame)
        if named is not None:
            return emit.call("call_named", target, named, self._looping())
        return emit.call("call", target, emit.sequence(arguments), self._looping())

    def _builtin(self, node: Node, frame: Frame | None) -> ast.expr | None:
        if not isinstance(node, nodes.Name) or node.name not in BUILTINS:
            return None
        if is_bound(frame, node.name) or node.name in self._shadowing:
            return None
        return self._keep(BUILTINS[node.name])


_EMITTERS: dict[type[Node], Callable[[_Compiler, Any, Frame | None], ast.expr]] = {
    nodes.Number: _Compiler.number,
    nodes.String: _Compiler.string,
    nodes.Constant: _Compiler.literal,
    nodes.At: _Compiler.at,
    nodes.Name: _Compiler.name,
    nodes.Binary: _Compiler.binary,
    nodes.Negation: _Compiler.negation,
    nodes.Conjunction: _Compiler.conjunction,
    nodes.Disjunction: _Compiler.disjunction,
    nodes.Between: _Compiler.between,
    nodes.In: _Compiler.contained,
    nodes.Comparison: _Compiler.comparison,
    nodes.UnaryTests: _Compiler.unary_tests,
    nodes.InstanceOf: _Compiler.instance,
    nodes.If: _Compiler.choice,
    nodes.For: _Compiler.loop,
    nodes.Quantified: _Compiler.quantified,
    nodes.Path: _Compiler.path,
    nodes.Filter: _Compiler.filter,
    nodes.List: _Compiler.array,
    nodes.Context: _Compiler.context,
    nodes.Range: _Compiler.range,
    nodes.Function: _Compiler.function,
    nodes.Call: _Compiler.call,
}
