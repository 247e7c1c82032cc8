"""Whatever is sent to the server, it answers what it should and stays as it was."""

from __future__ import annotations

import random

from pyzeebe.proto import gateway_pb2 as pb

from tests.fuzz import hostile, wire
from tests.fuzz.calls import METHODS, Request, call_all, faults
from tests.fuzz.memory import Probe
from tests.fuzz.target import Target

CALLS = 150
"""In one round."""
WARM_ROUNDS = 6
ALLOWED_BYTES = 24 * 2**20
"""Of the C heap: SQLite's page caches, buffers for the largest messages."""
ALLOWED_BYTES_PER_CALL = 1_000
ALLOWED_BLOCKS = 5_000
"""Of Python's: what is just under way, models that are kept."""
ALLOWED_BLOCKS_PER_CALL = 2
"""A request and its context that are kept are more than five, and nine thousand bytes."""


def hostile_requests(rng: random.Random, target: Target, count: int = CALLS) -> list[Request]:
    made = []
    for _ in range(count):
        method = rng.choice(METHODS)
        kind = getattr(pb, method.input_type.name)
        made.append((method, hostile.message(kind, rng, target.keys).SerializeToString()))
    return made


def spoiled_requests(rng: random.Random, target: Target) -> list[Request]:
    """No messages: random bytes, or a message with some bytes changed, cut off or added."""
    return [(method, _spoil(body, rng)) for method, body in hostile_requests(rng, target)]


def _spoil(body: bytes, rng: random.Random) -> bytes:
    way = rng.randrange(4)
    if way == 0 or not body:
        return rng.randbytes(rng.randrange(300))
    if way == 1:
        return body[: rng.randrange(len(body))]
    if way == 2:
        return body + rng.randbytes(rng.randrange(20))
    spoiled = bytearray(body)
    for _ in range(rng.randrange(1, 5)):
        spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
    return bytes(spoiled)


async def test_hostile_messages_are_answered(target: Target, rng: random.Random, rounds: int) -> None:
    for _ in range(rounds):
        # When
        outcomes = await call_all(target.address, hostile_requests(rng, target), rng)

        # Then
        assert faults(outcomes) == []
    target.assert_well()


async def test_what_is_no_message_is_answered(target: Target, rng: random.Random, rounds: int) -> None:
    for _ in range(rounds):
        # When
        outcomes = await call_all(target.address, spoiled_requests(rng, target), rng)

        # Then
        assert faults(outcomes) == []
    target.assert_well()


def test_connections_that_speak_something_else_do_no_harm(
    target: Target, rng: random.Random, rounds: int
) -> None:
    # Given
    silent = [wire.half_open(target.address, rng) for _ in range(20)]

    # When
    for _ in range(20 * rounds):
        wire.attack(target.address, rng)

    # Then
    target.assert_well()
    for connection in silent:
        connection.close()
    target.assert_well()


async def test_memory_does_not_grow_with_the_calls(
    probed: Probe, target: Target, rng: random.Random, rounds: int
) -> None:
    # Given
    await _rounds(target, rng, WARM_ROUNDS)
    before = probed.held()

    # When
    await _rounds(target, rng, 2 * rounds)

    # Then
    after = probed.held()
    calls = 2 * rounds * 2 * CALLS
    blocks, heap = after.blocks - before.blocks, after.heap - before.heap
    print(f"{calls:,} calls: {blocks:+,} blocks, {heap:+,} bytes of the C heap")
    assert blocks < ALLOWED_BLOCKS + ALLOWED_BLOCKS_PER_CALL * calls
    assert heap < ALLOWED_BYTES + ALLOWED_BYTES_PER_CALL * calls
    target.assert_well()


async def _rounds(target: Target, rng: random.Random, count: int) -> None:
    for _ in range(count):
        await call_all(target.address, hostile_requests(rng, target), rng)
        await call_all(target.address, spoiled_requests(rng, target), rng)
        wire.attack(target.address, rng)
