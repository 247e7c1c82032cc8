"""The main job: deploy the order process, start the orders, run the workers, show what came out.

Run it from the repository's root: `python -m examples.order.main`. Run it again and it goes on where
it was: starts carry idempotency keys, and everything else is in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape

from examples.order.display import RunDisplay, next_steps, path_line, print_faults, result_table
from examples.order.orders import Order, PaymentOutcome, load_orders
from examples.order.outcome import (
    PROCESS_ID,
    Tally,
    at_rest,
    instance_of,
    mismatches,
    outcomes,
    take_tally,
    waiting_for_payment,
)
from examples.order.provider import PaymentProvider
from examples.order.workers import register
from procession import Procession
from procession.errors import ProcessionError

MODEL = Path(__file__).with_name("order.bpmn")
DEFAULT_DB = "sqlite:///run/orders.db"
SQLITE = "sqlite:///"
IN_FLIGHT = 200
REFRESH_SECONDS = 0.2
EXIT_WRONG_OUTCOME = 1
EXIT_FAILED = 2
EXIT_INTERRUPTED = 130


class Watched(NamedTuple):
    """What one run saw: where the orders stood before it and after it."""

    before: Tally
    after: Tally
    seconds: float

    @property
    def per_second(self) -> float:
        """Orders completed by this run, per second."""
        return (self.after.completed - self.before.completed) / self.seconds

    @property
    def resumed(self) -> bool:
        return self.before.active + self.before.completed > 0


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.order.main", description=__doc__)
    parser.add_argument("--db", default=DEFAULT_DB, metavar="URL", help="database (default: %(default)s)")
    parser.add_argument("--orders", type=int, metavar="N", help="start only the first N orders")
    parser.add_argument("--fresh", action="store_true", help="delete the SQLite file first")
    options = parser.parse_args(arguments)
    if options.fresh and not options.db.startswith(SQLITE):
        parser.error("--fresh deletes a SQLite file; empty any other database yourself")
    return options


def prepare_database(url: str, *, fresh: bool) -> None:
    """Make the folder of a SQLite file and, when asked, remove an old file with what stands beside it."""
    if not url.startswith(SQLITE):
        return
    path = Path(url.removeprefix(SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    if fresh:
        for old in path.parent.glob(f"{path.name}*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()


async def resume_payments(app: Procession, provider: PaymentProvider, orders: Mapping[str, Order]) -> None:
    """Ask the provider again for what it forgot with the last process.

    Jobs that were under way when that process ended are handed out again by the engine; only
    requests whose job had completed would be lost with the provider's memory.
    """
    for order in await waiting_for_payment(app, orders):
        variables = order.variables()
        provider.request(order.order_id, variables["total"], variables["payment"])


async def start_orders(app: Procession, orders: Sequence[Order]) -> None:
    """Start each order once, `IN_FLIGHT` at a time, however often this runs."""
    for index in range(0, len(orders), IN_FLIGHT):
        chunk = orders[index : index + IN_FLIGHT]
        await asyncio.gather(*(_start(app, order) for order in chunk))


async def _start(app: Procession, order: Order) -> None:
    await app.start(
        PROCESS_ID,
        order.variables(),
        business_key=order.order_id,
        idempotency_key=f"shop/{order.order_id}",
    )


async def watch(
    app: Procession,
    provider: PaymentProvider,
    orders: Mapping[str, Order],
    starting: asyncio.Task[None],
    display: RunDisplay,
    before: Tally,
) -> Watched:
    """Show progress until nothing moves by itself any more."""
    began = time.monotonic()
    with display:
        while True:
            starts_and_payments_done = starting.done() and not provider.pending
            tally = await take_tally(app)
            watched = Watched(before, tally, time.monotonic() - began)
            display.show(tally, watched.per_second)
            if starts_and_payments_done and await at_rest(app, orders, tally):
                return watched
            await asyncio.sleep(REFRESH_SECONDS)


def _most_telling(orders: Mapping[str, Order]) -> Order:
    """An order that was paid late has the longest path; take one if there is one."""
    late = (order for order in orders.values() if order.payment.outcome is PaymentOutcome.LATE)
    return next(late, next(iter(orders.values())))


async def report(
    app: Procession, db: str, orders: Mapping[str, Order], watched: Watched, console: Console
) -> int:
    """Print what came out, and the exit code: not zero when an order is not where it must be."""
    reached = await outcomes(app, orders, watched.after)
    shown = _most_telling(orders)
    key = (await instance_of(app, shown)).key
    console.print(result_table(reached, watched.per_second, watched.seconds))
    console.print(path_line(shown.order_id, await app.instance(key)))
    console.print(next_steps(db, key))
    faults = mismatches(orders, reached, resumed=watched.resumed)
    if faults:
        print_faults(console, faults)
    return EXIT_WRONG_OUTCOME if faults else 0


async def run(options: argparse.Namespace, console: Console) -> int:
    orders = {order.order_id: order for order in load_orders(options.orders)}
    app = Procession(options.db)
    app.deploy(MODEL)
    provider = register(app)
    async with app, provider, asyncio.TaskGroup() as group:
        before = await take_tally(app)
        await resume_payments(app, provider, orders)
        starting = group.create_task(start_orders(app, list(orders.values())))
        watched = await watch(app, provider, orders, starting, RunDisplay(console, len(orders)), before)
        return await report(app, options.db, orders, watched, console)


def _single(failures: BaseExceptionGroup[Exception]) -> list[Exception]:
    """The errors themselves, out of the groups that tasks put around them."""
    found: list[Exception] = []
    for failure in failures.exceptions:
        found += _single(failure) if isinstance(failure, BaseExceptionGroup) else [failure]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    console = Console()
    code = EXIT_FAILED
    try:
        prepare_database(options.db, fresh=options.fresh)
        code = asyncio.run(run(options, console))
    except* KeyboardInterrupt:
        console.print("\nStopped; nothing is lost. Run the same command again to go on.")
        code = EXIT_INTERRUPTED
    except* (ProcessionError, OSError) as failures:
        for failure in _single(failures):
            console.print("[bold red]error:[/]", escape(str(failure)))
    return code


if __name__ == "__main__":
    sys.exit(main())
