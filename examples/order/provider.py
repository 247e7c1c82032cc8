"""A payment provider that lives in this process and answers by message, as a real one would by webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from procession import Procession
from procession.errors import AlreadyExists

PAYMENT_RECEIVED = "payment-received"
KEPT_FOR = timedelta(hours=1)


class PaymentProvider:
    """Takes payment requests and publishes `payment-received` when the customer has paid.

    A real provider keeps its own books and delivers its webhooks until they are accepted. This one
    forgets everything with the process, so the runner asks it again for every order that is found
    waiting for its payment (`resume_payments` in `main.py`). Asking twice is harmless: a request
    that is still open is not opened again, and the message id lets the engine take a payment once.
    """

    def __init__(self, app: Procession) -> None:
        self._app = app
        self._group = asyncio.TaskGroup()
        self._open: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    @property
    def pending(self) -> int:
        """How many payments are still to be published."""
        return len(self._open)

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        for task in self._open.values():
            task.cancel()
        await self._group.__aexit__(kind, error, trace)

    def request(self, order_id: str, amount: float, payment: Mapping[str, Any]) -> None:
        """Ask for `amount` euros; the customer pays `payment["after_seconds"]` later, or never (None).

        A request that comes while the process ends is one of those the runner asks for again.
        """
        seconds = payment["after_seconds"]
        if seconds is None or self._closed or order_id in self._open:
            return
        task = self._group.create_task(self._deliver(order_id, amount, seconds))
        self._open[order_id] = task
        task.add_done_callback(lambda _: self._open.pop(order_id, None))

    def cancel(self, order_id: str) -> bool:
        """Withdraw a request; False means there is none open, so the money may have come already."""
        task = self._open.get(order_id)
        return task is not None and task.cancel()

    async def _deliver(self, order_id: str, amount: float, seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            await self._app.publish(
                PAYMENT_RECEIVED,
                correlation_key=order_id,
                variables={"amount": amount},
                ttl=KEPT_FOR,
                message_id=f"pay-{order_id}",
            )
        except AlreadyExists:
            return  # it was published before the last stop, and only its acknowledgement was lost
