"""What a handler of the component is given, and how it is called."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from procession.client.app import Procession
from procession.client.job import Job
from procession.workflow.config import TaskHandlerConfig

Handler = Callable[..., Any]


class WorkflowTask:
    """A task that this service is to do: a leased job, with the variables of its scope."""

    def __init__(self, job: Job, app: Procession, config: TaskHandlerConfig) -> None:
        self.job = job
        """Everything else about it: keys, headers, attempt, deadline."""
        self._app = app
        self._config = config

    @property
    def variables(self) -> Mapping[str, Any]:
        """All variables that the task sees."""
        return self.job.variables

    def get_scope_variable(self, name: str, default: Any = None) -> Any:
        """A variable that the task sees, or the default where there is none."""
        return self.job.variables.get(name, default)

    async def publish(
        self, event: str, *, correlation_key: str = "", variables: Any = None, message_id: str | None = None
    ) -> int:
        """Publish an event that lives as long as the handler's `event_ttl`; see `Procession.publish`."""
        return await self._app.publish(
            event,
            correlation_key=correlation_key,
            variables=variables,
            ttl=self._config.event_ttl,
            message_id=message_id,
        )


def adapted(function: Handler, app: Procession, config: TaskHandlerConfig) -> Handler:
    """The handler as `Procession.task` takes it.

    A first parameter that is annotated `WorkflowTask`, or is called `task` and has no annotation, gets the
    task; other handlers stay as they are.
    """
    target = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    hints = typing.get_type_hints(target)
    parameters = list(inspect.signature(target).parameters.values())
    if not parameters or not _is_task(parameters[0], hints):
        return target if callable(target) else function
    named = [parameter.name for parameter in parameters[1:] if parameter.kind is not parameter.VAR_KEYWORD]
    takes_rest = len(named) < len(parameters) - 1

    def call(job: Job, arguments: dict[str, Any]) -> Any:
        if not takes_rest:  # it sees all variables through the task, and takes those it names
            arguments = {name: arguments[name] for name in named}
        return function(WorkflowTask(job, app, config), **arguments)

    return _with_signature(call, target, parameters, hints)


def _is_task(parameter: inspect.Parameter, hints: dict[str, Any]) -> bool:
    return hints.get(parameter.name, WorkflowTask if parameter.name == "task" else None) is WorkflowTask


def _with_signature(
    call: Callable[[Job, dict[str, Any]], Any],
    target: Handler,
    parameters: list[inspect.Parameter],
    hints: dict[str, Any],
) -> Handler:
    """A handler that takes the job instead of the task, and all variables."""
    handler: Any
    if inspect.iscoroutinefunction(target):

        @functools.wraps(target)
        async def handler(_job: Job, /, **arguments: Any) -> Any:
            return await call(_job, arguments)

    else:

        @functools.wraps(target)
        def handler(_job: Job, /, **arguments: Any) -> Any:
            return call(_job, arguments)

    first, *others = parameters
    rest = inspect.Parameter("_rest", inspect.Parameter.VAR_KEYWORD)
    if not (others and others[-1].kind is rest.kind):
        others.append(rest)
    handler.__signature__ = inspect.Signature([first.replace(annotation=Job), *others])
    handler.__annotations__ = {**hints, first.name: Job}
    del handler.__wrapped__  # else its annotations would be read instead of these
    return typing.cast("Handler", handler)
