"""`procession dead-letters list|retry|drop`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from procession.cli.exits import EXIT_CODES
from procession.cli.options import Format, Limit, OutputFormat
from procession.cli.output import print_json, print_text, table
from procession.errors import NotFound, StorageError

if TYPE_CHECKING:
    from rich.table import Table

    from procession.messaging import DeadLetter, Transport

T = TypeVar("T")

group = typer.Typer(
    help="Look at messages that were given up, send them again, or drop them.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

Broker = Annotated[
    str,
    typer.Option(
        "--broker",
        envvar=["PROCESSION_BROKER", "PROCESSION_DB"],
        metavar="URL",
        help="Where the queues are: amqp://user:password@host/vhost, or a database with queues, such as "
        "sqlite:///queues.db, postgresql://... or mariadb://... As for cases, the database of the app if no "
        "broker is configured.",
    ),
]
Queue = Annotated[str | None, typer.Option("--queue", metavar="NAME", help="Only those of this queue.")]
MessageId = Annotated[str | None, typer.Argument(metavar="MESSAGE_ID", help="Only those of this message.")]
All = Annotated[bool, typer.Option("--all", help="All dead letters.")]


@group.command("list", epilog=EXIT_CODES)
def list_(
    broker: Broker,
    queue: Queue = None,
    limit: Limit = 100,
    format: Format = OutputFormat.TABLE,
) -> None:
    """List dead letters with their reasons, oldest first. They stay where they are.

    \b
    Examples:
      procession dead-letters list --broker amqp://guest:guest@localhost/
      procession dead-letters list --broker sqlite:///queues.db --queue serviceQ.users --format json
    """
    found = _ask(broker, lambda transport: transport.dead_letters(queue=queue, limit=limit))
    if format is OutputFormat.JSON:
        print_json([_as_json(letter) for letter in found])
    else:
        print_text(_table(found) if found else "No dead letters.")


@group.command(epilog=EXIT_CODES)
def retry(
    broker: Broker,
    message_id: MessageId = None,
    queue: Queue = None,
    all: All = False,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Put dead letters back into their queues, as if they were new; their ids stay.

    Name a message, a queue, both, or --all.

    \b
    Examples:
      procession dead-letters retry 8c6f2f --broker amqp://guest:guest@localhost/
      procession dead-letters retry --queue serviceQ.users --broker sqlite:///queues.db
      procession dead-letters retry --all --broker sqlite:///queues.db
    """
    _must_choose(message_id, queue, all)
    count = _ask(broker, lambda transport: transport.retry_dead(queue=queue, message_id=message_id))
    _say("retried", count, message_id, format)


@group.command(epilog=EXIT_CODES)
def drop(
    broker: Broker,
    message_id: MessageId = None,
    queue: Queue = None,
    all: All = False,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Delete dead letters for good.

    Name a message, a queue, both, or --all.

    \b
    Examples:
      procession dead-letters drop 8c6f2f --broker amqp://guest:guest@localhost/
      procession dead-letters drop --queue serviceQ.users --broker sqlite:///queues.db
    """
    _must_choose(message_id, queue, all)
    count = _ask(broker, lambda transport: transport.drop_dead(queue=queue, message_id=message_id))
    _say("dropped", count, message_id, format)


def _must_choose(message_id: str | None, queue: str | None, all: bool) -> None:
    if all == (message_id is not None or queue is not None):
        raise typer.BadParameter("name a MESSAGE_ID, a --queue, or both; or --all without them")


def _ask(url: str, question: Callable[[Transport], Awaitable[T]]) -> T:
    """Ask a transport.

    Raises:
        InvalidInput: the URL means none.
        NotReady: it cannot be reached.
        StorageError: there is no such file.
    """
    if url.startswith("sqlite:"):
        from procession.storage.searches.opening import database_file

        if not (file := database_file(url)).is_file():
            raise StorageError(f"there is no database {file}; check the URL")

    async def asked() -> T:
        from procession.messaging import connect

        async with connect(url) as transport:
            return await question(transport)

    return asyncio.run(asked())


def _say(what: str, count: int, message_id: str | None, format: OutputFormat) -> None:
    if message_id is not None and not count:
        raise NotFound(f"no dead letter has the id {message_id}; see `procession dead-letters list`")
    if format is OutputFormat.JSON:
        print_json({what: count})
    else:
        print_text(f"{what.capitalize()}: {count}")


def _as_json(letter: DeadLetter) -> dict[str, Any]:
    message = letter.message
    return {
        "message_id": message.id,
        "queue": letter.queue,
        "reason": letter.reason,
        "deliveries": message.attempt,
        "died_at": letter.died_at,
        "headers": message.headers,
        "reply_to": message.reply_to,
        "correlation": message.correlation,
        "body": message.body.decode(errors="replace"),
    }


def _table(found: Sequence[DeadLetter]) -> Table:
    headers = ("message", "queue", "deliveries", "died", "reason")
    rows = ((i.message.id, i.queue, i.message.attempt, i.died_at, i.reason) for i in found)
    return table(headers, rows)
