"""The built-in functions of FEEL (DMN 1.5 section 10.3.4) and those Camunda adds, by group."""

from procession.feel.builtins import (
    aggregates,
    contexts,
    conversion,
    lists,
    numeric,
    ranges,
    strings,
    temporal,
)
from procession.feel.builtins.registry import BUILTINS, Builtin

__all__ = [
    "BUILTINS",
    "Builtin",
    "aggregates",
    "contexts",
    "conversion",
    "lists",
    "numeric",
    "ranges",
    "strings",
    "temporal",
]
