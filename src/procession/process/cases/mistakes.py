"""What a stage's program can get wrong; it is told so at the line where it does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from procession.client.values import as_json
from procession.errors import InvalidInput, VariablesInvalid
from procession.messaging.message import check_name
from procession.process.cases.asking import service_queue
from procession.process.cases.outcome import Next, is_time

LARGEST = 2**31 - 1
_SOME_TIME = "a timedelta longer than 0"


class Mistake(Exception):
    """The stage's program is wrong: trying again would not help, nor would undoing what others did."""


def checked_json(what: str, value: Any) -> Any:
    """The value, as it will be read again.

    Raises:
        Mistake: it has no form in JSON.
    """
    try:
        return as_json(what, value)
    except VariablesInvalid as error:
        raise Mistake(error.message) from error


def checked(then: Next) -> Next:
    """How to go on, if it can be.

    Raises:
        Mistake: it cannot; says what to write instead.
    """
    delays = isinstance(then.delay, timedelta) and then.delay >= timedelta(0)
    _check("delay", then.delay, delays, "a timedelta of 0 or longer")
    _check("priority", then.priority, _is_number(then.priority, 0), f"a number from 0 to {LARGEST}")
    _check("retries", then.retries, _is_number(then.retries, 1), f"a number from 1 to {LARGEST}")
    _check("timeout", then.timeout, then.timeout is None or is_time(then.timeout), _SOME_TIME)
    return then


def check_request(service: Any, command: Any, wait: Any) -> None:
    """Refuse what cannot be a request.

    Raises:
        Mistake: says what to write instead.
    """
    for what, name in (("service", service), ("command", command)):
        _check(what, name, isinstance(name, str) and name != "", "a name")
    _check("wait", wait, wait is None or is_time(wait), _SOME_TIME)
    try:
        check_name("queue", service_queue(service))
    except InvalidInput as error:
        raise Mistake(error.message) from error


def _check(what: str, value: Any, right: bool, wanted: str) -> None:
    if not right:
        raise Mistake(f"{what} is {value!r}: make it {wanted}")


def _is_number(value: Any, least: int) -> bool:
    return value is None or (isinstance(value, int) and least <= value <= LARGEST)
