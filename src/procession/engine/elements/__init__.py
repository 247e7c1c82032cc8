"""The kinds of element, one module each. Importing this package registers them all."""

from procession.engine.elements import (
    call_activity,
    end_events,
    event_gateway,
    events,
    gateways,
    inclusive_gateway,
    jobs,
    multi_instance,
    scopes,
    signal_throws,
    tasks,
)

__all__ = [
    "call_activity",
    "end_events",
    "event_gateway",
    "events",
    "gateways",
    "inclusive_gateway",
    "jobs",
    "multi_instance",
    "scopes",
    "signal_throws",
    "tasks",
]
