"""Reads from the engine where the orders stand, and judges it against what must come out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from examples.order.orders import Order, Outcome
from procession import IncidentInfo, InstanceDetail, InstanceInfo, Procession

PROCESS_ID = "order"
MANY = 1_000_000
"""More than this example ever has: its lists are always read whole."""
HORIZON = timedelta(minutes=1)
"""The run does not sit and wait for a deadline further away than this."""
DETAILS_AT_ONCE = 50
FEW = 200
"""As long as more orders than this are on their way, asking each why it waits is not worth it."""

WAITS_FOR_PAYMENT = frozenset({"WaitForPayment", "WaitAfterReminder", "PaidAfterReminder", "FinalDeadline"})
WAITS_BESIDE_IT = frozenset({"ReserveAndPay", "Join", "PaymentDeadline"})
ENDS = {"OrderShipped": Outcome.SHIPPED, "OrderRejected": Outcome.REJECTED}
LATER = {Outcome.WAITING: (Outcome.SHIPPED, Outcome.REJECTED), Outcome.INCIDENT: (Outcome.SHIPPED,)}
DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many orders stand where, at one moment."""

    active: int
    completed: int
    incidents: Sequence[IncidentInfo]


async def take_tally(app: Procession) -> Tally:
    counts = {str(state): count for state, count in (await app.count_instances(PROCESS_ID)).items()}
    return Tally(
        active=counts.get("ACTIVE", 0),
        completed=counts.get("COMPLETED", 0),
        incidents=await app.incidents(limit=MANY),
    )


async def details(app: Procession, keys: Iterable[int]) -> list[InstanceDetail]:
    """The details of each instance, in the order of `keys`."""
    wanted, found = list(keys), []
    for index in range(0, len(wanted), DETAILS_AT_ONCE):
        chunk = wanted[index : index + DETAILS_AT_ONCE]
        found += await asyncio.gather(*(app.instance(key) for key in chunk))
    return found


async def waiting_for_payment(app: Procession, orders: Mapping[str, Order]) -> list[Order]:
    """The orders that wait for their customer to pay."""
    active = await _instances(app, orders, "ACTIVE")
    found = await details(app, (instance.key for instance in active))
    return [
        orders[instance.business_key or ""]
        for instance, detail in zip(active, found, strict=True)
        if WAITS_FOR_PAYMENT & {place.element_id for place in detail.waiting}
    ]


async def at_rest(app: Procession, orders: Mapping[str, Order], tally: Tally) -> bool:
    """True when no order can move without an operator, a customer or a deadline past the horizon."""
    stuck = {incident.instance_key for incident in tally.incidents}
    if tally.active - len(stuck) > FEW:
        return False
    active = [found for found in await _instances(app, orders, "ACTIVE") if found.key not in stuck]
    found = await details(app, (instance.key for instance in active))
    pairs = zip(active, found, strict=True)
    return all(_rests(orders[instance.business_key or ""], detail) for instance, detail in pairs)


def _rests(order: Order, detail: InstanceDetail) -> bool:
    places = {place.element_id for place in detail.waiting}
    if not places or places - WAITS_FOR_PAYMENT - WAITS_BESIDE_IT:
        return False
    # A payment that was published is correlated a moment later: until then the order is not at rest.
    if order.payment.after_seconds is not None:
        return False
    deadline = order.payment_deadline if "WaitForPayment" in places else order.final_deadline
    return bool(places & WAITS_FOR_PAYMENT) and read_duration(deadline) > HORIZON


def read_duration(text: str) -> timedelta:
    """Read the days, hours, minutes and seconds of an ISO 8601 duration, as the orders use them."""
    match = DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no ISO 8601 duration of days, hours, minutes and seconds")
    return timedelta(**{unit: int(value) for unit, value in match.groupdict().items() if value})


async def outcomes(app: Procession, orders: Mapping[str, Order], tally: Tally) -> dict[str, Outcome]:
    """Where each order stands, by order id; orders that were never started are not in it."""
    stuck = {incident.instance_key for incident in tally.incidents}
    known = await _instances(app, orders, None)
    found = await details(app, (instance.key for instance in known))
    return {
        instance.business_key or "": _outcome(detail, has_incident=instance.key in stuck)
        for instance, detail in zip(known, found, strict=True)
    }


def _outcome(detail: InstanceDetail, *, has_incident: bool) -> Outcome:
    if has_incident:
        return Outcome.INCIDENT
    return next((ENDS[step.element_id] for step in detail.path if step.element_id in ENDS), Outcome.WAITING)


def mismatches(orders: Mapping[str, Order], reached: Mapping[str, Outcome], *, resumed: bool) -> list[str]:
    """One sentence for each order that is not where it must be.

    In a database that was there before (`resumed`), an order that waited may have been paid or timed
    out since, and an operator may have resolved an incident.
    """
    later = LATER if resumed else {}
    return [
        f"{order.order_id}: expected {order.expected}, but it is {reached.get(order.order_id, 'missing')}"
        for order in orders.values()
        if reached.get(order.order_id) not in {order.expected, *later.get(order.expected, ())}
    ]


async def instance_of(app: Procession, order: Order) -> InstanceInfo:
    """The instance that runs this order."""
    return (await _instances(app, {order.order_id: order}, None))[0]


async def _instances(app: Procession, orders: Mapping[str, Order], state: str | None) -> list[InstanceInfo]:
    found = await app.instances(process_id=PROCESS_ID, state=state, limit=MANY)
    return [instance for instance in found if instance.business_key in orders]
