"""Two versions of a process whose job types name the version, as those of step processes do."""

from __future__ import annotations

from tests.building import boundary, end, flow, job, on_duration
from tests.oracle.models import line

ID = "moving"
OLD_STEPS = ("a", "b", "c")
NEW_STEPS = ("a2", "b", "between", "c")
MAPPING = {"a": "a2"}
SAME = {"a2": "a"}
"""What a step of the new version was called before."""


def job_type(version: int, step: str) -> str:
    return f"{ID}.v{version}.{step}"


def content(version: int, steps: tuple[str, ...]) -> bytes:
    """The steps in a row, each with a timer at its boundary that never fires while the test runs."""
    tasks = [job(step, type=job_type(version, step), retries="1000") for step in steps]
    late = [boundary(f"late_{step}", step, on_duration("P9D")) + end(f"e_{step}") for step in steps]
    flows = [flow(f"late_{step}", f"e_{step}") for step in steps]
    return line(*tasks, id=ID, more="".join([*late, *flows]))


OLD, NEW = content(1, OLD_STEPS), content(2, NEW_STEPS)
