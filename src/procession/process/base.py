"""The classes users write: a process of steps, and steps that are classes of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar, TypeAlias

from procession.process.channel import DEFAULT, Channel
from procession.process.policy import RetryPolicy
from procession.process.recording import Recorder
from procession.process.result import Processable, ProcessResult

Answer: TypeAlias = ProcessResult | None
StepSpec: TypeAlias = "str | type[Any]"
"""The name of a method, or a class with `handle()` (see `Task`)."""
Steps: TypeAlias = Mapping[str, StepSpec]


class Process:
    """A business process as a sequence of steps, written in Python.

        class NewOrder(Process):
            \"\"\"CREATE ORDER\"\"\"

            version = 1
            STEPS = {"reserve": "reserve", "announce": Announce}

            def reserve(self) -> ProcessResult:
                return ProcessResult("Reserved", meta={"reservation": 17})

    Every step runs in an object of its own, maybe in another process on another machine: what later
    steps need goes into `meta`. A step may run again, so its effects should be idempotent
    (`idempotency_key`). Plain steps run on threads, async ones on the app's event loop.

    `START` and `FINISH` are steps before and after `STEPS`, for base classes that surround the
    processes of an application with steps of their own.
    """

    version: ClassVar[int] = 1
    """Raise it with every change of the steps; what began on an older one goes on with its class."""
    process_id: ClassVar[str] = ""
    """Empty: the name of the class in kebab-case."""
    label: ClassVar[str] = ""
    """For people. Empty: as it is registered, else the first line of the class's docstring."""
    START: ClassVar[Steps] = {}
    STEPS: ClassVar[Steps] = {}
    FINISH: ClassVar[Steps] = {}
    MIGRATE: ClassVar[Mapping[int, Mapping[str, str]]] = {}
    """What the steps of older versions become in this one, by version: `{1: {"reserve": "reserve_stock"}}`.
    Steps that are called the same need not be named."""
    channel: ClassVar[Channel] = DEFAULT
    retry: ClassVar[RetryPolicy] = RetryPolicy()
    retries: ClassVar[Mapping[str, RetryPolicy]] = {}
    """For single steps."""
    SECRETS: ClassVar[frozenset[str]] = frozenset()
    """Names whose values are masked in payloads, besides the usual ones (password, token, ...)."""

    def __init__(
        self,
        *,
        key: int,
        step: str,
        attempt: int,
        idempotency_key: str,
        processable: Processable | None,
        channel_name: str,
        meta: dict[str, Any],
        recorder: Recorder,
    ) -> None:
        self.key = key
        """Of the process instance."""
        self.step = step
        self.attempt = attempt
        """1 on the first try of this step."""
        self.idempotency_key = idempotency_key
        """The same on every try of this step."""
        self.processable = processable
        self.channel_name = channel_name
        self.meta = meta
        """The document of the process. What a step or hook changes in it is kept if the step is done."""
        self.recorder = recorder
        self.log = recorder.log
        """A logger whose lines are in the history, whatever level is shown elsewhere."""

    # --- hooks: plain, or async where all steps are ----------------------------------------------

    def boot(self) -> Awaitable[None] | None:
        """Called first in every run of a step: make what steps need."""
        return None

    def validate(self) -> Awaitable[None] | None:
        """Called before the first step. Raise `ProcessError` if the process cannot be carried out."""
        return None

    def before_next_step(self) -> Awaitable[None] | None:
        """Called before each step. It may set `self.meta["goto_step"]`, or raise `ProcessEnded`."""
        return None

    def handle_exception(self, error: Exception) -> Awaitable[Answer] | Answer:
        """Called with what a step raised. Answer a result to take in its place, raise something else, or
        answer None: then the error means what it means."""
        return None

    # --- the history ------------------------------------------------------------------------------

    def sent(self, system: str, payload: Any) -> None:
        """Record what is sent to an external system (JSON, text or bytes); secrets are masked by name."""
        self.recorder.payload(system, "sent", payload)

    def received(self, system: str, payload: Any) -> None:
        """Record what an external system answered."""
        self.recorder.payload(system, "received", payload)

    def hooks(self, system: str) -> dict[str, list[Any]]:
        """For `httpx.Client(event_hooks=self.hooks("shop"))`: requests and answers record themselves."""
        return self.recorder.hooks(system)

    def async_hooks(self, system: str) -> dict[str, list[Any]]:
        """The same for `httpx.AsyncClient`."""
        return self.recorder.async_hooks(system)


class Task(ABC):
    """A step as a class of its own; `process` is the object of the process it is a step of."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @abstractmethod
    def handle(self) -> Awaitable[Answer] | Answer:
        """Do the step."""
