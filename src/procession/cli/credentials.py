"""Who a command is to a remote server: from the environment, where secrets are not seen by others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from procession.errors import InvalidInput

if TYPE_CHECKING:
    from procession import Credentials

TOKEN = "PROCESSION_TOKEN"
CLIENT = ("ZEEBE_AUTHORIZATION_SERVER_URL", "ZEEBE_CLIENT_ID", "ZEEBE_CLIENT_SECRET")
"""The names that Camunda's own clients read."""
AUDIENCE, SCOPE = "ZEEBE_TOKEN_AUDIENCE", "ZEEBE_TOKEN_SCOPE"


def from_environment(environment: Mapping[str, str] = os.environ) -> Credentials | None:
    """A bearer token (`PROCESSION_TOKEN`), or an OAuth client (`ZEEBE_...`); None if neither is set.

    Raises:
        InvalidInput: an OAuth client is named in part.
    """
    from procession import BearerCredentials, ClientCredentials

    if environment.get(TOKEN):
        return BearerCredentials(environment[TOKEN])
    missing = [name for name in CLIENT if not environment.get(name)]
    if len(missing) == len(CLIENT):
        return None
    if missing:
        raise InvalidInput(f"credentials in the environment are not complete: set {', '.join(missing)} too")
    url, client_id, secret = (environment[name] for name in CLIENT)
    return ClientCredentials(
        url, client_id, secret, audience=environment.get(AUDIENCE), scope=environment.get(SCOPE)
    )
