"""The registry: which servers and workers run, and which version of which business case they serve."""

from procession.operations.registry.announced import Announced
from procession.operations.registry.records import Kind, Registration, Served, Standing
from procession.operations.registry.registry import LEASE, NOTICE, REFRESH, Registry

__all__ = [
    "LEASE",
    "NOTICE",
    "REFRESH",
    "Announced",
    "Kind",
    "Registration",
    "Registry",
    "Served",
    "Standing",
]
