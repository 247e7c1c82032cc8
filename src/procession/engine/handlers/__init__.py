"""How each command is carried out, one module per subject. Importing this package registers them."""

from procession.engine.handlers import (
    deletion,
    deployment,
    incidents,
    instances,
    jobs,
    messages,
    migration,
    signals,
    steps,
    timers,
)

__all__ = [
    "deletion",
    "deployment",
    "incidents",
    "instances",
    "jobs",
    "messages",
    "migration",
    "signals",
    "steps",
    "timers",
]
