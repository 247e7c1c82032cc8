"""`procession start`, `publish` and `signal`: what makes processes begin and go on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from procession.cli.database import client
from procession.cli.options import DEFAULT_DATABASE, Database, Format, OutputFormat, Upgrade, Variables
from procession.cli.output import print_json, print_text
from procession.cli.parsing import read_duration, read_variables
from procession.client.remote import is_remote
from procession.errors import Aborted, DeadlineExceeded, NotFound, NotReady, ProcessionError, Unsupported

if TYPE_CHECKING:
    from procession import Instance, Procession
    from procession.storage.searches import InstanceStatus


ProcessId = Annotated[str, typer.Argument(metavar="PROCESS_ID", help="Id of a deployed process.")]
BusinessKey = Annotated[str | None, typer.Option(metavar="TEXT", help="A name of yours for the instance.")]
IdempotencyKey = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Starting again with the same key answers the same instance."),
]
Version = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Version of the process; without it the latest.")
]
At = Annotated[
    list[str] | None,
    typer.Option("--at", metavar="ELEMENT_ID", help="Begin at this element; may be given several times."),
]
Wait = Annotated[
    str | None,
    typer.Option(metavar="SECONDS", help="Wait so long for the end, and print the result (also 30s, 5m)."),
]
MessageName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the message.")]
CorrelationKey = Annotated[
    str, typer.Option(metavar="TEXT", help="Which of the waiting instances it is for.")
]
SignalName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the signal.")]
Ttl = Annotated[
    str, typer.Option(metavar="DURATION", help="How long it waits for those that come later: 30s, 1h, PT1H.")
]
MessageId = Annotated[
    str | None, typer.Option(metavar="TEXT", help="While it lives, the same id is refused a second time.")
]


CHECK = timedelta(seconds=20)
"""How long a server may take to say whether it can wait."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    process_id: str
    variables: Mapping[str, Any] | None
    version: int | None
    start_at: Sequence[str]
    business_key: str | None
    idempotency_key: str | None
    wait: timedelta | None


class Begun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of it, as it is printed."""

    key: int
    process_id: str
    version: int | None
    created: bool
    state: InstanceStatus | None = None
    variables: dict[str, Any] | None = None


def start(
    process_id: ProcessId,
    variables: Variables = None,
    business_key: BusinessKey = None,
    idempotency_key: IdempotencyKey = None,
    version: Version = None,
    at: At = None,
    wait: Wait = None,
    db: Database = DEFAULT_DATABASE,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Start a process instance. It is durable when its key is printed.

    Nodes and workers that run on the database carry it on. With --wait the variables of the ended
    instance are printed; if it has not ended in time the exit code is 1, and the instance goes on.

    \b
    Examples:
      procession start order --variables '{"order_id": "A-1"}' --business-key A-1
      procession start order --variables @order.json --idempotency-key shop-7/A-1
      procession start order --version 2 --wait 30 --format json
      procession start order --at ship --at invoice
    """
    request = Start(
        process_id=process_id,
        variables=read_variables(variables),
        version=version,
        start_at=at or (),
        business_key=business_key,
        idempotency_key=idempotency_key,
        wait=None if wait is None else read_duration(wait, "--wait"),
    )
    begun, failure = asyncio.run(_start(db, request, upgrade))
    if format is OutputFormat.JSON:
        print_json(begun)
    else:
        _print(begun)
    if failure is not None:
        raise failure


async def _start(db: str, request: Start, upgrade: bool) -> tuple[Begun, ProcessionError | None]:
    """Start and wait. A failed wait is answered, not raised: the key must be printed all the same."""
    async with client(db, upgrade=upgrade) as app:
        if request.wait is not None and is_remote(db):
            await _check_waiting(app)
        instance = await app.start(
            request.process_id,
            request.variables,
            version=request.version,
            start_at=request.start_at,
            business_key=request.business_key,
            idempotency_key=request.idempotency_key,
        )
        begun = Begun(
            key=instance.key,
            process_id=instance.process_id,
            version=instance.version,
            created=instance.created,
        )
        return (begun, None) if request.wait is None else await _wait(instance, begun, request.wait)


async def _check_waiting(app: Procession) -> None:
    """Make sure that the server can wait for an instance, before one is started.

    Raises:
        Unsupported: it cannot.
    """
    from procession import Instance

    nobody = Instance(app, key=0, process_id="", version=None, created=False)
    try:
        await nobody.result(timeout=CHECK)
    except NotFound:
        pass
    except Unsupported as error:
        raise Unsupported(f"nothing was started: {error.message}, or start without --wait") from error


async def _wait(instance: Instance, begun: Begun, wait: timedelta) -> tuple[Begun, ProcessionError | None]:
    from procession.storage.searches import InstanceStatus

    replace = msgspec.structs.replace
    try:
        variables = await instance.result(timeout=wait)
    except DeadlineExceeded as late:
        return replace(begun, state=InstanceStatus.ACTIVE), late
    except (Unsupported, NotReady) as unknown:
        return begun, unknown
    except Aborted as aborted:
        return replace(begun, state=InstanceStatus.TERMINATED), aborted
    return replace(begun, state=InstanceStatus.COMPLETED, variables=variables), None


def _print(begun: Begun) -> None:
    what = "Started" if begun.created else "Already started"
    print_text(f"{what}: instance {begun.key} of {begun.process_id} version {begun.version}")
    if begun.variables is not None:
        print_text(f"{begun.state} with variables:")
        print_json(begun.variables)


def publish(
    name: MessageName,
    correlation_key: CorrelationKey = "",
    variables: Variables = None,
    ttl: Ttl = "0",
    message_id: MessageId = None,
    db: Database = DEFAULT_DATABASE,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Publish a message.

    It goes to at most one waiting instance of each process, or starts processes that begin with it.
    With --ttl it is kept for those that come later.

    \b
    Examples:
      procession publish payment-received --correlation-key A-1 --ttl 1h
      procession publish payment-received --correlation-key A-1 --variables '{"paid": 9.90}' --message-id m-1
    """
    values, lifetime = read_variables(variables), read_duration(ttl, "--ttl")

    async def _publish() -> int:
        async with client(db, upgrade=upgrade) as app:
            return await app.publish(
                name, correlation_key=correlation_key, variables=values, ttl=lifetime, message_id=message_id
            )

    key = asyncio.run(_publish())
    if format is OutputFormat.JSON:
        print_json({"key": key, "name": name, "correlation_key": correlation_key, "message_id": message_id})
    else:
        print_text(f"Published: message {key}")


def signal(
    name: SignalName,
    variables: Variables = None,
    db: Database = DEFAULT_DATABASE,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Broadcast a signal.

    It goes to every instance that waits for it, and starts every process that begins with it. It is not
    kept for those that come later.

    \b
    Examples:
      procession signal prices-changed
      procession signal prices-changed --variables '{"list": "2026-03"}'
    """
    values = read_variables(variables)

    async def _broadcast() -> int:
        async with client(db, upgrade=upgrade) as app:
            return await app.broadcast(name, values)

    key = asyncio.run(_broadcast())
    if format is OutputFormat.JSON:
        print_json({"key": key, "name": name})
    else:
        print_text(f"Broadcast: signal {key}")
