"""Commands as calls of the protocol."""

from __future__ import annotations

import pytest

from procession import Unsupported, WrongState
from procession.broker import JobStream
from procession.client import values
from procession.client.remote import jobs
from procession.client.remote.leases import Held, Leases
from procession.client.remote.requests import call_of
from procession.engine import commands as c

HELD = Held(lease=4, retries=3, failures=2, deadline=0)


@pytest.mark.parametrize(
    ("command", "repeats"),
    [
        (c.StartInstance("p"), False),
        (c.PublishMessage("m"), False),
        (c.PublishMessage("m", ttl=1000), False),
        (c.PublishMessage("m", message_id="1"), False),
        (c.PublishMessage("m", ttl=1000, message_id="1"), True),
        (c.CancelInstance(1), True),
        (c.SetVariables(1, {}), True),
        (c.ResolveIncident(1), False),
        (c.CompleteJob(1), True),
        (c.ThrowError(1, "E"), True),
        (c.FailJob(1, 2), False),
        (c.UpdateJob(1, retries=2), True),
    ],
)
def test_only_what_does_no_harm_twice_is_sent_again(command: c.Command, repeats: bool) -> None:
    assert call_of(command, None).repeats is repeats


def test_a_failure_under_a_lease_is_repeated_and_counts_the_try() -> None:
    call = call_of(c.FailJob(1, 2, lease=4), HELD)
    assert call.repeats
    assert jobs.read_variables(call.request.variables) == jobs.write_attempt(3, 2)


def test_giving_back_leaves_the_retries_as_they_are() -> None:
    call = call_of(c.ReleaseJob(1, 4), HELD)
    assert (call.name, call.request.retries, call.request.variables) == ("FailJob", 3, "")


def test_what_the_protocol_lacks_is_named() -> None:
    with pytest.raises(Unsupported, match="TriggerTimer"):
        call_of(c.TriggerTimer(1), None)


def test_variables_keep_their_texts() -> None:
    texts = {"a": "1.0", "b": '{"c":[1e3,null]}', 'q"': '"\\u00e4"'}
    assert jobs.read_variables(values.write_variables(texts)) == texts


def test_the_count_of_tries_starts_again_when_somebody_gave_new_ones() -> None:
    left = jobs.write_attempt(2, 1)
    assert jobs._failures(left[jobs.ATTEMPT], 1) == 2
    assert jobs._failures(left[jobs.ATTEMPT], 3) == 0
    assert jobs._failures('"something else"', 3) == 0
    assert jobs._failures(None, 3) == 0


def test_the_count_of_tries_is_fetched_with_the_variables_asked_for() -> None:
    def fetch(*names: str) -> JobStream:
        return JobStream("t", "w", 1, names, lambda _: None)

    assert jobs.fetched(fetch("a")) == ["a", jobs.ATTEMPT]
    assert jobs.fetched(fetch()) == [jobs.ATTEMPT]
    assert jobs.fetched(JobStream("t", "w", 1, None, lambda _: None)) == []


class TestLeases:
    def grant(self, leases: Leases, deadline: int) -> int:
        from pyzeebe.proto import gateway_pb2 as pb

        job = jobs.activated(pb.ActivatedJob(key=1, retries=3, deadline=deadline), leases.next_number())
        leases.grant(job)
        return job.lease

    def test_an_answer_in_time_is_sent(self) -> None:
        leases = Leases()
        lease = self.grant(leases, leases.clock.now() + 60_000)
        held = leases.check(c.CompleteJob(1, lease=lease))
        assert held is not None
        assert held.retries == 3

    def test_an_answer_after_the_lease_is_refused(self) -> None:
        leases = Leases()
        lease = self.grant(leases, leases.clock.now() - 1)
        with pytest.raises(WrongState, match="has ended"):
            leases.check(c.CompleteJob(1, lease=lease))

    def test_an_answer_under_an_older_lease_is_refused(self) -> None:
        leases = Leases()
        older = self.grant(leases, leases.clock.now() + 60_000)
        self.grant(leases, leases.clock.now() + 60_000)
        with pytest.raises(WrongState, match="not this client's"):
            leases.check(c.CompleteJob(1, lease=older))

    def test_the_servers_clock_is_told_by_the_job_that_was_least_on_its_way(self) -> None:
        leases = Leases()
        leases.clock.observe(1_000_000)
        leases.clock.observe(990_000)  # ten seconds late
        assert 1_000_000 <= leases.clock.now() < 1_005_000
