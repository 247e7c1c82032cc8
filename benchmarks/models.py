"""The processes that are measured, as BPMN text: a start, some tasks in a row, an end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

TASK_TYPE = "bench_step"
BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
ZEEBE = "http://camunda.org/schema/zeebe/1.0"


def zeebe_process(process_id: str, tasks: int, task_type: str = TASK_TYPE) -> str:
    """A process of service tasks whose jobs have `task_type`."""
    return zeebe_steps(process_id, [task_type] * tasks)


def zeebe_steps(process_id: str, types: Sequence[str]) -> str:
    """A process of service tasks with jobs of these types, in a row."""
    jobs = [f'<extensionElements><zeebe:taskDefinition type="{type}"/></extensionElements>' for type in types]
    return _process(process_id, [("serviceTask", job) for job in jobs])


def plain_process(process_id: str, tasks: int) -> str:
    """The same in plain BPMN: manual tasks, which the caller completes."""
    return _process(process_id, [("manualTask", "")] * tasks)


def waiting_process(process_id: str) -> str:
    """A process that waits for the message `never` with its order's id."""
    message = (
        '<message id="Message" name="never"><extensionElements>'
        '<zeebe:subscription correlationKey="=order_id"/></extensionElements></message>'
    )
    return _process(process_id, [("receiveTask", "")], attributes=' messageRef="Message"', extra=message)


def timer_process(process_id: str) -> str:
    """A process that waits for an hour."""
    hour = "<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>"
    return _process(process_id, [("intermediateCatchEvent", hour)])


def _process(process_id: str, tasks: list[tuple[str, str]], attributes: str = "", extra: str = "") -> str:
    names = ["start", *(f"task_{number}" for number in range(1, len(tasks) + 1)), "end"]
    bodies = [
        f'<{tag} id="{name}"{attributes}>{inner}</{tag}>'
        for name, (tag, inner) in zip(names[1:-1], tasks, strict=True)
    ]
    flows = [
        f'<sequenceFlow id="flow_{number}" sourceRef="{source}" targetRef="{target}"/>'
        for number, (source, target) in enumerate(pairwise(names), start=1)
    ]
    inner = "".join(['<startEvent id="start"/>', *bodies, '<endEvent id="end"/>', *flows])
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><definitions xmlns="{BPMN}" xmlns:zeebe="{ZEEBE}" '
        f'id="bench" targetNamespace="http://example.com/bench">'
        f'<process id="{process_id}" isExecutable="true">{inner}</process>{extra}</definitions>'
    )
