"""What runs against any server of the protocol: our own always, a real Zeebe as well with `--zeebe`.

A server is shared by the whole session, so each test uses process ids and job types of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.gateway.clients import Client, channels
from tests.gateway.servers import Served, database, kinds, serving


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        servers = kinds(metafunc.config, "procession")
        metafunc.parametrize("server", servers, indirect=True, scope="session")


@pytest.fixture(scope="session")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Ours, on SQLite."""
    with serving(database(tmp_path_factory.mktemp("server"))) as served:
        yield served


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> str:
    """The address of a server."""
    name = "own_server" if request.param == "procession" else "zeebe"
    address: str = request.getfixturevalue(name).address
    return address


@pytest.fixture
def client(server: str) -> Iterator[Client]:
    """A channel to the server."""
    yield from channels(server)


@pytest.fixture
def own_client(own_server: Served) -> Iterator[Client]:
    """A channel to our own server, for what is ours only."""
    yield from channels(own_server.address)


@pytest.fixture
def fresh(tmp_path: Path) -> str:
    """The URL of a database that is not there yet."""
    return database(tmp_path)


@pytest.fixture
def authority() -> trustme.CA:
    """Signs certificates that nobody else trusts."""
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> tuple[str, str]:
    """Options of a certificate for localhost."""
    made = authority.issue_cert("localhost")
    chain, key = tmp_path / "server.pem", tmp_path / "server.key"
    chain.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    return f"--tls-cert={chain}", f"--tls-key={key}"
