"""`procession up`: a node, and the gRPC server on it if one is wanted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from procession.cli.options import DEFAULT_DATABASE, Database, Format, OutputFormat, Upgrade
from procession.cli.output import print_json, print_text
from procession.cli.running import announce, serve
from procession.errors import InvalidInput, ProcessionError

if TYPE_CHECKING:
    from procession.gateway.grpc.server import GrpcServer, Listen

LOOPBACK = ("127.0.0.1", "::1", "localhost")

Grpc = Annotated[
    str | None,
    typer.Option(
        "--grpc",
        envvar="PROCESSION_GRPC",
        metavar="[HOST:]PORT",
        help="Serve the Zeebe gRPC protocol there; the host is 127.0.0.1 unless given.",
    ),
]
Certificate = Annotated[
    Path | None, typer.Option("--tls-cert", metavar="FILE", help="TLS: the certificate chain, PEM.")
]
Key = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="TLS: the private key, PEM.")]


def up(
    db: Database = DEFAULT_DATABASE,
    grpc: Grpc = None,
    tls_cert: Certificate = None,
    tls_key: Key = None,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Run a node, until SIGINT or SIGTERM; with --grpc it serves Zeebe clients.

    It creates the database if need be, fires timers and carries on what others have begun; it has
    no workers. Any number of nodes, workers and commands
    may use the same database. A line tells when it cannot work, and when it can again.

    \b
    Examples:
      procession up --db sqlite:///orders.db
      procession up --db sqlite:///orders.db --grpc 26500
      procession up --db postgresql://user:password@host/orders --grpc 0.0.0.0:26500 \\
          --tls-cert server.pem --tls-key server.key
      PROCESSION_DB=sqlite:///orders.db procession up
    """
    if grpc is None:
        _without_grpc(db, tls_cert or tls_key, upgrade, format)
        return
    listen = _listen(grpc, tls_cert, tls_key)
    server = _server()(db, listen, upgrade=upgrade)
    _run(serve(server, _announce, format))


def _without_grpc(db: str, tls: Path | None, upgrade: bool, format: OutputFormat) -> None:
    from procession import Procession

    if tls is not None:
        raise InvalidInput("--tls-cert and --tls-key are for --grpc, which is not given")
    asyncio.run(serve(Procession(db, upgrade=upgrade), announce, format))


def _server() -> type[GrpcServer]:
    try:
        from procession.gateway.grpc.server import GrpcServer
    except ModuleNotFoundError as missing:
        raise ProcessionError(
            f'--grpc needs the package {missing.name}: pip install "procession[grpc]"'
        ) from None
    return GrpcServer


def _listen(address: str, certificate: Path | None, key: Path | None) -> Listen:
    """Where to listen.

    Raises:
        InvalidInput: the address is no [HOST:]PORT.
    """
    _server()
    from procession.gateway.grpc.server import Listen

    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise InvalidInput(f"--grpc {address!r} is no [HOST:]PORT, such as 26500 or 0.0.0.0:26500")
    return Listen(host=host.strip("[]") or LOOPBACK[0], port=int(port), certificate=certificate, key=key)


def _run(work: Coroutine[Any, Any, None]) -> None:
    """On uvloop, where it is installed: it spares a call a third of its time."""
    try:
        import uvloop
    except ModuleNotFoundError:
        asyncio.run(work)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)


def _announce(server: GrpcServer, format: OutputFormat) -> None:
    from procession import __version__
    from procession.storage.searches import full_name

    listen = server.listen
    tls = listen.certificate is not None
    address = f"{listen.host}:{server.port}"
    database = full_name(server.url)
    if format is OutputFormat.JSON:
        said = {"version": __version__, "database": database, "pid": os.getpid()}
        print_json({**said, "grpc": {"address": address, "tls": tls}})
        return
    print_text(
        f"Procession {__version__} runs, process {os.getpid()}. Stop it with Ctrl-C.",
        f"Database: {database}",
        f"gRPC:     {address}, {'TLS' if tls else 'plain text'} (the Zeebe protocol, and health checks)",
        f'Connect:  any Zeebe client, or Procession("{"grpcs" if tls else "grpc"}://{address}") in Python',
    )
    if not tls and listen.host not in LOOPBACK:
        print_text(
            f"Warning:  {listen.host} can be reached from elsewhere, and nothing protects it: "
            "use --tls-cert and --tls-key"
        )
