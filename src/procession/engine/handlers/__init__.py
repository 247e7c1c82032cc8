"""How each command is carried out, one module per subject. Importing this package registers them."""

from procession.engine.handlers import (
    deployment,
    incidents,
    instances,
    jobs,
    messages,
    signals,
    steps,
    timers,
)

__all__ = ["deployment", "incidents", "instances", "jobs", "messages", "signals", "steps", "timers"]
