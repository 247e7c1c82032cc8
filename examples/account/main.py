"""Open accounts over HTTP while two services do the work, kill one of them, and count what is there.

Run it from the repository's root: `python -m examples.account.main`. It uses the RabbitMQ that
PROCESSION_BROKER names, or the one on this machine, or else queues in the database. Databases are in
`run/account`; look at the cases afterwards with
`PROCESSION_CASE_KEYS=$(cat run/account/keys) procession case list examples.account.case:app`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path("run/account")
KEYS = FOLDER / "keys"
LOCAL = "amqp://guest:guest@localhost/"
CUSTOMERS = 20
POOR = 7
"""The customer whose deposit is too small."""


def configure() -> str:
    """Set what the case's module reads, and answer where the queues are."""
    from procession.process.cases import new_key

    FOLDER.mkdir(parents=True, exist_ok=True)
    if not KEYS.exists():
        KEYS.write_text(new_key("example"))
    os.environ.setdefault("PROCESSION_CASE_KEYS", KEYS.read_text())
    os.environ.setdefault("PROCESSION_DB", f"sqlite:///{FOLDER}/cases.db")
    if "PROCESSION_BROKER" not in os.environ and _rabbitmq_is_here():
        os.environ["PROCESSION_BROKER"] = LOCAL
    if broker := os.environ.get("PROCESSION_BROKER"):
        print(f"Requests and replies go over {broker.rpartition('@')[2]}.")
        return broker
    print("No RabbitMQ is here (PROCESSION_BROKER): requests and replies go over queues in the database.")
    return os.environ["PROCESSION_DB"]


def _rabbitmq_is_here() -> bool:
    try:
        socket.create_connection(("localhost", 5672), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def services(broker: str) -> Iterator[dict[str, list[subprocess.Popen[bytes]]]]:
    """Two processes of each service."""

    def begin(name: str) -> subprocess.Popen[bytes]:
        database = f"sqlite:///{FOLDER}/{name}.db"
        return subprocess.Popen([sys.executable, "-m", f"examples.account.{name}", database, broker])

    running = {name: [begin(name), begin(name)] for name in ("users", "accounts")}
    try:
        yield running
    finally:
        for process in (one for processes in running.values() for one in processes):
            process.terminate()
            process.wait()


async def open_accounts(running: dict[str, list[subprocess.Popen[bytes]]]) -> list[dict[str, Any]]:
    """Start all cases over HTTP, kill a service meanwhile, and answer how each ended."""
    import httpx

    from examples.account.case import cases
    from procession.gateway.cases.server import CaseServer
    from procession.gateway.listen import Listen

    async with (
        CaseServer(cases, Listen()) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=120) as client,
    ):
        print(f"Cases are served at {client.base_url}, described in {client.base_url}/schema.\n")

        async def open_one(number: int) -> dict[str, Any]:
            customer = {
                "email": f"customer{number}@example.org",
                "password": "secret",
                "deposit": 5 if number == POOR else 100 + number,
            }
            started = await client.post("/open-account/v1", json=customer)
            started.raise_for_status()
            href = started.json()["href"]
            state: dict[str, Any] = {}
            while state.get("ended_at") is None:
                state = (await client.get(href, params={"wait": 60})).json()
            return state

        opening = [asyncio.create_task(open_one(number)) for number in range(1, CUSTOMERS + 1)]
        await asyncio.sleep(0.2)
        running["users"][0].kill()
        print("One of the users service's processes is killed in the middle of that.")
        return await asyncio.gather(*opening)


def report(states: list[dict[str, Any]]) -> None:
    from sqlalchemy import func, select

    from examples.account.accounts import account
    from examples.account.service import database
    from examples.account.users import user

    for number, state in enumerate(states, start=1):
        what = state["result"] or state["error"]["message"]
        print(f"customer {number:2}: case {state['id']} {state['status']:<8} {what}")
    opened = [state["result"] for state in states if state["status"] == "FINISHED"]
    counts = {}
    for name, table in (("users", user), ("accounts", account)):
        engine = database(f"sqlite:///{FOLDER}/{name}.db")
        with engine.connect() as connection:
            counts[name] = connection.execute(select(func.count()).select_from(table)).scalar_one()
        engine.dispose()
    print(f"\nIn the services' own tables: {counts['users']} users, {counts['accounts']} accounts.")
    assert len({one["user"] for one in opened}) == len({one["account"] for one in opened}) == CUSTOMERS - 1


def main() -> None:
    broker = configure()
    with services(broker) as running:
        states = asyncio.run(open_accounts(running))
    report(states)


if __name__ == "__main__":
    main()
