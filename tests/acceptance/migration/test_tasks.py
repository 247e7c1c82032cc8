"""Migrating what works on jobs (spec/engine.md sections 9 and 12; observed on Zeebe 8.6)."""

from __future__ import annotations

from datetime import timedelta
from queue import Queue
from threading import Event
from typing import Any

import pytest

from procession import InvalidInput, Job, NotFound, Procession, WrongState
from procession.engine import commands as c
from procession.testing import ProcessTester
from tests.acceptance.migration.models import deploy, started
from tests.building import call, inputs, job, outputs
from tests.oracle.models import headers, line

PATIENCE = 60.0
"""Seconds after which a test gives up waiting for what must come."""
ONE = line(job("a", type="one", extensions=headers(of="one")), job("b", type="two"))
TWO = line(job("a2", type="eins", retries="7", extensions=headers(of="eins")), job("b", type="zwei"))


class TestJobs:
    def test_a_job_goes_along_as_it_is_and_the_rest_is_the_new_version(self, process: ProcessTester) -> None:
        key = started(process, ONE, TWO)
        (before,) = process.jobs
        process.app.migrate(key, {"a": "a2"}, version=2)
        # Then the job has its key, type and retries, at the new element
        (after,) = process.jobs
        assert (after.key, after.type, after.retries) == (before.key, "one", 3)
        assert after.element_id == "a2"
        # And what follows is of the new version
        process.complete_job("one")
        assert [one.type for one in process.jobs] == ["zwei"]
        process.complete_job("zwei")
        process.assert_completed()
        assert process.detail.info.version == 2

    def test_a_worker_sees_the_new_element_and_the_headers_the_job_was_made_with(
        self, process: ProcessTester
    ) -> None:
        # Given a worker
        seen: Queue[tuple[str, int, dict[str, str]]] = Queue()
        worker = Procession(process.url)
        worker.task("one")(lambda job: seen.put((job.element_id, job.version, job.headers)))
        # When it gets the job after the migration
        key = started(process, ONE, TWO)
        process.app.migrate(key, {"a": "a2"}, version=2)
        with worker.sync():
            assert seen.get(timeout=PATIENCE) == ("a2", 2, {"of": "one"})

    def test_who_holds_the_job_goes_on_with_it(self, process: ProcessTester) -> None:
        key = started(process, ONE, TWO)
        (held,) = process.jobs
        process.app.fail_job(held.key, retries=2, message="broke", backoff=timedelta(hours=1))
        process.app.migrate(key, {"a": "a2"}, version=2)
        # Its backoff goes on
        assert "retries at" in process.detail.waiting[0].reason
        process.advance(timedelta(hours=1))
        process.complete_job("one", {"x": 1})
        process.assert_passed("a2")
        assert process.variables == {"x": 1}

    def test_the_past_stays_what_it_was(self, process: ProcessTester) -> None:
        key = started(process, ONE, TWO)
        process.complete_job("one")
        process.app.migrate(key, version=2)
        steps = [(one.element_id, one.ended_at is None) for one in process.detail.path]
        assert steps == [("s", False), ("a", False), ("b", True)]

    def test_output_mappings_of_the_new_version_apply(self, process: ProcessTester) -> None:
        key = started(process, line(job("a")), line(job("a", mappings=outputs(total="=x + 1"))))
        process.app.migrate(key, version=2)
        process.complete_job("a", {"x": 1})
        assert process.variables == {"total": 2}

    def test_it_can_go_back(self, process: ProcessTester) -> None:
        key = started(process, ONE, TWO)
        process.app.migrate(key, {"a": "a2"}, version=2)
        process.app.migrate(key, {"a2": "a"}, version=1)
        process.complete_job("one")
        process.complete_job("two")
        process.assert_completed()

    def test_to_another_process(self, process: ProcessTester) -> None:
        key = started(process, ONE, line(job("c", type="other"), id="q"))
        definition = process.app.definitions("q")[0].key
        process.app.migrate(key, {"a": "c"}, definition_key=definition)
        assert process.detail.info.process_id == "q"
        process.complete_job("one")
        process.assert_completed()

    def test_the_version_it_left_can_be_deleted(self, process: ProcessTester) -> None:
        old = deploy(process, ONE)
        key = process.start("p").key
        deploy(process, TWO)
        process.app.migrate(key, {"a": "a2"}, version=2)
        process.app.delete_definition(old)
        process.complete_job("one")
        process.complete_job("zwei")
        process.assert_completed()


