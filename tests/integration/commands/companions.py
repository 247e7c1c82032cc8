"""Starting the other processes of these tests."""

from __future__ import annotations

from tests.integration.companions import Companion

ROLES = "tests.integration.commands.roles"


class Other(Companion):
    """A process that plays a role of `roles.py` here."""

    module = ROLES
