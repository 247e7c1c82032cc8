"""The tester: deploys, starts, answers jobs, lets time pass, and asserts where a process is."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from procession.client.app import Deployment, Procession
from procession.client.sync import SyncInstance, SyncProcession
from procession.errors import WrongState
from procession.storage.searches import InstanceDetail, InstanceStatus
from procession.testing.jobs import OpenJob, choose
from procession.testing.report import report
from procession.testing.runtime import Runtime


class ProcessTester:
    """Drives processes on an embedded engine from plain (synchronous) test code.

    Every call returns when the engine has come to rest: each token waits for a job, a message, a
    timer or help. Nothing sleeps, and time stands still unless `advance` lets it pass (real
    milliseconds go by underneath). Calls about an instance mean the one started last; `of(key)` gives
    a tester for another one.

        def test_a_refused_payment_cancels_the_order(process):
            process.deploy("order.bpmn")
            process.start("order", {"order_id": "A-1"})
            process.throw_error("PAYMENT_REFUSED", job="charge")
            process.assert_passed("charge-failed", "release-stock")
            process.assert_completed()
    """

    def __init__(self, url: str) -> None:
        self.url = url
        """Of the database; open an SQLAlchemy engine on it to test joined transactions."""
        self._handlers: Procession | None = None
        self._runtime: list[Runtime] = []
        """At most one; shared with the testers `of` gives."""
        self._key: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        while self._runtime:
            self._runtime.pop().close()

    def restart(self) -> None:
        """Stop the engine, as at the end of its process, and open it on the same database."""
        self.__exit__()
        self._engine.settle()

    def of(self, instance: int | SyncInstance) -> ProcessTester:
        """A tester whose calls are about this instance (its key, or what `start` answered)."""
        tester = copy.copy(self)
        tester._key = instance.key if isinstance(instance, SyncInstance) else instance
        return tester

    @property
    def _engine(self) -> Runtime:
        if not self._runtime:
            app = Procession(self.url, grace=timedelta(seconds=1))
            if self._handlers is not None:
                app._tasks.update(self._handlers._tasks)
            self._runtime.append(Runtime(app))
        return self._runtime[0]

    @property
    def app(self) -> SyncProcession:
        """The app itself, for calls that have no short form here."""
        return self._engine.app

    # --- acting -----------------------------------------------------------------------------------

    def handle(self, app: Procession) -> None:
        """Let the handlers registered on `app` take the jobs; call it before anything else.

        Raises:
            WrongState: the engine runs already.
        """
        if self._runtime:
            raise WrongState("the engine runs already; call `handle` before anything is deployed or started")
        self._handlers = app

    def deploy(self, *models: str | Path | bytes) -> Deployment:
        """Deploy BPMN: paths of files, or their content (bytes, or text that begins with `<`).

        Raises:
            DeploymentRejected: with every fault.
        """
        files: dict[str, bytes] = {}
        for number, model in enumerate(models, 1):
            name, content = _file(model, number)
            files[name] = content
        return self.app.deploy_files(files)

    def start(self, process_id: str, variables: Any = None, **options: Any) -> SyncInstance:
        """Start an instance; the calls that follow are about it. Options as in `Procession.start`."""
        instance = self.app.start(process_id, variables, **options)
        self._key = instance.key
        self._engine.settle()
        return instance

    def publish(
        self,
        name: str,
        correlation_key: str = "",
        variables: Any = None,
        *,
        ttl: timedelta = timedelta(0),
        message_id: str | None = None,
    ) -> int:
        """Publish a message; answers its key. See `Procession.publish`."""
        key = self.app.publish(
            name, correlation_key=correlation_key, variables=variables, ttl=ttl, message_id=message_id
        )
        self._engine.settle()
        return key

    def broadcast(self, name: str, variables: Any = None) -> int:
        """Broadcast a signal; answers its key. See `Procession.broadcast`."""
        key = self.app.broadcast(name, variables)
        self._engine.settle()
        return key

    def complete_job(self, job: str, variables: Any = None) -> None:
        """Complete the oldest open job of this type or element.

        Raises:
            AssertionError: there is none.
        """
        __tracebackhide__ = True
        self.app.complete_job(self._job(job).key, variables)
        self._engine.settle()

    def fail_job(
        self,
        job: str,
        *,
        retries: int | None = None,
        message: str = "",
        backoff: timedelta = timedelta(0),
    ) -> None:
        """Fail the oldest open job of this type or element; `retries` are one less unless given.

        Raises:
            AssertionError: there is none.
        """
        __tracebackhide__ = True
        chosen = self._job(job)
        left = chosen.retries - 1 if retries is None else retries
        self.app.fail_job(chosen.key, retries=left, message=message, backoff=backoff)
        self._engine.settle()

    def throw_error(
        self, code: str, message: str = "", variables: Any = None, *, job: str | None = None
    ) -> None:
        """Throw a business error from the open job; name its type or element if there are several.

        Raises:
            AssertionError: there is none, or it is not clear which.
        """
        __tracebackhide__ = True
        self.app.throw_error(self._job(job).key, code, message, variables)
        self._engine.settle()

    def set_variables(self, variables: Mapping[str, Any]) -> None:
        """Set variables of the instance's root scope."""
        self.app.set_variables(self.instance_key, variables)
        self._engine.settle()

    def resolve_incident(self, *, retries: int | None = None) -> None:
        """Resolve the oldest open incident of the instance; give its job `retries` if it has none left.

        Raises:
            AssertionError: there is none.
        """
        __tracebackhide__ = True
        incidents = self.detail.incidents
        if not incidents:
            raise self._failure("an open incident")
        self.app.resolve_incident(min(incident.key for incident in incidents), retries)
        self._engine.settle()

    def cancel(self) -> None:
        """Cancel the instance."""
        self.app.cancel(self.instance_key)
        self._engine.settle()

    def advance(self, delta: timedelta) -> None:
        """Let time pass, for every node of the database, without waiting.

        Timers fire and leases and backoffs end on the way, each at its own time and in order; what
        they set going is finished before time goes on.
        """
        self._engine.advance(delta)

    @property
    def now(self) -> datetime:
        """The time of the engine (UTC)."""
        return self._engine.clock.moment()

    # --- looking ----------------------------------------------------------------------------------

    @property
    def instance_key(self) -> int:
        """The instance the calls are about: the one chosen or started last, or the newest.

        Raises:
            AssertionError: no instance was started.
        """
        key = self._key if self._key is not None else self._engine.newest_root()
        if key is None:
            raise AssertionError("no process instance was started")
        return key

    @property
    def detail(self) -> InstanceDetail:
        """Everything about the instance: its path, where it waits, variables, incidents."""
        self._engine.settle()
        return self._engine.detail(self.instance_key)

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the instance's root scope."""
        return self.detail.variables

    @property
    def jobs(self) -> list[OpenJob]:
        """The jobs of the instance, and of those it called, that are not answered; oldest first."""
        self._engine.settle()
        return self._engine.open_jobs(self.instance_key)

    def _job(self, name: str | None) -> OpenJob:
        __tracebackhide__ = True
        chosen = choose(self.jobs, name)
        if chosen is None:
            wanted = "exactly one open job" if name is None else f"an open job of type or element {name!r}"
            raise self._failure(wanted)
        return chosen

    def _failure(self, expected: str) -> AssertionError:
        return AssertionError(report(expected, self.detail))

    # --- asserting --------------------------------------------------------------------------------

    def assert_passed(self, *elements: str) -> None:
        """The instance completed these elements, in the order in which they were entered.

        Others may have been passed in between.
        """
        __tracebackhide__ = True
        path = iter([s.element_id for s in self.detail.path if s.state is InstanceStatus.COMPLETED])
        if not all(element in path for element in elements):
            raise self._failure(f"to have passed {' -> '.join(elements)}")

    def assert_not_passed(self, *elements: str) -> None:
        """The instance completed none of these elements."""
        __tracebackhide__ = True
        done = {step.element_id for step in self.detail.path if step.state is InstanceStatus.COMPLETED}
        if done.intersection(elements):
            raise self._failure(f"to have passed none of {', '.join(elements)}")

    def assert_waits_at(self, *elements: str) -> None:
        """Tokens wait at each of these elements; others may wait elsewhere."""
        __tracebackhide__ = True
        places = {place.element_id for place in self.detail.waiting}
        if not places.issuperset(elements):
            raise self._failure(f"to wait at {', '.join(elements)}")

    def assert_completed(self) -> None:
        """The instance has completed."""
        __tracebackhide__ = True
        self._assert_state(InstanceStatus.COMPLETED)

    def assert_terminated(self) -> None:
        """The instance was cancelled."""
        __tracebackhide__ = True
        self._assert_state(InstanceStatus.TERMINATED)

    def assert_active(self) -> None:
        """The instance has not ended."""
        __tracebackhide__ = True
        self._assert_state(InstanceStatus.ACTIVE)

    def _assert_state(self, state: InstanceStatus) -> None:
        __tracebackhide__ = True
        if self.detail.info.state is not state:
            raise self._failure(f"to be {state.lower()}")

    def assert_incident(self, type: str, *, at: str | None = None) -> None:
        """The instance has an open incident of this type (such as `JOB_NO_RETRIES`), at element `at`."""
        __tracebackhide__ = True
        found = [incident for incident in self.detail.incidents if incident.type == type]
        if not [incident for incident in found if at in (None, incident.element_id)]:
            raise self._failure(f"an incident {type}" + (f" at {at}" if at else ""))

    def assert_no_incident(self) -> None:
        """The instance has no open incident."""
        __tracebackhide__ = True
        if self.detail.incidents:
            raise self._failure("no incident")


def _file(model: str | Path | bytes, number: int) -> tuple[str, bytes]:
    if isinstance(model, bytes):
        return f"inline-{number}.bpmn", model
    if isinstance(model, str) and model.lstrip().startswith("<"):
        return f"inline-{number}.bpmn", model.encode()
    path = Path(model)
    return path.name, path.read_bytes()
