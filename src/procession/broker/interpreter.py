"""Settings of the interpreter that keep the event loops of a process responsive beside a busy node."""

from __future__ import annotations

import gc
import sys
from functools import cache

_PYTHONS_OWN_SWITCH_SECONDS = 0.005
_SWITCH_SECONDS = 0.001
_PYTHONS_OWN_THRESHOLD = 700
_THRESHOLD = 3000


@cache
def be_responsive() -> None:
    """Once per process: let a waiting thread have the interpreter after 1 ms, and spare the collector
    the objects that exist already.

    Otherwise a loop that wakes up beside a busy node waits up to 5 ms for it, and each full collection
    walks all modules for tens of milliseconds. Records die by their reference counts, so the collector
    need not look after every 700 of them. Settings that somebody has chosen are kept.
    """
    if sys.getswitchinterval() == _PYTHONS_OWN_SWITCH_SECONDS:
        sys.setswitchinterval(_SWITCH_SECONDS)
    if gc.get_threshold()[0] == _PYTHONS_OWN_THRESHOLD:
        gc.set_threshold(_THRESHOLD)
    gc.collect()
    gc.freeze()
