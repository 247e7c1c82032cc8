"""Names and keys that not every database can keep are refused; what handlers say is mended."""

from __future__ import annotations

import pytest

from procession.engine import commands as c
from procession.engine.incidents import cut
from procession.errors import InvalidInput

BAD = ["a\0b", "half \ud83d of one"]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "make",
    [
        lambda bad: c.StartInstance("p", business_key=bad),
        lambda bad: c.StartInstance(bad),
        lambda bad: c.StartInstance("p", idempotency_key=bad),
        lambda bad: c.StartInstance("p", variables={bad: "1"}),
        lambda bad: c.PublishMessage("m", bad, 0, None, {}),
        lambda bad: c.PublishMessage("m", "k", 0, bad, {}),
        lambda bad: c.PublishMessage(bad, "k", 0, None, {}),
        lambda bad: c.ThrowError(1, bad),
        lambda bad: c.CompleteJob(1, {bad: "1"}),
        lambda bad: c.SetVariables(1, {bad: "1"}),
        lambda bad: c.Deploy((c.DeployedFile(bad, "", b"", ()),)),
    ],
)
def test_a_name_that_cannot_be_kept_is_refused(make: object, bad: str) -> None:
    with pytest.raises(InvalidInput, match="NUL or half a character"):
        c.check(make(bad))  # type: ignore[operator]


@pytest.mark.parametrize(
    "command",
    [
        c.StartInstance("p", business_key="zażółć \U0001f600", variables={"x": '"a\\u0000b"'}),
        c.FailJob(1, 0, message="broken\0"),
        c.ThrowError(1, "code", "broken\0"),
        c.TriggerTimer(1),
    ],
)
def test_everything_else_is_taken(command: c.Command) -> None:
    c.check(command)


@pytest.mark.parametrize("bad", BAD)
def test_what_handlers_say_is_mended(bad: str) -> None:
    kept = cut(bad)
    assert "\0" not in kept
    assert kept.encode().decode() == kept
    assert kept[0] == bad[0]
