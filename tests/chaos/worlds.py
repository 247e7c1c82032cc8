"""The worlds a plan is carried out in: apps on a database, or a server and apps that speak gRPC with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from procession.cli.processes import reserve
from tests.postgres import Server

from .crew import Crew, Member
from .dangers import EVERYTHING, NETWORK, PROCESSES_ONLY, Field
from .plan import Plan, World
from .proxy import Proxy

_HOST = "127.0.0.1"


@contextmanager
def sqlite(folder: Path, plan: Plan) -> Iterator[World]:
    """Every app is a node on one file. Processes are killed."""
    url = _file(folder)
    crew = Crew(folder, [*_nodes(folder, plan, url), *_apps(folder, plan, url)])
    yield World(url=url, field=Field(crew=crew), kinds=PROCESSES_ONLY)


@contextmanager
def postgresql(server: Server, folder: Path, plan: Plan) -> Iterator[World]:
    """Nodes and apps on one server, behind a proxy. Everything happens. The database has to be empty."""
    with closing(Proxy(server.port)) as proxy:
        url, through = _urls(server, proxy)
        crew = Crew(folder, [*_nodes(folder, plan, through), *_apps(folder, plan, through)])
        yield World(url=url, field=Field(crew=crew, server=server, proxy=proxy), kinds=EVERYTHING)


@contextmanager
def grpc_on_sqlite(folder: Path, plan: Plan) -> Iterator[World]:
    """One `procession up --grpc`, and apps that reach it through a proxy."""
    url = _file(folder)
    with reserve(_HOST, 0) as reserved:
        port = reserved.getsockname()[1]
        with closing(Proxy(port)) as proxy:
            apps = _apps(folder, plan, f"grpc://{_HOST}:{proxy.port}")
            crew = Crew(folder, [*_servers(1, url, port), *apps])
            yield World(url=url, field=Field(crew=crew, proxy=proxy), kinds=NETWORK, warms_up=True)


@contextmanager
def grpc_on_postgresql(server: Server, folder: Path, plan: Plan) -> Iterator[World]:
    """Several `procession up --grpc` behind one port, and a proxy between them and the database."""
    with reserve(_HOST, 0) as reserved, closing(Proxy(server.port)) as proxy:
        port = reserved.getsockname()[1]
        url, through = _urls(server, proxy)
        apps = _apps(folder, plan, f"grpc://{_HOST}:{port}")
        crew = Crew(folder, [*_servers(plan.nodes, through, port), *apps])
        field = Field(crew=crew, server=server, proxy=proxy)
        yield World(url=url, field=field, kinds=EVERYTHING, warms_up=True)


def _file(folder: Path) -> str:
    return f"sqlite:///{folder / 'chaos.db'}"


def _urls(server: Server, proxy: Proxy) -> tuple[str, str]:
    """Past the proxy, and through it."""
    url = server.url("postgres")
    return url, url.replace(f":{server.port}/", f":{proxy.port}/")


def _servers(count: int, url: str, port: int) -> Iterator[Member]:
    """As `procession up --processes` runs them: each ends with its parent, and the port stays reserved."""
    command = [sys.executable, "-m", "procession.cli", "up", "--child", "--db", url]
    for number in range(count):
        yield Member("server", f"server-{number + 1}", [*command, "--grpc", f"{_HOST}:{port}"])


def _nodes(folder: Path, plan: Plan, url: str) -> Iterator[Member]:
    for number in range(plan.nodes):
        yield _member("node", f"node-{number + 1}", folder, plan, url)


def _apps(folder: Path, plan: Plan, url: str) -> Iterator[Member]:
    """Workers, and two clients, one of which only asks."""
    for number in range(plan.workers):
        yield _member("worker", f"worker-{number + 1}", folder, plan, url)
    yield _member("client", "client-1", folder, plan, url)
    yield _member("client-only", "client-2", folder, plan, url)


def _member(role: str, name: str, folder: Path, plan: Plan, url: str) -> Member:
    arguments: Sequence[object] = (role, name, url, folder, plan.seed, plan.instances)
    return Member(role, name, [sys.executable, "-m", "tests.chaos.roles", *map(str, arguments)])
