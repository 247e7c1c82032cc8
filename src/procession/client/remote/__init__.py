"""The app's engine on a server that speaks Zeebe's gRPC: Procession's own, Zeebe, Camunda 8.

What needs gRPC is imported when an app with such a URL is entered.
"""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from typing import TYPE_CHECKING

from procession.client.remote.address import is_remote, shown
from procession.errors import InvalidInput

if TYPE_CHECKING:
    from procession.client.backend import Backend, Listener
    from procession.client.credentials import Credentials

__all__ = ["is_remote", "open_remote", "shown"]


async def open_remote(
    url: str,
    credentials: Credentials | None,
    connect_timeout: timedelta | None,
    on_incident: Listener | None = None,
) -> Backend:
    """Connect to a server; with a `connect_timeout` of None in the background.

    Raises:
        InvalidInput: the URL is not understood, or the libraries for gRPC are not installed.
        NotReady: there was no connection within `connect_timeout`.
        NotAllowed: the server refuses the credentials.
    """
    for module in ("grpc", "pyzeebe"):
        if importlib.util.find_spec(module) is None:
            raise InvalidInput(f'a remote server needs {module}: pip install "procession[grpc]"')
    from procession.client.remote.backend import Remote

    return await Remote.open(url, credentials, connect_timeout, on_incident)
