"""What all clients know: the processes, the correlation keys, the jobs."""

from __future__ import annotations

from tests.building import bpmn, end, job, message, receive, start

MESSAGE = "paid"
PROCESS = "waits"
KEYS = [f"key-{number}" for number in range(12)]
JOBS = 16


def job_type(number: int) -> str:
    """Each job has a type of its own, so that one is asked for by its type."""
    return f"work-{number}"


FILES = {
    "waits.bpmn": bpmn(
        start() + receive("wait", MESSAGE) + end(),
        "s>wait wait>e",
        id=PROCESS,
        definitions=message(MESSAGE, "=ref"),
    ),
    **{
        f"{job_type(number)}.bpmn": bpmn(
            start() + job("work", type=job_type(number)) + end(), "s>work work>e", id=job_type(number)
        )
        for number in range(JOBS)
    },
}
