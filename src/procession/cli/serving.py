"""`procession up`: a node, and the gRPC server on it if one is wanted."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from procession.cli.options import DEFAULT_DATABASE, Database, Format, OutputFormat, Upgrade
from procession.cli.output import print_json, print_text
from procession.cli.parsing import LOOPBACK, read_address
from procession.cli.processes import Children, reserve, when_orphaned
from procession.cli.running import announce, say, serve
from procession.client.remote import is_remote, shown
from procession.errors import InvalidInput, ProcessionError

if TYPE_CHECKING:
    from procession.gateway.grpc.server import GrpcServer

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


Processes = Annotated[
    int,
    typer.Option(
        "--processes", min=1, max=64, metavar="N", help="So many nodes behind the one port, each a process."
    ),
]
Child = Annotated[bool, typer.Option("--child", hidden=True)]


def up(
    db: Database = DEFAULT_DATABASE,
    grpc: Grpc = None,
    tls_cert: Certificate = None,
    tls_key: Key = None,
    processes: Processes = 1,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
    child: Child = False,
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
          --tls-cert server.pem --tls-key server.key --processes 4
      PROCESSION_DB=sqlite:///orders.db procession up
    """
    if is_remote(db):
        raise InvalidInput(f"a node runs on a database, but {shown(db)} is a server: give the database's URL")
    if grpc is None:
        _without_grpc(db, tls_cert or tls_key, processes, upgrade, format)
        return
    host, port = read_address(grpc, "--grpc")
    where = Where(
        database=db,
        host=host,
        port=port,
        certificate=tls_cert,
        key=tls_key,
        processes=processes,
        upgrade=upgrade,
    )
    if child:
        on_uvloop(
            serve(_server(where, shared=True), lambda *_: print_text("Ready."), format, told=when_orphaned)
        )
    elif processes > 1:
        _run_children(where, format)
    else:
        on_uvloop(serve(_server(where), _announce_server, format))


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """What is served, and where."""

    database: str
    host: str
    port: int
    certificate: Path | None
    key: Path | None
    processes: int
    upgrade: bool

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def arguments(self) -> list[str]:
        """Of `procession up`, for one of the processes."""
        tls = [f"--tls-cert={self.certificate}"] if self.certificate is not None else []
        tls += [f"--tls-key={self.key}"] if self.key is not None else []
        upgrade = "--upgrade" if self.upgrade else "--no-upgrade"
        return ["up", "--child", f"--db={self.database}", f"--grpc={self.address}", *tls, upgrade]


def _without_grpc(db: str, tls: Path | None, processes: int, upgrade: bool, format: OutputFormat) -> None:
    from procession import Procession

    if tls is not None or processes > 1:
        raise InvalidInput("--tls-cert, --tls-key and --processes are for --grpc, which is not given")
    asyncio.run(serve(Procession(db, upgrade=upgrade), announce, format))


def _server(where: Where, *, shared: bool = False) -> GrpcServer:
    """The server, which is not yet entered.

    Raises:
        ProcessionError: a package for it is missing.
    """
    try:
        from procession.gateway.grpc.server import GrpcServer
        from procession.gateway.listen import Listen
    except ModuleNotFoundError as missing:
        raise ProcessionError(
            f'--grpc needs the package {missing.name}: pip install "procession[grpc]"'
        ) from None
    listen = Listen(
        host=where.host, port=where.port, certificate=where.certificate, key=where.key, shared=shared
    )
    return GrpcServer(where.database, listen, upgrade=where.upgrade)


def on_uvloop(work: Coroutine[Any, Any, None]) -> None:
    """On uvloop, where it is installed: it spares a call a third of its time."""
    try:
        import uvloop
    except ModuleNotFoundError:
        asyncio.run(work)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)


def _run_children(where: Where, format: OutputFormat) -> None:
    reserved = reserve(where.host, where.port)
    where = msgspec.structs.replace(where, port=reserved.getsockname()[1])

    def pass_on(pid: int, line: str) -> None:
        if format is OutputFormat.JSON:
            print_json({"pid": pid, "said": line})
        else:
            print_text(f"Process {pid}: {line}")
        sys.stdout.flush()

    command = [sys.executable, "-m", "procession.cli", *where.arguments()]
    with reserved:
        children = Children(command, where.processes, pass_on)
        asyncio.run(children.run(lambda pids: _announce(where, format, pids)))
    say("Stopped.", format)


def _announce_server(server: GrpcServer, format: OutputFormat) -> None:
    listen = server.listen
    where = Where(
        database=server.url,
        host=listen.host,
        port=server.port,
        certificate=listen.certificate,
        key=listen.key,
        processes=1,
        upgrade=True,
    )
    _announce(where, format, [])


def _announce(where: Where, format: OutputFormat, pids: list[int]) -> None:
    from procession import __version__
    from procession.storage.searches import full_name

    tls = where.certificate is not None
    database = full_name(where.database)
    if format is OutputFormat.JSON:
        said = {"version": __version__, "database": database, "pid": os.getpid()}
        print_json({**said, "grpc": {"address": where.address, "tls": tls}, "processes": pids})
    else:
        print_text(
            f"Procession {__version__} runs, process {os.getpid()}. Stop it with Ctrl-C.",
            f"Database: {database}",
            f"gRPC:     {where.address}, {'TLS' if tls else 'plain text'} (the Zeebe protocol)",
            *([f"Nodes:    processes {', '.join(map(str, pids))}"] if pids else []),
            f'Connect:  any Zeebe client, or Procession("{"grpcs" if tls else "grpc"}://{where.address}")',
        )
        if not tls and where.host not in LOOPBACK:
            print_text(
                f"Warning:  {where.host} can be reached from elsewhere, and nothing protects it: "
                "use --tls-cert and --tls-key"
            )
    sys.stdout.flush()
