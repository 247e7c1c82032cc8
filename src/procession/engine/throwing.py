"""Throwing errors: who catches one, and what happens when nobody does (BPMN 2.0 section 10.5.1)."""

from __future__ import annotations

from procession.engine import lifecycle, variables
from procession.engine.graph import Node
from procession.engine.records import ElementInstance
from procession.engine.run import Run


def throw_error(run: Run, thrower: ElementInstance, code: str, values: dict[str, str]) -> bool:
    """Give an error to the nearest catching event, from the thrower outwards, through call activities.

    In one scope an exact code beats a catch-all. False if nobody catches it: nothing happened then.
    """
    host: ElementInstance | None = thrower
    while host is not None:
        if not host.loop_counter:
            boundary = _catching(run, host, code)
            if boundary is not None:
                lifecycle.trigger_boundary(run, host, boundary, values)
                return True
        host = around(run, host)
    return False


def _catching(run: Run, host: ElementInstance, code: str) -> Node | None:
    events = [boundary for boundary in run.node(host).boundaries if boundary.error is not None]
    chain = variables.chain_of(run, host) if events else ()
    for boundary in events:
        if boundary.error_code is not None and variables.evaluate(run, boundary.error_code, chain) == code:
            return boundary
    return next((boundary for boundary in events if boundary.error_code is None), None)


def around(run: Run, element: ElementInstance) -> ElementInstance | None:
    """The element instance whose inside this one is part of."""
    if element.scope_key != element.instance_key:
        return run.element(element.scope_key)
    caller = run.instance(element.instance_key).parent_element_key
    return run.element(caller) if caller is not None else None
