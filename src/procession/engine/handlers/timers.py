"""Firing timers that are due."""

from __future__ import annotations

from procession.engine import commands as c
from procession.engine import schedule
from procession.engine.behaviour import Trigger
from procession.engine.handling import Handler, Target, handles, want_element
from procession.engine.reads import Reads
from procession.engine.records import ACTIVATED, COMPLETING, Timer
from procession.engine.run import Run

NEVER = 1 << 62


class Fire(Handler[c.TriggerTimer]):
    def target(self, command: c.TriggerTimer) -> Target:
        return ("timer", command.key)

    def reads(self, command: c.TriggerTimer, want: Reads) -> None:
        timer = want.get(want.unit.timers, command.key)
        if timer is not None:
            want_element(want, timer.element_key, target=timer.target_id)

    def execute(self, command: c.TriggerTimer, run: Run) -> None:
        timer = run.unit.timers.get(command.key)
        if timer is None or (timer.due > run.now and not command.forced):
            return
        element = run.unit.elements.get(timer.element_key)
        if element is None or element.state not in (ACTIVATED, COMPLETING):
            run.unit.timers.remove(timer)
            return
        run.work_in(run.instance(element.instance_key))
        node = run.node(element)
        more = _rearm(timer, run)
        target = node.graph.nodes[timer.target_id]
        node.behaviour.triggered(run, element, node, Trigger(target, {}, more=more))


def disarm(timer: Timer) -> None:
    """Leave a timer that cannot be fired for an operator; `TriggerTimer(forced=True)` fires it."""
    timer.due = NEVER


def _rearm(timer: Timer, run: Run) -> bool:
    """Set a cycle to its next time, counted from the one before; remove a timer that is used up."""
    if timer.due == NEVER:
        timer.due = run.now
    if timer.cycle is None or timer.repetitions == 1:
        run.unit.timers.remove(timer)
        return False
    if timer.repetitions != schedule.ENDLESS:
        timer.repetitions -= 1
    timer.due = schedule.next_due(timer.cycle, timer.due, run.zone)
    return True


handles(c.TriggerTimer, Fire())
