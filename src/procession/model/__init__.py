"""What a process is: frozen nodes, flows, events and expressions. No XML, no I/O."""

from procession.model.event import Error, EventDefinition, Message, Signal, Terminate, Timer, TimerKind
from procession.model.expression import Expression, IoMapping, text_or_expression
from procession.model.fault import Fault
from procession.model.process import (
    ACTIVITIES,
    DEFAULT_RETRIES,
    Body,
    CalledElement,
    FlowNode,
    JobDefinition,
    Kind,
    MultiInstance,
    Process,
    Script,
    SequenceFlow,
)

__all__ = [
    "ACTIVITIES",
    "DEFAULT_RETRIES",
    "Body",
    "CalledElement",
    "Error",
    "EventDefinition",
    "Expression",
    "Fault",
    "FlowNode",
    "IoMapping",
    "JobDefinition",
    "Kind",
    "Message",
    "MultiInstance",
    "Process",
    "Script",
    "SequenceFlow",
    "Signal",
    "Terminate",
    "Timer",
    "TimerKind",
    "text_or_expression",
]
