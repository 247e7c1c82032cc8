"""Tokens to syntax tree: the grammar of DMN 1.5 section 10.3.1.2 by operator precedence."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from procession.feel import nodes
from procession.feel.blocks import BlockParser
from procession.feel.lexer import TokenKind
from procession.feel.names import NameTable
from procession.feel.nodes import Node, Operator
from procession.feel.reader import KEYWORDS
from procession.feel.typenames import parse_type

_OR, _AND, _COMPARE, _ADD, _MULTIPLY, _POWER, _INSTANCE, _POSTFIX = range(1, 9)
_NEGATE = _INSTANCE

_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_BINDING = {
    **dict.fromkeys(_COMPARISONS, _COMPARE),
    "+": _ADD,
    "-": _ADD,
    "*": _MULTIPLY,
    "/": _MULTIPLY,
    "**": _POWER,
    ".": _POSTFIX,
    "[": _POSTFIX,
    "(": _POSTFIX,
}
_WORD_BINDING = {"or": _OR, "and": _AND, "between": _COMPARE, "in": _COMPARE, "instance": _INSTANCE}
_CONSTANTS = {"true": True, "false": False, "null": None}
_PROPERTIES = ("time offset", "start included", "end included")


def parse_expression(text: str, functions: NameTable, names: Iterable[str] = ()) -> Node:
    """The tree of a FEEL expression.

    `functions` knows the built-in functions of several words, `names` the variables and entries of
    several words. Raises ExpressionInvalid.
    """
    parser = _Parser(text, functions, names)
    return parser.whole(parser.expression())


def parse_unary_tests(text: str, functions: NameTable, names: Iterable[str] = ()) -> Node:
    """The tree of a decision table cell (grammar rule 15). Raises ExpressionInvalid."""
    parser = _Parser(text, functions, names)
    return parser.whole(parser.unary_tests())


class _Parser(BlockParser):
    """Recursive descent; binding powers decide what an operator takes."""

    def __init__(self, text: str, functions: NameTable, names: Iterable[str]) -> None:
        known = tuple(names)
        super().__init__(text, (functions, NameTable(known)), NameTable((*known, *_PROPERTIES)))

    def whole(self, node: Node) -> Node:
        if self.token.kind is not TokenKind.END:
            self.fail("expected an operator or the end of the expression")
        return node

    def expression(self, binding: int = 0) -> Node:
        """An expression whose operators all bind tighter than `binding`."""
        with self.nested():
            left = self._prefix()
            while (power := self._power()) > binding:
                left = self._infix(left, power)
            return left

    def _power(self) -> int:
        token = self.token
        if token.kind is TokenKind.SYMBOL:
            return _BINDING.get(token.value, 0)
        return _WORD_BINDING.get(token.value, 0) if token.kind is TokenKind.NAME else 0

    # Operators after a value

    def _infix(self, left: Node, power: int) -> Node:
        token = self.advance()
        special = _INFIX.get(token.value)
        if special is not None:
            return special(self, left)
        right = self.expression(power)
        return nodes.Binary(operator=Operator(token.value), left=left, right=right, position=token.start)

    def _or(self, left: Node) -> Node:
        operands = self._chain(left, "or", _OR)
        return nodes.Disjunction(operands=operands, position=left.position)

    def _and(self, left: Node) -> Node:
        operands = self._chain(left, "and", _AND)
        return nodes.Conjunction(operands=operands, position=left.position)

    def _chain(self, left: Node, word: str, power: int) -> tuple[Node, ...]:
        operands = [left, self.expression(power)]
        while self.accept_word(word):
            operands.append(self.expression(power))
        return tuple(operands)

    def _between(self, left: Node) -> Node:
        low = self.expression(_COMPARE)
        self.expect_word("and")
        high = self.expression(_COMPARE)
        return nodes.Between(value=left, low=low, high=high, position=left.position)

    def _in(self, left: Node) -> Node:
        if self.at_symbol("(") and not self._open_range_ahead():
            self.advance()
            tests = self._items(")", self._test)
        else:
            tests = (self._test(),)
        return nodes.In(value=left, tests=tests, position=left.position)

    def _open_range_ahead(self) -> bool:
        """Whether the next parenthesis starts a range such as `(1..5]` rather than a list of tests."""
        depth, distance = 0, 0
        while (token := self.peek(distance)).kind is not TokenKind.END:
            if token.kind is TokenKind.SYMBOL:
                depth += (token.value in "([{") - (token.value in ")]}")
                if depth == 0 or (depth == 1 and token.value == ","):
                    return False
                if depth == 1 and token.value == "..":
                    return True
            distance += 1
        return False

    def _test(self) -> Node:
        """A positive unary test: a comparison with what is tested, or an expression."""
        token = self.token
        if self.at_symbol(*_COMPARISONS):
            self.advance()
            operand = self.expression(_COMPARE)
            return nodes.Comparison(operator=Operator(token.value), operand=operand, position=token.start)
        return self.expression(_COMPARE)

    def _instance(self, left: Node) -> Node:
        self.expect_word("of")
        return nodes.InstanceOf(value=left, type=parse_type(self), position=left.position)

    def _path(self, left: Node) -> Node:
        token = self.token
        name = self.known_name(self._fields)
        if name is None:
            if token.kind not in (TokenKind.NAME, TokenKind.QUOTED):
                self.fail("expected a name after '.'")
            name = self.advance().value
        return nodes.Path(source=left, name=name, position=token.start)

    def _filter(self, left: Node) -> Node:
        with self.scope(self._fields):
            condition = self.expression()
        self.expect("]")
        return nodes.Filter(source=left, condition=condition, position=left.position)

    def _call(self, left: Node) -> Node:
        names: list[str] = []

        def argument() -> Node:
            token = self.token
            name = self.name_before(":")
            if name is not None:
                self.advance()
                if name in names:
                    self.refuse(f"the argument {name!r} is given twice", token)
                names.append(name)
            return self.expression()

        opening = self.token
        arguments = self._items(")", argument)
        if len(names) not in (0, len(arguments)):
            self.refuse("arguments are either all named or all positional", opening)
        return nodes.Call(function=left, arguments=arguments, names=tuple(names), position=left.position)

    def _items(self, end: str, item: Callable[[], Node]) -> tuple[Node, ...]:
        items: list[Node] = []
        if not self.accept(end):
            items.append(item())
            while self.accept(","):
                items.append(item())
            self.expect(end)
        return tuple(items)

    # What an expression starts with

    def _prefix(self) -> Node:
        return _PREFIX.get(self.token.kind, _Parser._no_value)(self)

    def _no_value(self) -> Node:
        self.fail("expected a value")

    def _number(self) -> Node:
        token = self.advance()
        return nodes.Number(text=token.value, position=token.start)

    def _string(self) -> Node:
        token = self.advance()
        return nodes.String(value=token.value, position=token.start)

    def _at(self) -> Node:
        token = self.advance()
        return nodes.At(text=token.value, position=token.start)

    def _quoted(self) -> Node:
        token = self.advance()
        return nodes.Name(name=token.value, position=token.start)

    def _symbol(self) -> Node:
        return _PREFIX_SYMBOLS.get(self.token.value, _Parser._no_value)(self)

    def _word(self) -> Node:
        token = self.token
        name = self.known_name()
        if name is None:
            if token.value in _CONSTANTS:
                self.advance()
                return nodes.Constant(value=_CONSTANTS[token.value], position=token.start)
            if token.value in _PREFIX_WORDS:
                return _PREFIX_WORDS[token.value](self)
            if token.value in KEYWORDS:
                self.fail("expected a value")
            name = self.advance().value
        return nodes.Name(name=name, position=token.start)

    def _negation(self) -> Node:
        position = self.advance().start
        return nodes.Negation(operand=self.expression(_NEGATE), position=position)

    def _parenthesis(self) -> Node:
        """A grouped expression, an open range, or a comparison that is an endless range: `(> 5)`."""
        position = self.advance().start
        if self.at_symbol(*_COMPARISONS):
            node = self._test()
        else:
            node = self.expression()
            if self.accept(".."):
                return self._range(node, position, included=False)
        self.expect(")")
        return node

    def _bracket(self) -> Node:
        position = self.advance().start
        if self.accept("]"):
            return nodes.List(items=(), position=position)
        first = self.expression()
        if self.accept(".."):
            return self._range(first, position, included=True)
        items = [first]
        while self.accept(","):
            items.append(self.expression())
        self.expect("]")
        return nodes.List(items=tuple(items), position=position)

    def _reversed_bracket(self) -> Node:
        position = self.advance().start
        start = self.expression(_COMPARE)
        self.expect("..")
        return self._range(start, position, included=False)

    def _range(self, start: Node, position: int, *, included: bool) -> Node:
        # Only what binds tighter than a postfix may follow, or the closing `[` would be a filter.
        end = self._endpoint()
        if not self.at_symbol("]", ")", "["):
            self.fail("expected the end of the range")
        closing = self.advance().value
        return nodes.Range(
            start=start, end=end, start_included=included, end_included=closing == "]", position=position
        )

    def _endpoint(self) -> Node:
        with self.nested():
            left = self._prefix()
            while (power := self._power()) > _COMPARE and not self._closes_range():
                left = self._infix(left, power)
            return left

    def _closes_range(self) -> bool:
        """A `[` that nothing could be inside of closes the range instead of filtering."""
        after = self.peek()
        ends = after.kind is TokenKind.END or (
            after.kind is TokenKind.SYMBOL and after.value in (")", "]", "}", ",", ".", "=", "!=")
        )
        words = after.kind is TokenKind.NAME and after.value in (
            "and",
            "or",
            "then",
            "else",
            "return",
            "satisfies",
        )
        return self.at_symbol("[") and (ends or words)

    # Decision table cells

    def unary_tests(self) -> Node:
        """`-`, `not(tests)` or tests."""
        position = self.token.start
        if self.at_symbol("-") and self.peek().kind is TokenKind.END:
            self.advance()
            return nodes.UnaryTests(tests=(), position=position)
        negated = self.at_word("not") and self.peek().value == "("
        if negated:
            self.advance()
            self.advance()
        tests = [self._cell_test()]
        while self.accept(","):
            tests.append(self._cell_test())
        if negated:
            self.expect(")")
        return nodes.UnaryTests(tests=tuple(tests), negated=negated, position=position)

    def _cell_test(self) -> Node:
        return self._test() if self.at_symbol(*_COMPARISONS) else self.expression()


_INFIX: dict[str, Callable[[_Parser, Node], Node]] = {
    "or": _Parser._or,
    "and": _Parser._and,
    "between": _Parser._between,
    "in": _Parser._in,
    "instance": _Parser._instance,
    ".": _Parser._path,
    "[": _Parser._filter,
    "(": _Parser._call,
}
_PREFIX_SYMBOLS: dict[str, Callable[[_Parser], Node]] = {
    "-": _Parser._negation,
    "(": _Parser._parenthesis,
    "[": _Parser._bracket,
    "]": _Parser._reversed_bracket,
    "{": _Parser.context_block,
}
_PREFIX: dict[TokenKind, Callable[[_Parser], Node]] = {
    TokenKind.NUMBER: _Parser._number,
    TokenKind.STRING: _Parser._string,
    TokenKind.AT: _Parser._at,
    TokenKind.QUOTED: _Parser._quoted,
    TokenKind.SYMBOL: _Parser._symbol,
    TokenKind.NAME: _Parser._word,
}
_PREFIX_WORDS: dict[str, Callable[[_Parser], Node]] = {
    "if": _Parser.if_block,
    "for": _Parser.for_block,
    "some": _Parser.quantified_block,
    "every": _Parser.quantified_block,
    "function": _Parser.function_block,
}
