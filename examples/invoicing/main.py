"""Issue invoices one after the other while the books are away now and then, and repair what fails.

Run it from the repository's root: `python -m examples.invoicing.main`. The database is in
`run/invoicing`; look at it afterwards with `procession process list examples.invoicing.main:app`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from examples.invoicing.books import Books, open_books
from examples.invoicing.invoices import IssueInvoice
from procession import Procession, ProcessManager
from procession.process import CoolDown, ProcessDetail, Status

FOLDER = Path("run/invoicing")
INVOICES = 12
REFUSED = 4
"""The order whose amount the books refuse."""

app = Procession(f"sqlite:///{FOLDER}/invoices.db", worker_name="invoicing")
processes = ProcessManager(app, cool_down=CoolDown(), alerts=["log:"])
processes.register({IssueInvoice: "ISSUE INVOICE"})


async def issue(books: Books, run: str) -> list[ProcessDetail]:
    """Start all, help the one that the books refuse, and answer what became of them."""
    IssueInvoice.books = f"http://127.0.0.1:{books.server_port}"
    async with app:
        if processes.cools():
            print("It is the last ten minutes of the day: no step begins before midnight.")
        started = [
            await processes.start(
                IssueInvoice,
                (f"order-{run}", number),
                meta={"net": -1 if number == REFUSED else 100 + number},
            )
            for number in range(1, INVOICES + 1)
        ]
        refused = started[REFUSED - 1].key
        while (await processes.show(refused)).info.status is not Status.ERROR:  # noqa: ASYNC110  # others work
            await asyncio.sleep(0.1)
        waiting = await processes.search(status=Status.PENDING, channel="books")
        print(f"Process {refused} is held by an error; {len(waiting)} behind it wait: the channel is strict.")
        await processes.abandon(refused, "the order was entered with a negative amount")
        print("It is abandoned, and the channel goes on.\n")
        for instance in started[REFUSED:]:
            await instance.result()
        return [await processes.show(instance.key) for instance in started]


def report(details: list[ProcessDetail], books: Books) -> None:
    for detail in details:
        info = detail.info
        runs = ", ".join(f"{run.step} {run.status}" for run in detail.history)
        print(f"{info.processable:>16}  {info.status:<8} {runs}")
    print(f"\nIn the books, in this order: {', '.join(map(str, books.entries))}")
    retried = next((run for one in details for run in one.history if run.status is Status.RETRY), None)
    if retried is not None:
        print(f"\nOne run that was tried again: {retried.message}")
        for payload in retried.payloads:
            print(f"  {payload.direction} {payload.system}: {payload.payload['body']}")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open_books() as books:
        run = str(books.server_port)  # a name of its own: orders of an earlier run have their invoices
        details = asyncio.run(issue(books, run))
        report(details, books)
    assert books.entries == sorted(books.entries), "the channel was not strict"


if __name__ == "__main__":
    main()
