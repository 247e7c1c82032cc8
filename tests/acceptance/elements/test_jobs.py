"""Jobs: leases with fencing numbers, retries with backoff, timeouts, incidents."""

from datetime import timedelta

import pytest

from procession import BpmnError, Incident, InvalidInput, Job, NotFound, Procession, WrongState
from procession.broker import ActivatedJob, JobStream
from procession.engine import commands as c
from procession.testing import ProcessTester
from tests.building import boundary, bpmn, element, end, error, inputs, job, on_error, start

ONE_TASK = bpmn(start() + job("t") + end(), "s>t t>e")
SECOND = timedelta(seconds=1)


@pytest.fixture
def app() -> Procession:
    """An app whose handlers the tester borrows."""
    return Procession("sqlite:///unused.db")


def send(process: ProcessTester, command: c.Command) -> object:
    """A command as a worker sends it, with its lease number."""
    facade = process.app

    async def answered() -> object:
        return await facade._app._send(command)

    return facade._call(answered())


class TestHandlers:
    def test_a_handler_completes_the_job_with_what_it_returns(
        self, process: ProcessTester, app: Procession
    ) -> None:
        @app.task("t")
        def double(n: int) -> dict[str, int]:
            return {"double": n * 2}

        process.handle(app)
        process.deploy(ONE_TASK)
        process.start("p", {"n": 21})
        process.assert_completed()
        assert process.variables == {"n": 21, "double": 42}

    def test_async_handlers_do_the_same(self, process: ProcessTester, app: Procession) -> None:
        @app.task("t")
        async def double(n: int) -> dict[str, int]:
            return {"double": n * 2}

        process.handle(app)
        process.deploy(ONE_TASK)
        process.start("p", {"n": 21})
        assert process.variables["double"] == 42

    def test_an_exception_is_a_failed_try_and_is_repeated_after_the_backoff(
        self, process: ProcessTester, app: Procession
    ) -> None:
        tries: list[int] = []

        @app.task("t", backoff=timedelta(minutes=1))
        def flaky(job: Job) -> None:
            tries.append(job.attempt)
            if job.attempt < 3:
                raise OSError("not yet")

        process.handle(app)
        process.deploy(ONE_TASK)
        process.start("p")
        assert tries == [1]
        # When less than the backoff passes, nothing happens
        process.advance(timedelta(seconds=59))
        assert tries == [1]
        # When it has passed, the second try; the wait after it is twice as long
        process.advance(SECOND)
        assert tries == [1, 2]
        process.advance(timedelta(seconds=119))
        assert tries == [1, 2]
        process.advance(SECOND)
        assert tries == [1, 2, 3]
        process.assert_completed()

    def test_without_retries_left_there_is_an_incident_that_says_why(
        self, process: ProcessTester, app: Procession
    ) -> None:
        @app.task("t", retries=2)
        def broken() -> None:
            raise ValueError("no such customer")

        process.handle(app)
        process.deploy(ONE_TASK)
        process.start("p")
        process.assert_no_incident()
        process.advance(timedelta(hours=1))
        process.assert_incident("JOB_NO_RETRIES", at="t")
        assert "no such customer" in process.detail.incidents[0].message

    def test_an_incident_stops_retrying_at_once(self, process: ProcessTester, app: Procession) -> None:
        @app.task("t", retries=9)
        def careful() -> None:
            raise Incident("the account is frozen")

        process.handle(app)
        process.deploy(ONE_TASK)
        process.start("p")
        process.assert_incident("JOB_NO_RETRIES", at="t")
        assert process.detail.incidents[0].message == "the account is frozen"

    def test_a_bpmn_error_is_thrown_in_the_process(self, process: ProcessTester, app: Procession) -> None:
        @app.task("t")
        def refuse() -> None:
            raise BpmnError("BAD")

        body = start() + job("t") + end() + boundary("b", "t", on_error("BAD")) + element("task", "x")
        process.handle(app)
        process.deploy(bpmn(body, "s>t t>e b>x", definitions=error("BAD")))
        process.start("p")
        process.assert_passed("b", "x")

    def test_a_missing_argument_is_an_incident(self, process: ProcessTester, app: Procession) -> None:
        @app.task("t")
        def needs(customer: str) -> None: ...

        process.handle(app)
        process.deploy(ONE_TASK)
        process.start("p")
        process.assert_incident("JOB_NO_RETRIES", at="t")
        assert "customer" in process.detail.incidents[0].message

    def test_a_handler_sees_local_variables_before_outer_ones(
        self, process: ProcessTester, app: Procession
    ) -> None:
        @app.task("t")
        def see(n: int, m: int) -> dict[str, int]:
            return {"sum": n + m}

        process.handle(app)
        process.deploy(bpmn(start() + job("t", mappings=inputs(n="=10")) + end(), "s>t t>e"))
        process.start("p", {"n": 1, "m": 2})
        assert process.variables == {"n": 1, "m": 2, "sum": 12}


