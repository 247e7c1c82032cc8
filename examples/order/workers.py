"""The handlers of the order process, one per job type, sync and async.

The outside world is simulated and has no chance in it: what happens to an order follows from the
order's own variables (`payment`, `out_of_stock`, `carrier`, the customer's street) and from the
number of tries a job has left. So a handler that is called again after a crash answers the same.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

from examples.order.orders import Carrier, PaymentOutcome
from examples.order.provider import PaymentProvider
from procession import BpmnError, Incident, Job, Procession

LEASE = timedelta(seconds=10)
"""Short, so that jobs of a killed process are handed out again soon."""
SHIP_TRIES = 3
CARRIER_BACKOFF = timedelta(milliseconds=200)
WAREHOUSE_LATENCY = 0.005
MISSING_HOUSE_NUMBER = "the street has no house number"


def register(app: Procession) -> PaymentProvider:
    """Add all handlers to `app`; the payment provider they use must be entered beside it."""
    provider = PaymentProvider(app)
    _register_checks(app)
    _register_warehouse(app)
    _register_payment(app, provider)
    _register_shipping(app)
    _register_letters(app)
    return provider


def _register_checks(app: Procession) -> None:
    @app.task("order_validate", timeout=LEASE, concurrency=50)
    def validate(
        job: Job, items: list[dict[str, Any]], total: Decimal, goods_total: Decimal
    ) -> dict[str, Any]:
        if goods_total != total:
            raise Incident(f"the order says {total} euros, but its items cost {goods_total}")
        return {"checked": {"units": sum(item["quantity"] for item in items)}}

    @app.task("order_correct-address", timeout=LEASE)
    def correct_address(job: Job, customer: dict[str, Any], address_fault: str) -> dict[str, Any]:
        if address_fault != MISSING_HOUSE_NUMBER:
            raise Incident(f"somebody must look at this address: {address_fault}")
        return {"customer": {**customer, "street": f"{customer['street']} 1"}}


def _register_warehouse(app: Procession) -> None:
    @app.task("order_reserve-stock", retries=5, timeout=LEASE, concurrency=50)
    async def reserve(job: Job, order_id: str, out_of_stock: str | None) -> dict[str, Any]:
        await asyncio.sleep(WAREHOUSE_LATENCY)
        if out_of_stock is not None:
            raise BpmnError("OUT_OF_STOCK", f"no {out_of_stock} left", {"missing_sku": out_of_stock})
        return {"reservation": f"R-{order_id}"}

    @app.task("order_release-stock", timeout=LEASE)
    def release(job: Job) -> dict[str, Any]:
        return {"reservation": None}

    @app.task("order_pick", timeout=LEASE, concurrency=50)
    async def pick(job: Job, reservation: str) -> dict[str, Any]:
        await asyncio.sleep(WAREHOUSE_LATENCY)
        return {"picking_list": f"P{reservation}"}

    @app.task("order_pack", timeout=LEASE, concurrency=50)
    def pack(job: Job, units: int) -> dict[str, Any]:
        return {"parcel": {"weight_kg": round(0.3 + 0.45 * units, 2)}}


def _register_payment(app: Procession, provider: PaymentProvider) -> None:
    @app.task("order_request-payment", retries=5, timeout=LEASE, concurrency=50)
    async def request_payment(job: Job, order_id: str, total: float, payment: dict[str, Any]) -> None:
        if payment["outcome"] == PaymentOutcome.DECLINED:
            raise BpmnError("PAYMENT_MISSING", "the bank declined")
        provider.request(order_id, total, payment)

    @app.task("order_cancel-payment", timeout=LEASE)
    async def cancel_payment(job: Job, order_id: str, total: float) -> dict[str, Any]:
        withdrawn = provider.cancel(order_id)
        return {"refund": 0 if withdrawn else total}


def _register_shipping(app: Procession) -> None:
    @app.task("order_priority-shipping", timeout=LEASE)
    def arrange_priority(job: Job) -> dict[str, Any]:
        return {"service": "next day"}

    @app.task("order_standard-shipping", timeout=LEASE, concurrency=50)
    async def arrange_standard(job: Job) -> dict[str, Any]:
        return {"service": "three days"}

    @app.task("order_ship", retries=SHIP_TRIES, backoff=CARRIER_BACKOFF, timeout=LEASE, concurrency=50)
    def ship(job: Job, order_id: str, customer: dict[str, Any], carrier: Carrier) -> dict[str, Any]:
        if not any(character.isdigit() for character in customer["street"]):
            raise BpmnError("WRONG_ADDRESS", variables={"address_fault": MISSING_HOUSE_NUMBER})
        first_try = job.retries == SHIP_TRIES
        if carrier is Carrier.DOWN or (carrier is Carrier.FLAKY and first_try):
            raise ConnectionError("the carrier's service answers 503")
        return {"tracking_number": f"EX-{order_id}"}


def _register_letters(app: Procession) -> None:
    @app.task("order_remind-customer", timeout=LEASE)
    async def remind(job: Job, order_id: str) -> dict[str, Any]:
        return {"reminder": f"please pay order {order_id}"}

    @app.task("order_notify-customer", timeout=LEASE)
    async def notify(job: Job, order_id: str, rejection_reason: str) -> dict[str, Any]:
        return {"letter": f"we are sorry: order {order_id} is {rejection_reason}"}

    @app.task("order_confirm", timeout=LEASE, concurrency=50)
    def confirm(job: Job, order_id: str, tracking_number: str) -> dict[str, Any]:
        return {"letter": f"order {order_id} is on its way: {tracking_number}"}
