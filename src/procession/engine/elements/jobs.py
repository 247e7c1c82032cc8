"""Elements whose work a worker does: service, send, user, script and business rule tasks, message
throw and message end events (BPMN 2.0 section 10.3.3; Zeebe's job workers)."""

from __future__ import annotations

from procession.engine import variables
from procession.engine.behaviour import Behaviour, register
from procession.engine.graph import DEFAULT_PRIORITY, Node
from procession.engine.records import ElementInstance, IncidentType, Job
from procession.engine.run import Run, Stuck
from procession.model import Kind, Message


class JobWork(Behaviour):
    """Makes a job and waits until it is completed."""

    def activate(self, run: Run, element: ElementInstance, node: Node) -> None:
        job_type, retries, priority = job_attributes(run, element, node)
        instance = run.instance(element.instance_key)
        key = element.job_key = run.new_key()
        run.unit.jobs.add_new(
            key,
            Job(
                key,
                element.root_key,
                element.instance_key,
                element.key,
                element.definition_key,
                instance.tenant,
                instance.process_id,
                node.id,
                job_type,
                priority,
                run.now,
                retries,
                due=run.now,
            ),
        )


def job_attributes(run: Run, element: ElementInstance, node: Node) -> tuple[str, int, int]:
    """Type, retries and priority of the job an element would get at this node.

    Raises:
        Stuck: one cannot be evaluated.
    """
    return node.job_constants or _evaluated(run, element, node)


def _evaluated(run: Run, element: ElementInstance, node: Node) -> tuple[str, int, int]:
    if node.job_type is None or node.job_retries is None:
        raise LookupError(f"{node.id!r} has no job definition")
    chain = variables.chain_of(run, element)
    job_type = variables.text(run, node.job_type, chain, "the job type")
    retries = variables.integer(run, node.job_retries, chain, "the number of retries")
    if retries < 0:
        raise Stuck(IncidentType.EXTRACT_VALUE_ERROR.value, f"the number of retries is {retries}, below 0")
    if node.job_priority is None:
        return job_type, retries, DEFAULT_PRIORITY
    return job_type, retries, variables.integer(run, node.job_priority, chain, "the priority")


register(JobWork(), Kind.SERVICE_TASK, Kind.USER_TASK, Kind.BUSINESS_RULE_TASK)
register(JobWork(), Kind.SEND_TASK)
register(JobWork(), Kind.SEND_TASK, Kind.THROW_EVENT, Kind.END_EVENT, event=Message)