class TestIncidents:
    def test_of_a_job_stays_with_it(self, process: ProcessTester) -> None:
        key = started(process, ONE, TWO)
        process.fail_job("one", retries=0, message="broke")
        process.app.migrate(key, {"a": "a2"}, version=2)
        process.assert_incident("JOB_NO_RETRIES", at="a2")
        process.resolve_incident(retries=1)
        process.complete_job("one")
        process.assert_waits_at("b")

    def test_an_element_that_could_not_be_entered_is_entered_as_the_new_one(
        self, process: ProcessTester
    ) -> None:
        broken = line(job("a", mappings=inputs(x="=assert(q, q != null)")))
        key = started(process, broken, line(job("a", type="mended")))
        process.assert_incident("IO_MAPPING_ERROR")
        process.app.migrate(key, version=2)
        process.resolve_incident()
        process.complete_job("mended")
        process.assert_completed()

    def test_an_element_that_could_not_be_left_is_left_as_the_new_one(self, process: ProcessTester) -> None:
        broken = line(job("a", mappings=outputs(x="=assert(q, q != null)")))
        key = started(process, broken, line(job("a", mappings=outputs(x="=1"))))
        process.complete_job("a")
        process.app.migrate(key, version=2)
        process.resolve_incident()
        process.assert_completed()
        assert process.variables == {"x": 1}


class TestCalls:
    def test_what_was_called_stays_and_is_migrated_by_its_own_key(self, process: ProcessTester) -> None:
        # Given a caller and what it called, with new versions of both
        deploy(process, line(job("c"), id="called"))
        key = started(process, line(call("k", "called")), line(call("k2", "called"), job("after")))
        deploy(process, line(job("c2", type="new"), job("more"), id="called"))
        # When the caller is migrated, and then the other
        process.app.migrate(key, {"k": "k2"}, version=2)
        (child,) = [one for one in process.app.instances() if one.process_id == "called"]
        assert child.version == 1
        process.app.migrate(child.key, {"c": "c2"}, version=2)
        # Then both go on as the new ones
        process.complete_job("c")
        process.complete_job("more")
        process.complete_job("after")
        process.assert_completed()


class TestRefused:
    @pytest.mark.parametrize(
        ("mapping", "error", "says"),
        [
            ({}, WrongState, "element 'a' is active and has no place in version 2"),
            ({"a": "b"}, WrongState, "'a' cannot become 'b': it is a serviceTask, not a userTask"),
            ({"a": "p"}, WrongState, "cannot become the process itself"),
            ({"a": "a2", "z": "a2"}, InvalidInput, "version 1 has no element 'z'"),
            ({"a": "z"}, InvalidInput, "version 2 has no element 'z'"),
        ],
    )
    def test_what_has_no_place(
        self, process: ProcessTester, mapping: dict[str, str], error: type[Exception], says: str
    ) -> None:
        # Given a job
        key = started(process, ONE, line(job("a2"), job("b", kind="userTask")))
        # When its element has no fitting place, then all stays as it was
        with pytest.raises(error, match=says):
            process.app.migrate(key, mapping, version=2, equal_ids=False)
        assert process.detail.info.version == 1
        process.complete_job("one")
        process.complete_job("two")
        process.assert_completed()

    def test_what_is_not_there(self, process: ProcessTester) -> None:
        key = started(process, ONE, TWO)
        with pytest.raises(NotFound, match="no running process instance with key 4711"):
            process.app.migrate(4711, version=2)
        with pytest.raises(NotFound, match="process 'p' has no version 3"):
            process.app.migrate(key, version=3)
        with pytest.raises(NotFound, match="no process definition with key 4711"):
            process.app.migrate(key, definition_key=4711)
        process.cancel()
        with pytest.raises(NotFound, match="no running"):
            process.app.migrate(key, {"a": "a2"}, version=2)

    def test_a_target_that_is_deleted(self, process: ProcessTester) -> None:
        deploy(process, ONE)
        key = process.start("p").key
        gone = deploy(process, TWO)
        process.app.delete_definition(gone)
        for target in ({"version": 2}, {"definition_key": gone}):
            with pytest.raises(NotFound):
                process.app.migrate(key, {"a": "a2"}, **target)

    def test_no_target_or_two(self, process: ProcessTester) -> None:
        key = started(process, ONE, TWO)
        for target in ({}, {"version": 2, "definition_key": 1}):
            with pytest.raises(InvalidInput, match="either the version or the definition key"):
                process.app.migrate(key, {"a": "a2"}, **target)

    def test_what_somebody_else_has_moved_meanwhile(self, process: ProcessTester) -> None:
        # Given two who want to move an instance from version 1, to where an element of version 2 is meant
        key = started(process, line(job("a")), line(job("a"), job("b")))
        command = c.MigrateInstance(key, {"a": "b"}, version=2, from_version=1)
        process.app.migrate(key, version=2)
        # When the second one comes after the first, then its mapping is not for version 2
        with pytest.raises(WrongState, match="is on version 2 by now, not on 1"):
            carry_out(process, command)
        process.assert_waits_at("a")

    def test_another_process_for_what_is_the_only_one_of_its_process(self, process: ProcessTester) -> None:
        deploy(process, ONE)
        key = process.start("p", idempotency_key="A-1").key
        other = deploy(process, line(job("a"), id="q"))
        with pytest.raises(WrongState, match="idempotency key makes it the only one of 'p'"):
            process.app.migrate(key, definition_key=other)


