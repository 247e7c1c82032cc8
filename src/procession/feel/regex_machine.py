"""Matching in linear time: a machine that follows all ways through a pattern at once.

Python's `re` backtracks, and a hostile pattern can keep it busy for years. This machine (Thompson's
construction with captures, after Pike) is slower on friendly patterns, but takes at most
length of the text times length of the pattern steps.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from procession.feel import regex_syntax as syntax
from procession.feel.errors import Fault
from procession.feel.scope import EvaluationScope

MAX_PROGRAM = 5000
"""Most instructions a pattern may need."""


class Op(Enum):
    TEST = "test"
    SPLIT = "split"
    JUMP = "jump"
    SAVE = "save"
    ANCHOR = "anchor"
    MATCH = "match"


class Instruction(msgspec.Struct):
    """One step; `first` and `second` are the addresses to go on at, the preferred one first."""

    op: Op
    test: Callable[[str], bool] | None = None
    first: int = 0
    second: int = 0
    slot: int = 0
    anchor: str = ""


Program = list[Instruction]
Slots = tuple[int, ...]


def assemble(node: syntax.Node) -> Program:
    """The program of a tree. Raises Fault when it is too large or refers back to a group."""
    program: Program = []
    _ASSEMBLERS[type(node)](program, node)
    _put(program, Op.MATCH)
    return program


def _put(program: Program, op: Op) -> Instruction:
    if len(program) >= MAX_PROGRAM:
        raise Fault("the regular expression is too large")
    instruction = Instruction(op)
    program.append(instruction)
    return instruction


def _add(program: Program, node: syntax.Node) -> None:
    _ASSEMBLERS[type(node)](program, node)


def _chars(program: Program, node: syntax.Chars) -> None:
    _put(program, Op.TEST).test = node.test


def _sequence(program: Program, node: syntax.Sequence) -> None:
    for item in node.items:
        _add(program, item)


def _choice(program: Program, node: syntax.Choice) -> None:
    ends: list[Instruction] = []
    for item in node.items[:-1]:
        split = _put(program, Op.SPLIT)
        split.first = len(program)
        _add(program, item)
        ends.append(_put(program, Op.JUMP))
        split.second = len(program)
    _add(program, node.items[-1])
    for jump in ends:
        jump.first = len(program)


def _repeat(program: Program, node: syntax.Repeat) -> None:
    for _ in range(node.least):
        _add(program, node.item)
    if node.most is None:
        _endless(program, node)
        return
    splits = []
    for _ in range(node.most - node.least):
        splits.append(_put(program, Op.SPLIT))
        _aim(splits[-1], node, inside=len(program))
        _add(program, node.item)
    for split in splits:
        _aim(split, node, outside=len(program))


def _endless(program: Program, node: syntax.Repeat) -> None:
    start = len(program)
    split = _put(program, Op.SPLIT)
    _aim(split, node, inside=len(program))
    _add(program, node.item)
    _put(program, Op.JUMP).first = start
    _aim(split, node, outside=len(program))


def _aim(
    split: Instruction, node: syntax.Repeat, *, inside: int | None = None, outside: int | None = None
) -> None:
    preferred, other = (inside, outside) if node.greedy else (outside, inside)
    split.first = split.first if preferred is None else preferred
    split.second = split.second if other is None else other


def _group(program: Program, node: syntax.Group) -> None:
    if node.number is None:
        _add(program, node.item)
        return
    _put(program, Op.SAVE).slot = 2 * node.number
    _add(program, node.item)
    _put(program, Op.SAVE).slot = 2 * node.number + 1


def _anchor(program: Program, node: syntax.Anchor) -> None:
    _put(program, Op.ANCHOR).anchor = node.kind


def _backreference(program: Program, node: syntax.Backreference) -> None:
    raise Fault("a regular expression that refers back to a group is too costly for this text")


_ASSEMBLERS: dict[type[syntax.Node], Callable[[Program, Any], None]] = {
    syntax.Chars: _chars,
    syntax.Sequence: _sequence,
    syntax.Choice: _choice,
    syntax.Repeat: _repeat,
    syntax.Group: _group,
    syntax.Anchor: _anchor,
    syntax.Backreference: _backreference,
}


class Machine:
    """Runs a program over a text."""

    def __init__(self, program: Program, groups: int, *, lines: bool) -> None:
        self._program = program
        self._empty: Slots = (-1,) * (2 * groups + 2)
        self._lines = lines

    def search(self, text: str, start: int, scope: EvaluationScope) -> Slots | None:
        """The leftmost match from `start` on: start and end of each group, the whole first."""
        found: Slots | None = None
        threads: dict[int, Slots] = {}
        for at in range(start, len(text) + 1):
            if found is None:
                self._follow(threads, 0, (at, *self._empty[1:]), text, at)
            if not threads:
                break
            scope.tick(1 + len(threads) // 4)
            char = text[at : at + 1]
            threads, matched = self._step(threads, char, text, at)
            found = found if matched is None else matched
        return found

    def _step(
        self, threads: dict[int, Slots], char: str, text: str, at: int
    ) -> tuple[dict[int, Slots], Slots | None]:
        """Let every thread read one character; a match ends the threads of lower priority."""
        following: dict[int, Slots] = {}
        for address, slots in threads.items():
            instruction = self._program[address]
            if instruction.op is Op.MATCH:
                return following, (slots[0], at, *slots[2:])
            if char and instruction.test is not None and instruction.test(char):
                self._follow(following, address + 1, slots, text, at + 1)
        return following, None

    def _follow(self, threads: dict[int, Slots], address: int, slots: Slots, text: str, at: int) -> None:
        """Add the tests and matches that can be reached without reading, in order of preference."""
        seen: set[int] = set()
        waiting = [(address, slots)]
        while waiting:
            address, slots = waiting.pop()
            if address in seen or address in threads:
                continue
            seen.add(address)
            instruction = self._program[address]
            if instruction.op in (Op.TEST, Op.MATCH):
                threads[address] = slots
            elif instruction.op is Op.SPLIT:
                waiting += [(instruction.second, slots), (instruction.first, slots)]
            elif instruction.op is Op.JUMP:
                waiting.append((instruction.first, slots))
            elif instruction.op is Op.SAVE:
                slot = instruction.slot
                waiting.append((address + 1, (*slots[:slot], at, *slots[slot + 1 :])))
            elif self._holds(instruction.anchor, text, at):
                waiting.append((address + 1, slots))

    def _holds(self, anchor: str, text: str, at: int) -> bool:
        before, after = text[at - 1 : at] if at else "", text[at : at + 1]
        if anchor == "^":
            return not before or (self._lines and before == "\n")
        if anchor == "$":
            return not after or (self._lines and after == "\n")
        return (_is_word(before) is not _is_word(after)) is (anchor == "b")


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
