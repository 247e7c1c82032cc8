"""The table of calls, and what each has around it: an error becomes a status and a text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import msgspec

from procession.errors import ProcessionError
from procession.gateway.grpc.core import Core, Streaming, Unary, internal
from procession.gateway.grpc.statuses import code_of, text_of

Goal = Callable[[Any], str]
"""What a request wanted, as it goes on after `Expected to`."""
Context = grpc.aio.ServicerContext[Any, Any]


class Call(msgspec.Struct, frozen=True):
    """How a call of the protocol is carried out."""

    command: str
    """Its name in texts."""
    goal: Goal

    def refuse(self, request: Any, error: Exception) -> tuple[grpc.StatusCode, str]:
        """The status and text of an error."""
        code = code_of(error) if isinstance(error, ProcessionError) else None
        if code is None or not isinstance(error, ProcessionError):
            return grpc.StatusCode.INTERNAL, internal(self.command, error)
        return code, text_of(self.command, self.goal(request), code, error)


Behaviour = Callable[[Any, Context], Any]
"""What grpc calls with a request and its context."""
BEHAVIOURS: dict[str, Callable[[Core], Behaviour]] = {}
"""By the names of the protocol."""


def unary(name: str, command: str, goal: Goal) -> Callable[[Unary], Unary]:
    """Register how a call with one answer is carried out."""

    def register(carry_out: Unary) -> Unary:
        BEHAVIOURS[name] = partial(unary_behaviour, Call(command, goal), carry_out)
        return carry_out

    return register


def streaming(name: str, command: str, goal: Goal) -> Callable[[Streaming], Streaming]:
    """Register how a call with many answers is carried out; it writes them on the context."""

    def register(carry_out: Streaming) -> Streaming:
        BEHAVIOURS[name] = partial(streaming_behaviour, Call(command, goal), carry_out)
        return carry_out

    return register


def unary_behaviour(call: Call, carry_out: Unary, core: Core) -> Behaviour:
    """A call with one answer."""

    async def behaviour(request: Any, context: Context) -> Any:
        try:
            return await carry_out(core, request)
        except Exception as error:
            code, text = call.refuse(request, error)
        context.set_code(code)
        context.set_details(text)
        return None  # with such a code nothing is serialized; aborting would cost another exception

    return behaviour


def streaming_behaviour(call: Call, carry_out: Streaming, core: Core) -> Behaviour:
    """A call with many answers."""

    async def behaviour(request: Any, context: Context) -> None:
        try:
            await carry_out(core, request, context)
        except Exception as error:
            code, text = call.refuse(request, error)
            context.set_code(code)
            context.set_details(text)

    return behaviour
