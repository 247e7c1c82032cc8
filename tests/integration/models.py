"""The processes these tests run."""

from __future__ import annotations

from tests.building import (
    bpmn,
    catch,
    end,
    flow,
    gateway,
    io,
    job,
    message,
    on_duration,
    on_message,
    outputs,
    receive,
    start,
)

ONE_JOB = bpmn(start() + job("work") + end(), "s>work work>e", id="one_job")
NO_WAIT = bpmn(start() + end(), "s>e", id="no_wait")
WAITS_FOR_MESSAGE = bpmn(
    start() + receive("wait", "paid") + end(),
    "s>wait wait>e",
    id="waits",
    definitions=message("paid", "=ref"),
)
JOB_THEN_MESSAGE = bpmn(
    start() + job("work") + receive("wait", "paid") + end(),
    "s>work work>wait wait>e",
    id="job_then_message",
    definitions=message("paid", "=ref"),
)
STARTS_BY_MESSAGE = bpmn(
    start("s", on_message("begin")) + job("work") + end(),
    "s>work work>e",
    id="by_message",
    definitions=message("begin", "=ref"),
)
WAITS_AN_HOUR = bpmn(
    start() + catch("hour", on_duration("PT1H")) + end(), "s>hour hour>e", id="waits_an_hour"
)
MESSAGE_LATER = bpmn(
    start() + catch("hour", on_duration("PT1H")) + receive("wait", "paid") + end(),
    "s>hour hour>wait wait>e",
    id="message_later",
    definitions=message("paid", "=ref"),
)
COLLECTS_FIVE = bpmn(
    start()
    + catch("wait", on_message("paid"), io=io(outputs(seen="=append(seen, n)")))
    + gateway("exclusive", "more", default="more_e")
    + end()
    + flow("more", "wait", "count(seen) < 5"),
    "s>wait wait>more more>e",
    id="collects_five",
    definitions=message("paid", "=ref"),
)

ALL = {
    "one_job.bpmn": ONE_JOB,
    "no_wait.bpmn": NO_WAIT,
    "waits.bpmn": WAITS_FOR_MESSAGE,
    "job_then_message.bpmn": JOB_THEN_MESSAGE,
    "by_message.bpmn": STARTS_BY_MESSAGE,
    "hour.bpmn": WAITS_AN_HOUR,
    "five.bpmn": COLLECTS_FIVE,
}
