"""Commands: named recurring jobs, with a lock each, that operators can see and stop."""

from procession.operations.commands.commands import Commands
from procession.operations.commands.held import HeldLock, held_lock
from procession.operations.commands.keys import channel_key
from procession.operations.commands.lock import CommandLock
from procession.operations.commands.records import Status
from procession.operations.commands.shared import (
    command,
    command_lock,
    register_commands,
    shared_commands,
)
from procession.operations.commands.shown import CommandStatus

__all__ = [
    "CommandLock",
    "CommandStatus",
    "Commands",
    "HeldLock",
    "Status",
    "channel_key",
    "command",
    "command_lock",
    "held_lock",
    "register_commands",
    "shared_commands",
]
