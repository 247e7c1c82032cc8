"""SpiffWorkflow: in memory, which keeps nothing, and with its state saved after each task.

`saved` does what its documentation offers for durability: the whole workflow as JSON, here in one row
of SQLite (WAL, synchronous=FULL), written when the instance starts and after every task it waited for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from benchmarks.measure import START_VARIABLES, TASK_RESULT, Figures, Scale, rate
from benchmarks.models import plain_process

MEMORY_COUNTS = {1: 6_000, 10: 1_500}
SAVED_COUNTS = {1: 1_500, 10: 200}
WARM_UP = 20

Save = Callable[[int, Any], None]


def measure(scale: Scale, folder: Path, case: str) -> Figures:
    """Instances per second of one and of ten tasks; `case` is `memory` or `saved`."""
    save, counts = (
        (_keep_nothing, MEMORY_COUNTS) if case == "memory" else (_saver(folder / "spiff.db"), SAVED_COUNTS)
    )
    return {
        "one_task_per_s": _throughput(1, scale.count(counts[1]), save),
        "ten_tasks_per_s": _throughput(10, scale.count(counts[10]), save),
    }


def _throughput(tasks: int, count: int, save: Save) -> float:
    spec = _parse(tasks)
    _run_instances(spec, WARM_UP, save)
    return rate(count, lambda: _run_instances(spec, count, save))


def _parse(tasks: int) -> Any:
    parser = BpmnParser()
    parser.add_bpmn_xml(etree.fromstring(plain_process("bench", tasks).encode()))
    return parser.get_spec("bench")


def _run_instances(spec: Any, count: int, save: Save) -> None:
    for number in range(count):
        _run_instance(spec, number, save)


def _run_instance(spec: Any, number: int, save: Save) -> None:
    workflow = BpmnWorkflow(spec)
    workflow.data.update(START_VARIABLES)
    # Running whatever is ready was the fastest of its documented ways, as fast as its `run_all`.
    while not workflow.completed:
        task = workflow.get_next_task(state=TaskState.READY)
        if task is None:
            raise RuntimeError(f"instance {number} stopped before its end")
        if task.task_spec.manual:
            save(number, workflow)
            task.data.update(TASK_RESULT)
        task.run()
    save(number, workflow)


def _keep_nothing(number: int, workflow: Any) -> None:
    return None


def _saver(path: Path) -> Save:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE workflow (number INTEGER PRIMARY KEY, state TEXT NOT NULL)")
    serializer = BpmnWorkflowSerializer()

    def save(number: int, workflow: Any) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO workflow VALUES (?, ?)", (number, serializer.serialize_json(workflow))
        )

    return save
