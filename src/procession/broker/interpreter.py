"""Settings of the interpreter that keep the event loops of a process responsive beside a busy node."""

from __future__ import annotations

import gc
import sys
from functools import cache

_PYTHONS_OWN_SWITCH_SECONDS = 0.005
_SWITCH_SECONDS = 0.001


@cache
def be_responsive() -> None:
    """Once per process: let a waiting thread have the interpreter after 1 ms, and spare the collector
    the objects that exist already.

    Otherwise a loop that wakes up beside a busy node waits up to 5 ms for it, and each full collection
    walks all modules for tens of milliseconds. A switch interval that somebody has chosen is kept.
    """
    if sys.getswitchinterval() == _PYTHONS_OWN_SWITCH_SECONDS:
        sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