class TestLeases:
    def lease(self, process: ProcessTester, app: Procession) -> list[Job]:
        """Start an instance whose job is leased for a minute by a handler that never answers."""
        held: list[Job] = []

        @app.task("t", timeout=timedelta(minutes=1))
        def hold(job: Job) -> None:
            held.append(job)
            job.answered = True  # as if the worker had died: no answer goes out

        process.handle(app)
        process.deploy(ONE_TASK)
        process.start("p")
        return held

    def test_a_lease_that_ends_makes_the_job_available_again(
        self, process: ProcessTester, app: Procession
    ) -> None:
        held = self.lease(process, app)
        process.advance(timedelta(seconds=59))
        assert [job.lease for job in held] == [1]
        process.advance(2 * SECOND)
        assert [job.lease for job in held] == [1, 2]
        assert held[0].key == held[1].key

    def test_an_expired_lease_does_not_count_as_a_failed_try(
        self, process: ProcessTester, app: Procession
    ) -> None:
        held = self.lease(process, app)
        process.advance(timedelta(seconds=61))
        assert [job.retries for job in held] == [3, 3]

    @pytest.mark.parametrize(
        "answer",
        [
            lambda key: c.CompleteJob(key, {}, 1),
            lambda key: c.FailJob(key, 0, lease=1),
            lambda key: c.ThrowError(key, "BAD", lease=1),
            lambda key: c.UpdateJob(key, timeout=1000, lease=1),
        ],
        ids=["complete", "fail", "throw", "renew"],
    )
    def test_an_answer_under_a_stale_lease_is_refused(
        self, process: ProcessTester, app: Procession, answer: object
    ) -> None:
        # Given a job that was leased again
        held = self.lease(process, app)
        process.advance(timedelta(seconds=61))
        # When the first holder answers
        with pytest.raises(WrongState, match="leased again"):
            send(process, answer(held[0].key))  # type: ignore[operator]
        # Then nothing has changed
        process.assert_waits_at("t")
        process.assert_no_incident()

    def lease_once(self, process: ProcessTester) -> ActivatedJob:
        """The job of a worker that asked for one and no more."""
        held: list[ActivatedJob] = []
        process.deploy(ONE_TASK)
        process.start("p")
        node = process.app._app._embedded.node
        stream = JobStream("t", "lonely", 60_000, None, held.extend)
        node.open_stream(stream)
        node.request(stream, 1)
        process.assert_waits_at("t")
        return held[0]

    def test_a_lease_that_has_ended_is_made_longer_by_its_holder_only(self, process: ProcessTester) -> None:
        held = self.lease_once(process)
        process.advance(timedelta(minutes=5))
        # Without its number: it may be anybody's by now
        with pytest.raises(WrongState, match="has ended"):
            send(process, c.UpdateJob(held.key, timeout=60_000))
        # With it, as nobody else has the job
        send(process, c.UpdateJob(held.key, timeout=60_000, lease=held.lease))
        send(process, c.UpdateJob(held.key, timeout=90_000))

    def test_an_answer_after_the_lease_ended_is_taken_if_nobody_else_has_the_job(
        self, process: ProcessTester
    ) -> None:
        # Given a worker that asked for one job and no more
        held = self.lease_once(process)
        # When it answers after the end of its lease
        process.advance(timedelta(minutes=5))
        send(process, c.CompleteJob(held.key, {}, held.lease))
        # Then the answer counts
        process.assert_completed()

    def test_completing_again_under_the_same_lease_answers_success(
        self, process: ProcessTester, app: Procession
    ) -> None:
        held = self.lease(process, app)
        send(process, c.CompleteJob(held[0].key, {}, 1))
        send(process, c.CompleteJob(held[0].key, {}, 1))
        process.assert_completed()
        assert [step.element_id for step in process.detail.path] == ["s", "t", "e"]

    def test_a_renewed_lease_ends_later(self, process: ProcessTester, app: Procession) -> None:
        held = self.lease(process, app)
        process.advance(timedelta(seconds=50))
        send(process, c.UpdateJob(held[0].key, timeout=60_000, lease=1))
        process.advance(timedelta(seconds=50))
        assert len(held) == 1
        process.advance(timedelta(seconds=15))
        assert len(held) == 2

    def test_a_job_given_back_is_available_at_once_with_its_retries(
        self, process: ProcessTester, app: Procession
    ) -> None:
        held = self.lease(process, app)
        send(process, c.ReleaseJob(held[0].key, 1))
        process.assert_waits_at("t")
        assert [(job.lease, job.retries) for job in held] == [(1, 3), (2, 3)]

    def test_anybody_may_answer_without_a_lease_number(self, process: ProcessTester, app: Procession) -> None:
        self.lease(process, app)
        process.complete_job("t")
        process.assert_completed()

    def test_a_lease_must_be_longer_than_nothing(self, process: ProcessTester, app: Procession) -> None:
        held = self.lease(process, app)
        with pytest.raises(InvalidInput):
            send(process, c.UpdateJob(held[0].key, timeout=0, lease=1))


