"""`procession gateway`: the API gateway in front of business case servers."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from procession.cli.options import DEFAULT_DATABASE, Database, Format, OutputFormat, Upgrade
from procession.cli.output import print_json, print_text
from procession.cli.parsing import LOOPBACK, read_address, read_duration
from procession.cli.running import serve
from procession.cli.serving import Certificate, Key, on_uvloop
from procession.errors import InvalidInput, ProcessionError

if TYPE_CHECKING:
    from procession.gateway.api.server import ApiGateway
    from procession.gateway.listen import Listen

Http = Annotated[
    str,
    typer.Option(
        "--http",
        envvar="PROCESSION_HTTP",
        metavar="[HOST:]PORT",
        help="Where it listens; the host is 127.0.0.1 unless given.",
    ),
]
Grace = Annotated[
    str, typer.Option("--grace", metavar="DURATION", help="How long requests under way may take at its end.")
]
Patience = Annotated[
    str,
    typer.Option(
        "--timeout",
        metavar="DURATION",
        help="How long a server may say nothing before its answer, or in the middle of it.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust-forwarded",
        help="Clients are proxies of yours: keep their X-Forwarded-* and add to it. Otherwise what "
        "clients say there is dropped.",
    ),
]


def gateway(
    db: Database = DEFAULT_DATABASE,
    http: Http = "8080",
    tls_cert: Certificate = None,
    tls_key: Key = None,
    grace: Grace = "30s",
    timeout: Patience = "10m",
    trust_forwarded: Trust = False,
    upgrade: Upgrade = True,
    format: Format = OutputFormat.TABLE,
) -> None:
    """Route requests to the servers of business cases by api version, until SIGINT or SIGTERM.

    /CASE/API/... goes to a server that serves this api of the case and does not drain; the servers
    announce themselves in the database (`procession servers list`). Any number of gateways may run.
    It answers /health/live, /health/ready and /metrics itself. Needs the extra "cases".

    \b
    Examples:
      procession gateway --db sqlite:///shop.db --http 8080
      procession gateway --db postgresql://user:password@host/shop --http 0.0.0.0:443 \\
          --tls-cert gateway.pem --tls-key gateway.key
      PROCESSION_DB=sqlite:///shop.db procession gateway --grace 2m
    """
    from procession.client.remote import is_remote, shown

    if is_remote(db):
        raise InvalidInput(
            f"servers announce themselves in a database, but {shown(db)} is a server: give the database's URL"
        )
    host, port = read_address(http, "--http")
    durations = (read_duration(grace, "--grace"), read_duration(timeout, "--timeout"))
    try:
        from procession.gateway.listen import Listen

        listen = Listen(host=host, port=port, certificate=tls_cert, key=tls_key)
        made = _gateway(db, listen, durations, trust=trust_forwarded, upgrade=upgrade)
    except ModuleNotFoundError as missing:
        raise ProcessionError(
            f'the gateway needs the package {missing.name}: pip install "procession[cases]"'
        ) from None
    on_uvloop(serve(made, _announce, format))


def _gateway(
    db: str, listen: Listen, durations: tuple[timedelta, timedelta], *, trust: bool, upgrade: bool
) -> ApiGateway:
    from procession.gateway.api.server import ApiGateway

    grace, patience = durations
    return ApiGateway(db, listen, upgrade=upgrade, grace=grace, patience=patience, trust_forwarded=trust)


def _announce(gateway: ApiGateway, format: OutputFormat) -> None:
    import msgspec

    from procession import __version__
    from procession.storage.searches import full_name

    tls = gateway.listen.certificate is not None
    listen = msgspec.structs.replace(gateway.listen, port=gateway.port)
    url = f"{'https' if tls else 'http'}://{listen.address}"
    database = full_name(gateway.url)
    if format is OutputFormat.JSON:
        said = {"version": __version__, "database": database, "pid": os.getpid()}
        print_json({**said, "http": {"url": url, "tls": tls}, "cases": gateway.routes.cases})
    else:
        print_text(
            f"Procession {__version__} gateway runs, process {os.getpid()}. Stop it with Ctrl-C.",
            f"Database: {database}",
            f"HTTP:     {url}/CASE/API/..., {'TLS' if tls else 'plain text'}",
            f"Cases:    {_cases(gateway)}",
            f"Health:   {url}/health/ready, {url}/health/live, {url}/metrics",
        )
        if not tls and listen.host not in LOOPBACK:
            print_text(
                f"Warning:  {listen.host} can be reached from elsewhere, and nothing protects it: "
                "use --tls-cert and --tls-key"
            )
    sys.stdout.flush()


def _cases(gateway: ApiGateway) -> str:
    known = [f"{case} ({', '.join(gateway.routes.versions(case))})" for case in gateway.routes.cases]
    return ", ".join(known) or "none is served yet; servers are found when they announce themselves"
