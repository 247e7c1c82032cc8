"""Clients from npm as their users run them, against a running server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import packages as npm
from tests.clients.models import Models
from tests.clients.packages import Packages
from tests.clients.scripts import Scripts
from tests.clients.zbctl import Zbctl
from tests.gateway.servers import database, kinds, serving


@pytest.fixture(scope="session")
def packages(request: pytest.FixtureRequest) -> Packages:
    """The installed packages; whoever asks for them with `--npm` gets an error where they cannot be had."""
    if not request.config.getoption("--npm"):
        pytest.skip("clients from npm are run by make test-clients only")
    return npm.install()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        servers = kinds(metafunc.config, "procession")
        metafunc.parametrize("server", servers, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, packages: Packages, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a server of ours, and of a real Zeebe with `--zeebe`."""
    if request.param == "zeebe":
        yield request.getfixturevalue("zeebe").address
        return
    with serving(database(tmp_path_factory.mktemp("server"))) as ours:
        yield ours.address


@pytest.fixture
def zbctl(packages: Packages, server: str) -> Zbctl:
    return Zbctl(packages.zbctl, server)


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """Files with processes of the test's own: tests share a server."""
    return Models(tmp_path, uuid.uuid4().hex[:8])


@pytest.fixture(params=["sdk", "zeebe_node"])
def scripts(request: pytest.FixtureRequest, packages: Packages, server: str, models: Models) -> Scripts:
    """Runs the scripts of one of the two clients for JavaScript."""
    return Scripts(packages, server, models, request.param)
