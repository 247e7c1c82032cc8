"""Write `orders.jsonl`: the 1,000 orders of the main job, always the same ones.

Run it from the repository's root: `python -m examples.order.make_orders`. One line is one order;
its fields are described by `examples.order.orders.Order`. What the outside world will do to an order
(pay late, have no stock, ...) is drawn here once, so that every run has one right outcome.
"""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from examples.order.orders import (
    ORDERS_FILE,
    Carrier,
    Customer,
    Item,
    Order,
    Outcome,
    Payment,
    PaymentOutcome,
    encode_order,
)

SEED = 20_240_917
COUNT = 1_000
LATE_SECONDS = (1.5, 3.0)
FLAKY_CARRIER_SHARE = 0.05

CATALOGUE = (
    ("MUG-01", "Stoneware mug", "12.50"),
    ("TEA-07", "Assam tea, 500 g", "18.90"),
    ("KET-02", "Gooseneck kettle", "89.00"),
    ("POT-03", "Cast-iron teapot", "64.95"),
    ("FIL-10", "Paper filters, 100", "6.40"),
    ("GRI-05", "Hand grinder", "119.00"),
    ("ESP-01", "Espresso machine", "549.00"),
    ("SCA-04", "Brewing scale", "74.50"),
    ("CUP-06", "Espresso cups, set of 4", "32.00"),
    ("BEA-11", "House blend, 1 kg", "27.80"),
)
POPULARITY = (10, 12, 4, 4, 14, 3, 1, 4, 6, 12)
PLACES = (
    ("Gdańsk", "PL"), ("Kraków", "PL"), ("Warszawa", "PL"), ("Berlin", "DE"), ("Leipzig", "DE"),
    ("Lyon", "FR"), ("Utrecht", "NL"), ("Brno", "CZ"), ("Malmö", "SE"), ("Vilnius", "LT"),
)  # fmt: skip
FIRST_NAMES = (
    "Anna",
    "Piotr",
    "Zofia",
    "Jonas",
    "Marie",
    "Lukas",
    "Eva",
    "Nils",
    "Rūta",
    "Tomáš",
    "Ines",
    "Jan",
)
LAST_NAMES = (
    "Kowalska",
    "Nowak",
    "Weber",
    "Fischer",
    "Moreau",
    "de Vries",
    "Svoboda",
    "Berg",
    "Petraitis",
    "Lis",
)
STREETS = ("Mill Lane", "Harbour Street", "Linden Alley", "Station Road", "Market Square", "Orchard Way")


class Fate(NamedTuple):
    """What happens to a group of orders, and how many there are in a thousand."""

    orders: int
    outcome: Outcome
    payment: PaymentOutcome = PaymentOutcome.PAID
    in_stock: bool = True
    address_complete: bool = True
    carrier: Carrier = Carrier.WORKS
    payment_deadline: str = "PT15M"
    final_deadline: str = "P1D"


PLAIN = Fate(840, Outcome.SHIPPED)
FATES = (
    PLAIN,
    Fate(50, Outcome.REJECTED, in_stock=False),
    Fate(50, Outcome.SHIPPED, PaymentOutcome.LATE, payment_deadline="PT1S"),
    Fate(12, Outcome.REJECTED, PaymentOutcome.MISSING, payment_deadline="PT1S", final_deadline="PT2S"),
    Fate(8, Outcome.REJECTED, PaymentOutcome.DECLINED),
    Fate(20, Outcome.SHIPPED, address_complete=False),
    Fate(10, Outcome.INCIDENT, carrier=Carrier.DOWN),
    Fate(10, Outcome.WAITING, PaymentOutcome.OPEN, payment_deadline="P3D"),
)


def make_orders(seed: int = SEED) -> list[Order]:
    """Draw the orders: the same seed gives the same list."""
    draw = random.Random(seed)
    fates = [fate for fate in FATES for _ in range(fate.orders)]
    draw.shuffle(fates)
    return [_order(draw, number, fate) for number, fate in enumerate(fates, start=1)]


def _order(draw: random.Random, number: int, fate: Fate) -> Order:
    items = _items(draw)
    return Order(
        order_id=f"A-{number:04}",
        customer=_customer(draw, number, fate),
        items=items,
        total=sum((item.unit_price * item.quantity for item in items), Decimal()),
        payment_deadline=fate.payment_deadline,
        final_deadline=fate.final_deadline,
        payment=Payment(outcome=fate.payment, after_seconds=_payment_delay(draw, fate.payment)),
        out_of_stock=None if fate.in_stock else draw.choice(items).sku,
        carrier=_carrier(draw, fate),
        expected=fate.outcome,
    )


def _items(draw: random.Random) -> tuple[Item, ...]:
    wanted = draw.choices(CATALOGUE, weights=POPULARITY, k=draw.choice((1, 1, 1, 2, 2, 3, 4)))
    return tuple(
        Item(sku=sku, name=name, quantity=draw.choice((1, 1, 1, 2, 2, 3)), unit_price=Decimal(price))
        for sku, name, price in dict.fromkeys(wanted)
    )


def _customer(draw: random.Random, number: int, fate: Fate) -> Customer:
    first, last = draw.choice(FIRST_NAMES), draw.choice(LAST_NAMES)
    city, country = draw.choice(PLACES)
    street, house = draw.choice(STREETS), draw.randint(1, 120)
    return Customer(
        name=f"{first} {last}",
        email=f"customer-{number:04}@example.com",
        street=f"{street} {house}" if fate.address_complete else street,
        city=city,
        country=country,
    )


def _payment_delay(draw: random.Random, outcome: PaymentOutcome) -> float | None:
    if outcome is PaymentOutcome.PAID:
        return round(draw.expovariate(6.0), 3)
    return round(draw.uniform(*LATE_SECONDS), 3) if outcome is PaymentOutcome.LATE else None


def _carrier(draw: random.Random, fate: Fate) -> Carrier:
    flaky = fate is PLAIN and draw.random() < FLAKY_CARRIER_SHARE
    return Carrier.FLAKY if flaky else fate.carrier


def main(path: Path = ORDERS_FILE) -> None:
    path.write_bytes(b"".join(encode_order(order) + b"\n" for order in make_orders()))


if __name__ == "__main__":
    main()