class TestAnswers:
    def start(self, process: ProcessTester) -> int:
        process.deploy(ONE_TASK)
        process.start("p")
        (open_job,) = process.jobs
        return open_job.key

    def test_a_failure_sets_exactly_the_retries_given(self, process: ProcessTester) -> None:
        self.start(process)
        process.fail_job("t", retries=7)
        assert [open_job.retries for open_job in process.jobs] == [7]

    def test_variables_of_a_failure_stay_at_the_element(self, process: ProcessTester) -> None:
        key = self.start(process)
        send(process, c.FailJob(key, 1, variables={"why": '"rain"'}))
        assert process.variables == {}
        process.complete_job("t")
        assert process.variables == {}

    def test_the_message_of_a_failure_is_cut_at_ten_thousand_characters(self, process: ProcessTester) -> None:
        self.start(process)
        process.fail_job("t", retries=0, message="x" * 20_000)
        assert len(process.detail.incidents[0].message) == 10_000

    @pytest.mark.parametrize("answer", ["complete", "fail", "throw"])
    def test_a_job_that_failed_for_good_takes_no_answer(self, process: ProcessTester, answer: str) -> None:
        key = self.start(process)
        process.fail_job("t", retries=0)
        commands = {
            "complete": c.CompleteJob(key),
            "fail": c.FailJob(key, 1),
            "throw": c.ThrowError(key, "BAD"),
        }
        with pytest.raises(WrongState, match="failed for good"):
            send(process, commands[answer])

    def test_a_job_that_threw_takes_no_answer(self, process: ProcessTester) -> None:
        key = self.start(process)
        process.throw_error("BAD")
        with pytest.raises(WrongState, match="thrown an error"):
            process.app.complete_job(key)

    def test_a_completed_job_is_gone(self, process: ProcessTester) -> None:
        key = self.start(process)
        process.complete_job("t")
        with pytest.raises(NotFound, match=str(key)):
            process.app.complete_job(key)

    def test_an_unknown_job_is_not_found(self, process: ProcessTester) -> None:
        with pytest.raises(NotFound, match="42"):
            process.app.complete_job(42)


class TestResolving:
    def test_a_job_gets_retries_and_is_handed_out_again(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        process.start("p")
        (before,) = process.jobs
        process.fail_job("t", retries=0)
        process.resolve_incident(retries=2)
        process.assert_no_incident()
        (after,) = process.jobs
        assert (after.key, after.retries) == (before.key, 2)
        process.complete_job("t")
        process.assert_completed()

    def test_an_incident_whose_job_has_no_retries_cannot_be_resolved(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        process.start("p")
        process.fail_job("t", retries=0)
        with pytest.raises(NotFound, match="no retries"):
            process.resolve_incident()
        process.assert_incident("JOB_NO_RETRIES")

    def test_retries_given_before_are_enough(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        process.start("p")
        (open_job,) = process.jobs
        process.fail_job("t", retries=0)
        send(process, c.UpdateJob(open_job.key, retries=1))
        process.resolve_incident()
        process.complete_job("t")
        process.assert_completed()

    @pytest.mark.parametrize("retries", [0, -1])
    def test_retries_below_one_are_refused(self, process: ProcessTester, retries: int) -> None:
        process.deploy(ONE_TASK)
        process.start("p")
        (open_job,) = process.jobs
        with pytest.raises(InvalidInput, match="at least 1"):
            send(process, c.UpdateJob(open_job.key, retries=retries))

    def test_a_resolved_incident_cannot_be_resolved_again(self, process: ProcessTester) -> None:
        process.deploy(ONE_TASK)
        process.start("p")
        process.fail_job("t", retries=0)
        (incident,) = process.detail.incidents
        process.resolve_incident(retries=1)
        with pytest.raises(NotFound, match=str(incident.key)):
            process.app.resolve_incident(incident.key)

    def test_a_failed_job_of_a_handler_is_tried_again_after_resolving(
        self, process: ProcessTester, app: Procession
    ) -> None:
        healthy: list[bool] = []

        @app.task("t", retries=1)
        def depends() -> None:
            if not healthy:
                raise OSError("down")

        process.handle(app)
        process.deploy(ONE_TASK)
        process.start("p")
        process.assert_incident("JOB_NO_RETRIES")
        healthy.append(True)
        process.resolve_incident(retries=1)
        process.assert_completed()
