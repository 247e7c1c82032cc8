"""The id of one command to a service: it says whose reply comes, and nobody else can make one."""

from __future__ import annotations

import msgspec

from procession.errors import TaskIdRefused
from procession.process.cases.keys import Keyring, NotSealedHere

_PURPOSE = b"procession task id 1"


class TaskId(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Whose command it is. The same command has the same id on every try."""

    case_key: int
    """Of the process instance."""
    case_id: str
    api: str
    stage: str
    """That asked."""
    ordinal: int
    """Of the command in its case, counted from 1."""

    def sealed(self, keys: Keyring) -> str:
        """Encrypted, signed and URL-safe."""
        return keys.seal(_encoder.encode(self), _PURPOSE)

    @classmethod
    def opened(cls, text: str, keys: Keyring) -> TaskId:
        """Read a task id.

        Raises:
            TaskIdRefused: it was forged, altered, cut, or made by another installation.
        """
        try:
            return _decoder.decode(keys.open(text, _PURPOSE))
        except NotSealedHere as error:
            raise TaskIdRefused("not made with a key of this installation, or altered") from error
        except msgspec.MsgspecError as error:
            raise TaskIdRefused("a task id of another version of Procession") from error


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(TaskId)
