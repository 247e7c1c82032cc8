"""Testing processes: a pytest plugin with an embedded engine and a clock that jumps.

The `process` fixture is a `ProcessTester` on a database of its own. A process that waits three weeks
is tested in milliseconds:

    def test_an_unpaid_order_is_cancelled(process):
        process.deploy("order.bpmn")
        process.start("order", {"order_id": "A-1"})
        process.complete_job("order_reserve-stock")
        process.assert_waits_at("wait-for-payment")

        process.advance(timedelta(weeks=3))

        process.assert_passed("payment-is-late", "cancel-order")
        process.assert_completed()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from procession.testing.tester import ProcessTester

__all__ = ["ProcessTester"]


def __getattr__(name: str) -> Any:
    # pytest imports this package at every start, also for projects that use nothing of it.
    if name == "ProcessTester":
        from procession.testing.tester import ProcessTester

        return ProcessTester
    raise AttributeError(f"module 'procession.testing' has no attribute {name!r}")