class TestRetyping:
    """What Zeebe does not do: jobs become those of the new version's workers."""

    def test_the_job_is_that_of_its_new_element_with_the_tries_it_has(self, process: ProcessTester) -> None:
        # Given a job that failed once and backs off
        key = started(process, ONE, TWO)
        (before,) = process.jobs
        process.fail_job("one", retries=2, backoff=timedelta(hours=1))
        process.app.migrate(key, {"a": "a2"}, version=2, retype_jobs=True)
        # Then it has the new type, and its old key, tries and backoff
        (after,) = process.jobs
        assert (after.key, after.type, after.element_id, after.retries) == (before.key, "eins", "a2", 2)
        assert "retries at" in process.detail.waiting[0].reason
        process.advance(timedelta(hours=1))
        process.complete_job("eins")
        process.assert_waits_at("b")

    def test_workers_of_the_new_type_get_it_with_its_headers(self, process: ProcessTester) -> None:
        seen: Queue[tuple[str, dict[str, str]]] = Queue()
        worker = Procession(process.url)
        worker.task("eins")(lambda job: seen.put((job.element_id, job.headers)))
        key = started(process, ONE, TWO)
        with worker.sync():
            process.app.migrate(key, {"a": "a2"}, version=2, retype_jobs=True)
            assert seen.get(timeout=PATIENCE) == ("a2", {"of": "eins"})

    def test_a_type_that_is_an_expression(self, process: ProcessTester) -> None:
        new = line(job("a", type='="kind-" + kind'))
        key = started(process, line(job("a")), new, {"kind": "x"})
        process.app.migrate(key, version=2, retype_jobs=True)
        assert [one.type for one in process.jobs] == ["kind-x"]

    def test_one_that_cannot_be_evaluated_is_told(self, process: ProcessTester) -> None:
        key = started(process, line(job("a")), line(job("a", type="=kind")))
        with pytest.raises(WrongState, match="the job it would have at 'a' cannot be made"):
            process.app.migrate(key, version=2, retype_jobs=True)
        assert [one.type for one in process.jobs] == ["a"]

    def test_a_held_one_waits_for_its_resolution_as_the_new_one(self, process: ProcessTester) -> None:
        key = started(process, ONE, TWO)
        process.fail_job("one", retries=0)
        process.app.migrate(key, {"a": "a2"}, version=2, retype_jobs=True)
        process.resolve_incident(retries=1)
        process.complete_job("eins")
        process.assert_waits_at("b")

    def test_while_a_worker_holds_it_nothing_changes(self, process: ProcessTester) -> None:
        # Given a worker that is at the job
        began, may_end = Queue[int](), Event()

        def slow(job: Job) -> None:
            began.put(job.key)
            may_end.wait(PATIENCE)

        worker = Procession(process.url, worker_name="Anna")
        worker.task("one")(slow)
        key = started(process, ONE, TWO)
        with worker.sync():
            began.get(timeout=PATIENCE)
            with pytest.raises(WrongState, match="worker Anna is at 'a', whose job would become another one"):
                process.app.migrate(key, {"a": "a2"}, version=2, retype_jobs=True)
            may_end.set()
        process.complete_job("two")
        process.assert_completed()

    def test_who_lost_its_lease_is_too_late(self, process: ProcessTester) -> None:
        # Given somebody whose lease has ended, and who could answer all the same
        key = started(process, ONE, TWO)
        (held,) = process.jobs
        lease = carry_out(process, c.LeaseJob(held.key, "Anna", 1000))
        process.advance(timedelta(seconds=2))
        # When the job becomes another one
        process.app.migrate(key, {"a": "a2"}, version=2, retype_jobs=True)
        # Then the answer counts for nothing
        with pytest.raises(WrongState, match="leased again"):
            carry_out(process, c.CompleteJob(held.key, {"late": "1"}, lease))
        assert [one.type for one in process.jobs] == ["eins"]


def carry_out(process: ProcessTester, command: c.Command) -> Any:
    """Have the engine carry a command out that has no call of its own."""

    async def sent() -> Any:
        return await process.app._app._send(command)

    return process.app._call(sent())
