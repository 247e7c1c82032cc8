"""The orders of the main job as they stand in `orders.jsonl`, one JSON object a line."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

ORDERS_FILE = Path(__file__).with_name("orders.jsonl")


class PaymentOutcome(StrEnum):
    """What the customer does when asked to pay."""

    PAID = "paid"
    """Pays at once, within the payment deadline."""
    LATE = "late"
    """Pays after the reminder."""
    MISSING = "missing"
    """Never pays, and both deadlines are short."""
    DECLINED = "declined"
    """The bank refuses."""
    OPEN = "open"
    """Has not paid yet and has days left to do so."""


class Carrier(StrEnum):
    """How the carrier's service behaves for one parcel."""

    WORKS = "works"
    FLAKY = "flaky"
    """Fails the first try only."""
    DOWN = "down"
    """Fails every try, until the retries are used up."""


class Outcome(StrEnum):
    """Where an order stands when nothing more can happen by itself."""

    SHIPPED = "shipped"
    REJECTED = "rejected"
    WAITING = "waiting"
    INCIDENT = "incident"


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    email: str
    street: str
    """Street and house number; a parcel without a house number cannot be delivered."""
    city: str
    country: str
    """ISO 3166-1 alpha-2."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    """In euros."""


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    outcome: PaymentOutcome
    after_seconds: float | None = None
    """Seconds from the request to the payment; None when none comes."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order, what the simulated outside world will do to it, and where it must end."""

    order_id: str
    customer: Customer
    items: tuple[Item, ...]
    total: Decimal
    """In euros; the sum over the items."""
    payment_deadline: str
    """ISO 8601 duration until the reminder."""
    final_deadline: str
    """ISO 8601 duration from the reminder until the order is given up."""
    payment: Payment
    out_of_stock: str | None = None
    """The SKU the warehouse does not have."""
    carrier: Carrier = Carrier.WORKS
    expected: Outcome

    def variables(self) -> dict[str, Any]:
        """The variables the process starts with: what a shop would know, and the simulation's script."""
        data: dict[str, Any] = msgspec.json.decode(encode_order(self))
        del data["expected"]
        return data


def load_orders(limit: int | None = None, path: Path = ORDERS_FILE) -> list[Order]:
    """Read the first `limit` orders, or all of them.

    Raises:
        OSError: the file cannot be read.
        msgspec.MsgspecError: a line is no order.
    """
    lines = path.read_bytes().splitlines()[:limit]
    return [_DECODER.decode(line) for line in lines]


def encode_order(order: Order) -> bytes:
    """One line of the file, without its line end; prices are JSON numbers."""
    return _ENCODER.encode(order)


_DECODER = msgspec.json.Decoder(Order)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
