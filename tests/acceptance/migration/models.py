"""What the tests of migrations have in common."""

from __future__ import annotations

from procession.testing import ProcessTester


def deploy(process: ProcessTester, content: bytes) -> int:
    """Deploy a process. Answers the key of its definition."""
    (definition,) = process.deploy(content).definitions
    return definition.key


def started(process: ProcessTester, old: bytes, new: bytes, variables: object = None) -> int:
    """An instance on version 1, with version 2 beside it. Answers its key."""
    deploy(process, old)
    instance = process.start("p", variables)
    deploy(process, new)
    return instance.key
