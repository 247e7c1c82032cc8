"""A process class read and checked: its steps in order, with everything that is wrong with it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from procession.errors import InvalidInput
from procession.process.base import Process, StepSpec
from procession.process.names import is_kebab, is_step_name, job_type, kebab
from procession.process.policy import RetryPolicy

PHASES = ("START", "STEPS", "FINISH")
HOOKS = ("boot", "validate", "before_next_step", "handle_exception")
RESERVED = ("start", "end", "turn")
"""Ids of the elements around the steps."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a process class."""

    name: str
    phase: str
    handler: str
    """What handles it, as the fingerprint and the diagram know it: a method's or a class's name."""
    call: Callable[[Process], Any]
    """Runs it on an object of the process."""
    is_async: bool
    retry: RetryPolicy


class Blueprint(msgspec.Struct, frozen=True, kw_only=True):
    """What a process class says, checked."""

    kind: type[Process]
    process_id: str
    version: int
    label: str
    steps: tuple[Step, ...]

    @property
    def fingerprint(self) -> str:
        """Changes with the names, the order and the handlers of the steps."""
        texts = [f"{step.phase} {step.name} {step.handler}" for step in self.steps]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]

    @property
    def version_tag(self) -> str:
        return f"v{self.version}-{self.fingerprint}"

    @property
    def is_async(self) -> bool:
        return any(step.is_async for step in self.steps)

    def has_own(self, hook: str) -> bool:
        """Whether the class does something in a hook."""
        return getattr(self.kind, hook) is not getattr(Process, hook)

    def job_type(self, step: Step) -> str:
        """Names process, class version and step: a worker serves the versions whose code it has."""
        return job_type(self.process_id, self.version, step.name)

    def renamed(self, name: str) -> str:
        """What a step is called here that an older version may have named."""
        if any(step.name == name for step in self.steps):
            return name
        for _, mapping in sorted(self.kind.MIGRATE.items(), reverse=True):
            if name in mapping:
                return mapping[name]
        return name

    def later_than(self, name: str) -> tuple[str, ...]:
        """The names of the steps behind one."""
        names = [step.name for step in self.steps]
        return tuple(names[names.index(name) + 1 :])


def read(kind: type[Process], label: str | None = None) -> Blueprint:
    """Read and check a process class.

    Args:
        label: in place of the class's own.

    Raises:
        InvalidInput: with everything that is wrong, each naming the step.
    """
    if not (isinstance(kind, type) and issubclass(kind, Process)):
        raise InvalidInput(f"{kind!r} is no subclass of Process")
    process_id = kind.process_id or kebab(kind.__name__)
    steps: list[Step] = []
    faults = list(_faults_of_class(kind, process_id))
    for phase in PHASES:
        for name, spec in getattr(kind, phase).items():
            fault = _fault_of_name(name, {step.name for step in steps})
            try:
                steps.append(_step(kind, phase, name, spec))
            except InvalidInput as error:
                fault = fault or error.message
            if fault is not None:
                faults.append(f"step {name!r} in {phase}: {fault}")
    faults += _faults_of_steps(kind, steps)
    if faults:
        raise InvalidInput("\n".join([f"process {kind.__name__} cannot be registered:", *faults]))
    return Blueprint(
        kind=kind,
        process_id=process_id,
        version=kind.version,
        label=label or kind.label or _first_line(kind) or process_id,
        steps=tuple(steps),
    )


def _first_line(kind: type[Process]) -> str:
    return inspect.cleandoc(kind.__dict__.get("__doc__") or "").partition("\n")[0].strip()


def _faults_of_class(kind: type[Process], process_id: str) -> Iterator[str]:
    if not is_kebab(process_id):
        yield f"process id {process_id!r}: use lower-case words joined by hyphens"
    if not isinstance(kind.version, int) or isinstance(kind.version, bool) or kind.version < 1:
        yield f"version {kind.version!r}: it is a whole number, 1 or more"
    if not kind.STEPS:
        yield "STEPS is empty: name at least one step"


def _fault_of_name(name: object, before: set[str]) -> str | None:
    if not isinstance(name, str) or not is_step_name(name):
        return "a name is letters, digits, _ and -, and begins with a letter"
    if name in RESERVED:
        return f"{name!r} is the name of an element around the steps; choose another"
    if name in before:
        return "another step has the same name"
    return None


def _faults_of_migrations(kind: type[Process], names: set[str]) -> Iterator[str]:
    for version, mapping in kind.MIGRATE.items():
        if not isinstance(version, int) or not 1 <= version < kind.version:
            yield f"MIGRATE names version {version!r}: it is one before {kind.version}"
        for old, new in mapping.items():
            if new not in names:
                yield f"MIGRATE says that step {old!r} of version {version} becomes {new!r}, which is no step"
            if old in RESERVED:
                yield f"MIGRATE names {old!r}, which is an element around the steps: they move by themselves"


def _faults_of_steps(kind: type[Process], steps: list[Step]) -> Iterator[str]:
    names = {step.name for step in steps}
    yield from _faults_of_migrations(kind, names)
    for name in kind.retries:
        if name not in names:
            yield f"retries name {name!r}, which is no step"
    plain = [step.name for step in steps if not step.is_async]
    for hook in HOOKS:
        if inspect.iscoroutinefunction(getattr(kind, hook)) and plain:
            yield f"{hook} is async, but step {plain[0]!r} is not: make the hook plain, or all steps async"


def _step(kind: type[Process], phase: str, name: str, spec: StepSpec) -> Step:
    if isinstance(spec, str):
        call, function, handler = _method(kind, spec), getattr(kind, spec), spec
    else:
        call, function, handler = _task(spec), getattr(spec, "handle", None), spec.__name__
    return Step(
        name=name,
        phase=phase,
        handler=handler,
        call=call,
        is_async=inspect.iscoroutinefunction(function),
        retry=kind.retries.get(name, kind.retry),
    )


def _method(kind: type[Process], name: str) -> Callable[[Process], Any]:
    function = getattr(kind, name, None)
    if not callable(function):
        raise InvalidInput(f"class {kind.__name__} has no method {name!r}")
    if _needs(function) != 1:
        raise InvalidInput(f"method {name!r} must take nothing but self")
    called: Callable[[Process], Any] = function
    return called


def _task(spec: type[Any]) -> Callable[[Process], Any]:
    if not isinstance(spec, type) or not callable(getattr(spec, "handle", None)):
        raise InvalidInput(f"{spec!r} is neither the name of a method nor a class with handle()")
    if _needs(spec.handle) != 1:
        raise InvalidInput(f"{spec.__name__}.handle must take nothing but self")
    if inspect.isabstract(spec):
        raise InvalidInput(f"class {spec.__name__} is abstract")
    needs = _needs(spec.__init__) - 1 if spec.__init__ is not object.__init__ else 0
    if needs > 1:
        raise InvalidInput(f"class {spec.__name__} must be made with the process, or with nothing")
    return lambda process: (spec(process) if needs else spec()).handle()


def _needs(function: Any) -> int:
    """How many arguments it cannot do without, self included."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return sum(1 for p in parameters if p.kind in kinds and p.default is p.empty)
