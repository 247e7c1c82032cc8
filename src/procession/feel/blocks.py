"""Constructs that begin with a keyword or brace and may bind names: if, for, some, function, context."""

from __future__ import annotations

from abc import ABC, abstractmethod

from procession.feel import nodes
from procession.feel.lexer import TokenKind
from procession.feel.names import NameTable
from procession.feel.nodes import Node
from procession.feel.reader import TokenReader
from procession.feel.typenames import parse_type


class BlockParser(TokenReader, ABC):
    """Parses the blocks; what is inside of them is left to `expression`."""

    def __init__(self, text: str, names: tuple[NameTable, ...], fields: NameTable) -> None:
        super().__init__(text, names)
        self._fields = fields

    @abstractmethod
    def expression(self, binding: int = 0) -> Node:
        """Parse an expression whose operators all bind tighter than `binding`."""

    def context_block(self) -> Node:
        position = self.advance().start
        entries: dict[str, Node] = {}
        with self.scope() as table:
            while not self.accept("}"):
                if entries:
                    self.expect(",")
                token = self.token
                key = self._key()
                if key in entries:
                    self.refuse(f"the entry {key!r} is given twice", token)
                self.expect(":")
                entries[key] = self.expression()
                self._learn(key, table, self._fields)
        return nodes.Context(entries=tuple(entries.items()), position=position)

    def _key(self) -> str:
        if self.token.kind is TokenKind.STRING:
            return self.advance().value
        name = self.name_before(":")
        if name is None:
            self.fail("expected the name of an entry")
        return name

    @staticmethod
    def _learn(name: str, *tables: NameTable) -> None:
        if (
            name.isidentifier()
            or len(name) > 200
            or not name[:1].isalpha()
            or set(name) & set('"`\\@#$%^&|~;!')
        ):
            return
        for table in tables:
            table.add(name)

    def if_block(self) -> Node:
        position = self.advance().start
        condition = self.expression()
        self.expect_word("then")
        then = self.expression()
        self.expect_word("else")
        otherwise = self.expression()
        return nodes.If(condition=condition, then=then, otherwise=otherwise, position=position)

    def for_block(self) -> Node:
        position = self.advance().start
        with self.scope() as table:
            iterators = self._iterators(table)
            self.expect_word("return")
            body = self.expression()
        return nodes.For(iterators=iterators, body=body, position=position)

    def quantified_block(self) -> Node:
        token = self.advance()
        with self.scope() as table:
            iterators = self._iterators(table)
            self.expect_word("satisfies")
            condition = self.expression()
        return nodes.Quantified(
            every=token.value == "every", iterators=iterators, condition=condition, position=token.start
        )

    def _iterators(self, table: NameTable) -> tuple[nodes.Iterator, ...]:
        iterators: list[nodes.Iterator] = []
        while not iterators or self.accept(","):
            name = self.name_before("in")
            if name is None:
                self.fail("expected the name of an iteration variable")
            self.expect_word("in")
            source = self.expression()
            end = self.expression() if self.accept("..") else None
            iterators.append(nodes.Iterator(name=name, source=source, end=end))
            self._learn(name, table)
        return tuple(iterators)

    def function_block(self) -> Node:
        position = self.advance().start
        self.expect("(")
        with self.scope() as table:
            parameters: list[nodes.Parameter] = []
            while not self.accept(")"):
                if parameters:
                    self.expect(",")
                parameters.append(self._parameter(table))
            if self.accept_word("external"):
                self.expression()
                return nodes.Function(parameters=tuple(parameters), body=None, position=position)
            body = self.expression()
        return nodes.Function(parameters=tuple(parameters), body=body, position=position)

    def _parameter(self, table: NameTable) -> nodes.Parameter:
        name = self.name_before(":", ",", ")")
        if name is None:
            self.fail("expected the name of a parameter")
        self._learn(name, table)
        return nodes.Parameter(name=name, type=parse_type(self) if self.accept(":") else None)
