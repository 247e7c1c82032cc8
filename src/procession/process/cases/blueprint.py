"""A business case class read and checked: its stages in order, with everything that is wrong with it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Set
from datetime import timedelta
from typing import Any

import msgspec

from procession.errors import InvalidInput
from procession.process.cases.base import MARK, BusinessCase, Mark
from procession.process.cases.outcome import is_time
from procession.process.cases.progress import RESERVED
from procession.process.masking import plain
from procession.process.names import is_kebab, is_step_name, kebab
from procession.process.policy import RetryPolicy

_API = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_SETTINGS = ("api", "case_id", "label", "HIDDEN", "retry", "timeout", "reply_within")
_ARGUMENTS = {False: ("ctx", "reply"), True: ("ctx", "error")}
LONGEST_NAMES = 120
"""Characters of case id, api and stage together: they are in every task id, which is a message's id."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of a case class."""

    name: str
    is_async: bool
    arguments: frozenset[str]
    """Besides `ctx`."""
    catches: bool
    retry: RetryPolicy
    timeout: timedelta


class CaseBlueprint(msgspec.Struct, frozen=True, kw_only=True):
    """What a business case class says, checked."""

    kind: type[BusinessCase]
    case_id: str
    api: str
    label: str
    first: str
    stages: tuple[Stage, ...]

    @property
    def process_id(self) -> str:
        """Each api is a process of its own: it has versions of its own, and its own latest one."""
        return f"{self.case_id}.{self.api}"

    @property
    def reply_name(self) -> str:
        """Of the message that replies come as."""
        return f"{self.process_id}.reply"

    @property
    def send_type(self) -> str:
        """Job type of sending requests; stages are identifiers and never called so."""
        return f"{self.process_id}.send-request"

    @property
    def catcher(self) -> Stage | None:
        return next((one for one in self.stages if one.catches), None)

    def job_type(self, stage: Stage) -> str:
        """Names case, api and stage: a worker gets only the stages whose api it serves."""
        return f"{self.process_id}.{stage.name}"

    def stage(self, name: str) -> Stage | None:
        return next((one for one in self.stages if one.name == name), None)

    def after(self, name: str) -> str | None:
        """The stage written behind one; None behind the last."""
        names = [one.name for one in self.stages if not one.catches]
        if name not in names:
            return None
        place = names.index(name) + 1
        return names[place] if place < len(names) else None


def read(kind: type[BusinessCase]) -> CaseBlueprint:
    """Read and check a business case class.

    Raises:
        InvalidInput: with everything that is wrong, each naming the stage.
    """
    if not (isinstance(kind, type) and issubclass(kind, BusinessCase)):
        raise InvalidInput(f"{kind!r} is no subclass of BusinessCase")
    case_id = kind.case_id or kebab(kind.__name__)
    marked = dict(_marked(kind))
    faults = [*_faults_of_class(kind, case_id, marked), *_faults_of_stages(marked, f"{case_id}{kind.api}")]
    if faults:
        raise InvalidInput("\n".join([f"business case {kind.__name__} cannot be registered:", *faults]))
    stages = tuple(_stage(kind, name, function, mark) for name, (function, mark) in marked.items())
    firsts = [name for name, (_, mark) in marked.items() if mark.first]
    return CaseBlueprint(
        kind=kind,
        case_id=case_id,
        api=kind.api,
        label=kind.label or _first_line(kind) or case_id,
        first=firsts[0] if firsts else next(one.name for one in stages if not one.catches),
        stages=stages,
    )


def _first_line(kind: type[Any]) -> str:
    return inspect.cleandoc(kind.__dict__.get("__doc__") or "").partition("\n")[0].strip()


def _marked(kind: type[BusinessCase]) -> Iterator[tuple[str, tuple[Any, Mark]]]:
    """Marked methods, those of base classes first; what a subclass overrides keeps its place and mark."""
    names = {name: None for base in reversed(kind.__mro__) for name in vars(base)}
    for name in names:
        function = getattr(kind, name, None)
        marks = (getattr(vars(base).get(name), MARK, None) for base in kind.__mro__)
        mark = next((one for one in marks if one is not None), None)
        if mark is not None and callable(function):
            yield name, (function, mark)


def _faults_of_class(
    kind: type[BusinessCase], case_id: str, marked: dict[str, tuple[Any, Mark]]
) -> Iterator[str]:
    api: Any = kind.api  # whatever the class says
    retry: Any = kind.retry
    if not is_kebab(case_id):
        yield f"case id {case_id!r}: use lower-case words joined by hyphens"
    if not isinstance(api, str) or _API.fullmatch(kind.api) is None:
        yield f"api {api!r}: use lower-case letters, digits, dots and hyphens, such as 'v1'"
    if not _is_set_of_names(kind.HIDDEN):
        yield f"HIDDEN is {kind.HIDDEN!r}: make it a set of names"
    else:
        whole = {plain(name) for name in (*RESERVED, *marked)}
        for name in sorted(name for name in kind.HIDDEN if plain(name) in whole):
            yield f"HIDDEN names {name!r}, which is no field: name the fields in it"
    for name in _SETTINGS:
        if name in marked:
            yield f"stage {name!r} has the name of a setting: call it otherwise"
    if "retry" not in marked and not isinstance(retry, RetryPolicy):
        yield f"retry is {retry!r}: make it a RetryPolicy"
    for name in ("timeout", "reply_within"):
        if name not in marked and not is_time(getattr(kind, name)):
            yield f"{name} is {getattr(kind, name)!r}: make it a timedelta longer than 0"


def _is_set_of_names(hidden: Any) -> bool:
    return isinstance(hidden, Set) and all(isinstance(name, str) and plain(name) for name in hidden)


def _faults_of_stages(marked: dict[str, tuple[Any, Mark]], before: str) -> Iterator[str]:
    if all(mark.catches for _, mark in marked.values()):
        yield "it has no stage: mark a method with @stage"
    if len(firsts := [name for name, (_, mark) in marked.items() if mark.first]) > 1:
        yield f"several stages are first: {', '.join(firsts)}"
    if len(catchers := [name for name, (_, mark) in marked.items() if mark.catches]) > 1:
        yield f"several methods catch: {', '.join(catchers)}"
    for name, (function, mark) in marked.items():
        if not is_step_name(name):
            yield f"stage {name!r}: use the letters A to Z, digits and underscores"
        if name in RESERVED:
            yield f"stage {name!r} has the name of something in every case: call it otherwise"
        if len(before + name) > LONGEST_NAMES:
            yield f"stage {name!r}: case id, api and stage together have over {LONGEST_NAMES} characters"
        taken = list(inspect.signature(function).parameters)[1:]
        known = _ARGUMENTS[mark.catches]
        if taken[:1] != ["ctx"] or not set(taken) <= set(known):
            yield f"stage {name!r} must take self, ctx and, if it wants it, {known[1]}; it takes {taken}"
        if mark.timeout is not None and not is_time(mark.timeout):
            yield f"stage {name!r}: its timeout is {mark.timeout!r}: make it a timedelta longer than 0"
        retry: Any = mark.retry
        if retry is not None and not isinstance(retry, RetryPolicy):
            yield f"stage {name!r}: its retry is {retry!r}: make it a RetryPolicy"


def _stage(kind: type[BusinessCase], name: str, function: Any, mark: Mark) -> Stage:
    return Stage(
        name=name,
        is_async=inspect.iscoroutinefunction(function),
        arguments=frozenset(list(inspect.signature(function).parameters)[2:]),
        catches=mark.catches,
        retry=mark.retry or kind.retry,
        timeout=mark.timeout or kind.timeout,
    )
