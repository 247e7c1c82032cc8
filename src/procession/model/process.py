"""An executable process as drawn or as written in code: frozen nodes and flows, no XML, no state."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from procession.model.event import EventDefinition
from procession.model.expression import Expression, IoMapping

DEFAULT_RETRIES = 3


class Kind(StrEnum):
    """Kinds of flow node, under their BPMN names."""

    START_EVENT = "startEvent"
    END_EVENT = "endEvent"
    CATCH_EVENT = "intermediateCatchEvent"
    THROW_EVENT = "intermediateThrowEvent"
    BOUNDARY_EVENT = "boundaryEvent"
    TASK = "task"
    SERVICE_TASK = "serviceTask"
    SEND_TASK = "sendTask"
    USER_TASK = "userTask"
    MANUAL_TASK = "manualTask"
    SCRIPT_TASK = "scriptTask"
    BUSINESS_RULE_TASK = "businessRuleTask"
    RECEIVE_TASK = "receiveTask"
    EXCLUSIVE_GATEWAY = "exclusiveGateway"
    PARALLEL_GATEWAY = "parallelGateway"
    INCLUSIVE_GATEWAY = "inclusiveGateway"
    EVENT_BASED_GATEWAY = "eventBasedGateway"
    SUB_PROCESS = "subProcess"
    CALL_ACTIVITY = "callActivity"

    @property
    def is_activity(self) -> bool:
        """Tasks, sub-processes and call activities: what may carry boundary events and loops."""
        return self in ACTIVITIES


ACTIVITIES = frozenset(
    {
        Kind.TASK,
        Kind.SERVICE_TASK,
        Kind.SEND_TASK,
        Kind.USER_TASK,
        Kind.MANUAL_TASK,
        Kind.SCRIPT_TASK,
        Kind.BUSINESS_RULE_TASK,
        Kind.RECEIVE_TASK,
        Kind.SUB_PROCESS,
        Kind.CALL_ACTIVITY,
    }
)


class JobDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """The work a worker does for an element (Zeebe's task definition)."""

    type: str | Expression
    retries: str | Expression = str(DEFAULT_RETRIES)
    priority: str | Expression | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Constants for the worker, in document order; empty values are left out."""
    line: int | None = None


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """A FEEL script evaluated in the engine; its value goes to `result`."""

    expression: Expression
    result: str
    line: int | None = None


class CalledElement(msgspec.Struct, frozen=True, kw_only=True):
    """The process a call activity runs: the latest version of `process_id`."""

    process_id: str | Expression
    propagate_parent: bool = True
    """All variables visible to the call go in; otherwise only those of input mappings."""
    propagate_child: bool = True
    """All variables of the called instance come out; otherwise only output mappings see them."""
    line: int | None = None


class MultiInstance(msgspec.Struct, frozen=True, kw_only=True):
    """One child per item of a collection, or `cardinality` children (BPMN 2.0 section 10.3.8)."""

    sequential: bool = False
    collection: Expression | None = None
    cardinality: Expression | str | None = None
    input_element: str | None = None
    output_collection: str | None = None
    output_element: Expression | None = None
    completion_condition: Expression | None = None
    line: int | None = None


class SequenceFlow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source: str
    target: str
    name: str | None = None
    condition: Expression | None = None
    line: int | None = None


class FlowNode(msgspec.Struct, frozen=True, kw_only=True):
    """One activity, gateway or event. Fields that its kind has no use for stay empty."""

    id: str
    kind: Kind
    name: str | None = None
    line: int | None = None
    incoming: tuple[str, ...] = ()
    """Ids of sequence flows, in document order of the flows."""
    outgoing: tuple[str, ...] = ()
    """Ids of sequence flows, in document order of the flows."""
    default_flow: str | None = None
    events: tuple[EventDefinition, ...] = ()
    """Also the message of a receive task."""
    inputs: tuple[IoMapping, ...] = ()
    outputs: tuple[IoMapping, ...] = ()
    job: JobDefinition | None = None
    script: Script | None = None
    called: CalledElement | None = None
    loop: MultiInstance | None = None
    attached_to: str | None = None
    """The activity a boundary event sits on."""
    interrupting: bool = True
    body: Body | None = None
    """What stands inside a sub-process."""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes and flows of one scope, each in document order."""

    nodes: tuple[FlowNode, ...]
    flows: tuple[SequenceFlow, ...]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One executable process (BPMN 2.0 section 10.2)."""

    id: str
    body: Body
    name: str | None = None
    version_tag: str | None = None
    line: int | None = None
