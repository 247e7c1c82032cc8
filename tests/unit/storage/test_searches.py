"""Searches: what runs, where it waits, what went wrong. Given records as the engine leaves them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from procession.engine.records import (
    DEFAULT_TENANT,
    CommandRow,
    Definition,
    ElementInstance,
    ElementState,
    IncidentRecord,
    IncidentType,
    InstanceState,
    Job,
    JobState,
    Join,
    Message,
    MessageSubscription,
    ProcessInstance,
    Record,
    Resource,
    Timer,
    Variable,
)
from procession.engine.tables import TABLES
from procession.errors import DatabaseCorrupt
from procession.model import Kind
from procession.storage import searches
from procession.storage.schema import VERSION, engine_state, metadata, schema_info, tables
from procession.storage.searches import IncidentKind, InstanceStatus

NOON = 1_800_000_000_000
"""2027-01-15T08:00:00Z, in epoch milliseconds."""
HOUR = 3_600_000
TABLE_OF = {spec.record: tables[name] for name, spec in TABLES.items()}
ORDER = b"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t"
 xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">
 <message id="m" name="paid"><extensionElements>
  <zeebe:subscription correlationKey="=id"/></extensionElements></message>
 <process id="order" isExecutable="true">
  <startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="fork"/>
  <parallelGateway id="fork"/><sequenceFlow id="f1" sourceRef="fork" targetRef="pay"/>
  <sequenceFlow id="f2" sourceRef="fork" targetRef="wait"/>
  <sequenceFlow id="f3" sourceRef="fork" targetRef="pack"/>
  <serviceTask id="pay" name="Take the money"><extensionElements>
   <zeebe:taskDefinition type="order_pay"/></extensionElements></serviceTask>
  <boundaryEvent id="late" attachedToRef="pay"><timerEventDefinition>
   <timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
  <sequenceFlow id="f7" sourceRef="late" targetRef="end"/>
  <intermediateCatchEvent id="wait"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>
  <subProcess id="pack"><startEvent id="in"/><sequenceFlow id="i0" sourceRef="in" targetRef="box"/>
   <userTask id="box"/><sequenceFlow id="i1" sourceRef="box" targetRef="out"/><endEvent id="out"/>
  </subProcess>
  <sequenceFlow id="f4" sourceRef="pay" targetRef="join"/>
  <sequenceFlow id="f5" sourceRef="wait" targetRef="join"/>
  <sequenceFlow id="f6" sourceRef="pack" targetRef="join"/>
  <parallelGateway id="join"/><sequenceFlow id="f8" sourceRef="join" targetRef="end"/><endEvent id="end"/>
 </process></definitions>"""


class World:
    """A database that records are put into."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        metadata.create_all(self.engine)
        with self.engine.begin() as connection:
            connection.execute(schema_info.insert().values(id=1, version=VERSION, readable_since=1))
            clock: dict[str, Any] = {"last_now": 0, "clock_offset": 0, "time_zone": "UTC", "next_key": 1}
            connection.execute(engine_state.insert().values(id=1, **clock))
        self.set_time(NOON)
        self.keep(
            Resource(1, 0, DEFAULT_TENANT, "order.bpmn", "sum", ORDER, NOON),
            Definition(2, 1, DEFAULT_TENANT, "order", 1, "Order", None, "order.bpmn", "sum", NOON),
        )

    def set_time(self, milliseconds: int) -> None:
        """Let it be about so late in this database."""
        with self.engine.begin() as connection:
            offset = milliseconds - time.time_ns() // 1_000_000
            connection.execute(engine_state.update().values(clock_offset=offset))

    def keep(self, *records: Record) -> None:
        with self.engine.begin() as connection:
            for record in records:
                connection.execute(TABLE_OF[type(record)].insert().values(**msgspec.structs.asdict(record)))

    def instance(self, key: int, state: InstanceState = InstanceState.ACTIVE, **fields: Any) -> None:
        ended = NOON + 1 if state in (InstanceState.COMPLETED, InstanceState.TERMINATED) else None
        values: dict[str, Any] = {
            "root_key": key,
            "definition_key": 2,
            "tenant": DEFAULT_TENANT,
            "process_id": "order",
            "version": 1,
            "parent_element_key": None,
            "business_key": None,
            "idempotency_key": None,
            "start_key": None,
            "depth": 1,
            "started_at": NOON,
            "state": state.value,
            "ended_at": ended,
        }
        self.keep(ProcessInstance(key, **(values | fields)))

    def element(
        self, key: int, element_id: str, *, state: ElementState = ElementState.ACTIVATED, **fields: Any
    ) -> None:
        """An element instance of process instance 10."""
        ended = NOON + 1 if state in (ElementState.COMPLETED, ElementState.TERMINATED) else None
        values: dict[str, Any] = {
            "root_key": 10,
            "instance_key": 10,
            "scope_key": 10,
            "definition_key": 2,
            "element_id": element_id,
            "flow_id": None,
            "started_at": NOON,
            "state": state.value,
            "ended_at": ended,
        }
        self.keep(ElementInstance(key, **(values | fields)))

    def job(self, key: int, element_key: int, state: JobState = JobState.ACTIVATABLE, **fields: Any) -> None:
        values: dict[str, Any] = {
            "root_key": 10,
            "instance_key": 10,
            "element_key": element_key,
            "definition_key": 2,
            "tenant": DEFAULT_TENANT,
            "process_id": "order",
            "element_id": "pay",
            "type": "order_pay",
            "priority": 50,
            "created_at": NOON,
            "retries": 3,
            "due": NOON,
            "state": state.value,
        }
        self.keep(Job(key, **(values | fields)))

    def incident(self, key: int, message: str = "broken", *, instance_key: int = 10, **fields: Any) -> None:
        values: dict[str, Any] = {
            "root_key": instance_key,
            "instance_key": instance_key,
            "element_key": None,
            "job_key": None,
            "element_id": None,
            "type": IncidentType.UNKNOWN.value,
            "message": message,
            "created_at": NOON,
        }
        self.keep(IncidentRecord(key, **(values | fields)))

    def reasons(self) -> dict[str, str]:
        """Element id -> why instance 10 waits there."""
        detail = searches.instance(self.engine, 10)
        assert detail is not None
        return {place.element_id: place.reason for place in detail.waiting}


@pytest.fixture(params=["postgresql", "sqlite"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "sqlite":
        engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    else:
        url: str = request.getfixturevalue("empty_postgresql_url")
        engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    yield World(engine)
    engine.dispose()


def keys(found: list[Any]) -> list[int]:
    return [item.key for item in found]


# --- instances -----------------------------------------------------------------------------------


def test_instances_come_newest_first_and_page_by_page(world: World) -> None:
    for key in (10, 11, 12):
        world.instance(key)

    assert keys(searches.instances(world.engine, limit=2)) == [12, 11]
    assert keys(searches.instances(world.engine, limit=2, after_key=11)) == [10]


def test_instances_are_found_by_process_state_and_business_key(world: World) -> None:
    world.instance(10, business_key="A-1")
    world.instance(11, business_key="A-2")
    world.instance(12, InstanceState.COMPLETED, business_key="A-1")
    world.instance(13, process_id="payment")

    assert keys(searches.instances(world.engine, process_id="order")) == [12, 11, 10]
    assert keys(searches.instances(world.engine, business_key="A-1")) == [12, 10]
    assert keys(searches.instances(world.engine, business_key="A-1", state=InstanceStatus.ACTIVE)) == [10]


def test_an_instance_tells_its_times_in_utc_and_its_open_incidents(world: World) -> None:
    world.instance(10, InstanceState.COMPLETED, business_key="A-1")
    world.incident(20)
    world.incident(21, ended_at=NOON)

    (info,) = searches.instances(world.engine)

    assert info.started_at == datetime(2027, 1, 15, 8, tzinfo=UTC)
    assert info.ended_at is not None
    assert info.ended_at > info.started_at
    assert (info.state, info.incidents) == (InstanceStatus.COMPLETED, 1)


@pytest.mark.parametrize("state", [InstanceState.COMPLETING, InstanceState.TERMINATING])
def test_what_is_on_its_way_to_the_end_is_still_active(world: World, state: InstanceState) -> None:
    world.instance(10, state)

    assert keys(searches.instances(world.engine, state=InstanceStatus.ACTIVE)) == [10]
    assert searches.count_instances(world.engine)[InstanceStatus.ACTIVE] == 1


def test_counts_name_every_state(world: World) -> None:
    world.instance(10)
    world.instance(11, InstanceState.TERMINATED)
    world.instance(12, process_id="payment")

    counts = searches.count_instances(world.engine, "order")

    assert counts == {"ACTIVE": 1, "COMPLETED": 0, "TERMINATED": 1}


# --- incidents -----------------------------------------------------------------------------------


def test_incident_kinds_are_those_of_the_engine() -> None:
    assert [kind.value for kind in IncidentKind] == [type_.name for type_ in IncidentType]


def test_open_incidents_carry_what_an_operator_needs(world: World) -> None:
    world.instance(10, business_key="A-1")
    world.incident(20, "card declined", element_id="pay", job_key=30, type=IncidentType.JOB_NO_RETRIES.value)
    world.incident(21, ended_at=NOON)

    (incident,) = searches.incidents(world.engine)

    assert incident.type is IncidentKind.JOB_NO_RETRIES
    assert (incident.message, incident.element_id, incident.job_key) == ("card declined", "pay", 30)
    assert (incident.instance_key, incident.process_id, incident.business_key) == (10, "order", "A-1")


def test_incidents_that_belong_to_no_instance_are_seen_too(world: World) -> None:
    world.incident(20, instance_key=0)

    (incident,) = searches.incidents(world.engine)

    assert (incident.key, incident.instance_key, incident.process_id) == (20, None, None)


def test_resolved_incidents_are_listed_on_request_the_latest_first(world: World) -> None:
    world.instance(10)
    world.incident(20, created_at=NOON + 5)
    world.incident(21, ended_at=NOON)

    assert keys(searches.incidents(world.engine)) == [20]
    assert keys(searches.incidents(world.engine, include_resolved=True)) == [20, 21]
    assert keys(searches.incidents(world.engine, instance_key=10, include_resolved=True, limit=1)) == [20]
    assert searches.incidents(world.engine, process_id="payment") == []


# --- one instance --------------------------------------------------------------------------------


def test_an_unknown_instance_is_none(world: World) -> None:
    assert searches.instance(world.engine, 10) is None


def test_the_path_is_in_order_of_time_with_names_and_kinds_from_the_model(world: World) -> None:
    world.instance(10)
    world.element(30, "start", state=ElementState.COMPLETED)
    world.element(20, "pay", flow_id="f1", started_at=NOON + 5)

    detail = searches.instance(world.engine, 10)

    assert detail is not None
    assert [step.element_id for step in detail.path] == ["start", "pay"]
    pay = detail.path[1]
    assert (pay.name, pay.kind, pay.flow_id) == ("Take the money", Kind.SERVICE_TASK, "f1")
    assert (pay.state, pay.ended_at) == (InstanceStatus.ACTIVE, None)


def test_what_runs_inside_a_sub_process_is_one_deeper(world: World) -> None:
    world.instance(10)
    world.element(20, "pack", active=1)
    world.element(21, "box", scope_key=20)

    detail = searches.instance(world.engine, 10)

    assert detail is not None
    assert [(step.element_id, step.depth) for step in detail.path] == [("pack", 0), ("box", 1)]


def test_a_long_path_is_cut_and_says_so(world: World) -> None:
    world.instance(10)
    for key in (20, 21, 22):
        world.element(key, "pay")

    detail = searches.instance(world.engine, 10, limit=2)

    assert detail is not None
    assert (keys(detail.path), detail.path_truncated) == ([20, 21], True)
    assert (len(detail.waiting), detail.waiting_truncated) == (2, True)


def test_variables_are_the_json_values_of_the_root_scope(world: World) -> None:
    world.instance(10)
    world.keep(
        Variable(10, "total", 10, "9.90", NOON),
        Variable(10, "items", 10, '[{"sku":"x"}]', NOON),
        Variable(20, "local", 10, "1", NOON),
    )

    detail = searches.instance(world.engine, 10)

    assert detail is not None
    assert detail.variables == {"total": 9.9, "items": [{"sku": "x"}]}


def test_a_model_that_cannot_be_read_any_more_is_a_damaged_database(world: World) -> None:
    world.instance(10, definition_key=99)

    with pytest.raises(DatabaseCorrupt, match="99"):
        searches.instance(world.engine, 10)


# --- why it waits --------------------------------------------------------------------------------


def test_a_new_job_waits_for_a_worker_or_for_the_timer_on_its_boundary(world: World) -> None:
    world.instance(10)
    world.element(20, "pay", job_key=30)
    world.job(30, 20)
    world.keep(Timer(40, 10, 10, 20, "late", NOON + HOUR))

    expected = "job order_pay: waits for a worker, or late: timer due 2027-01-15T09:00:00Z"
    assert world.reasons() == {"pay": expected}


def test_a_leased_job_names_its_worker_until_the_lease_ends(world: World) -> None:
    world.instance(10)
    world.element(20, "pay", job_key=30)
    world.job(30, 20, JobState.ACTIVATED, worker="w-1", due=NOON + HOUR)
    assert world.reasons() == {"pay": "job order_pay: leased to worker w-1 until 2027-01-15T09:00:00Z"}

    world.set_time(NOON + 2 * HOUR)
    expected = "job order_pay: waits for a worker; the lease of w-1 ended 2027-01-15T09:00:00Z"
    assert world.reasons() == {"pay": expected}


def test_a_failed_try_tells_when_it_is_tried_again_and_what_happened(world: World) -> None:
    world.instance(10)
    world.element(20, "pay", job_key=30)
    world.job(30, 20, retries=2, failures=1, due=NOON + HOUR, error_message="no route to bank")

    expected = "job order_pay: retries at 2027-01-15T09:00:00Z (2 left) after: no route to bank"
    assert world.reasons() == {"pay": expected}


def test_an_incident_says_what_it_is_about(world: World) -> None:
    world.instance(10)
    world.element(20, "pay", job_key=30, incident_key=40)
    world.job(30, 20, JobState.FAILED, due=None, retries=0)
    world.incident(40, "card declined", element_key=20, type=IncidentType.JOB_NO_RETRIES.value)

    assert world.reasons() == {"pay": "incident JOB_NO_RETRIES: card declined"}


def test_a_message_is_named_with_its_correlation_key(world: World) -> None:
    world.instance(10)
    world.element(20, "wait")
    world.keep(MessageSubscription(40, 10, 10, 20, "wait", DEFAULT_TENANT, "order", "paid", "A-1"))

    assert world.reasons() == {"wait": "message paid with correlation key A-1"}


def test_a_join_names_the_flows_that_are_missing(world: World) -> None:
    world.instance(10)
    world.keep(Join(10, "join", 10, '{"f4":1}'))

    assert world.reasons() == {"join": "joins: waits for tokens on f5, f6 (has f4)"}


def test_a_sub_process_counts_what_is_active_in_it(world: World) -> None:
    world.instance(10)
    world.element(20, "pack", active=2)

    assert world.reasons() == {"pack": "inside: 2 active"}


def test_a_call_names_the_instance_it_waits_for(world: World) -> None:
    world.instance(10)
    world.element(20, "pay")
    world.instance(50, root_key=10, parent_element_key=20)

    assert world.reasons() == {"pay": "called instance 50"}


def test_an_element_that_only_needs_a_node_says_so(world: World) -> None:
    world.instance(10)
    world.element(20, "pay", state=ElementState.ACTIVATING)
    world.keep(CommandRow(60, 10, DEFAULT_TENANT, b"{}", NOON))

    assert world.reasons() == {"pay": "waits to be entered by a running node"}


# --- status --------------------------------------------------------------------------------------


def test_status_counts_jobs_by_type_and_by_what_they_wait_for(world: World) -> None:
    world.job(30, 20)
    world.job(31, 21, JobState.ACTIVATED, due=NOON + HOUR)
    world.job(32, 22, due=NOON + HOUR, failures=1)
    world.job(33, 23, JobState.FAILED, due=None)
    world.incident(40, job_key=33)
    world.job(34, 24, JobState.COMPLETED, due=None, ended_at=NOON)

    (jobs,) = searches.status(world.engine).jobs

    counts = (jobs.activatable, jobs.leased, jobs.retrying, jobs.failed)
    assert (jobs.type, counts) == ("order_pay", (1, 1, 1, 1))


def test_status_tells_timers_messages_and_the_latest_versions(world: World) -> None:
    world.keep(Timer(40, 10, 10, 20, "late", NOON + HOUR), Timer(41, 10, 10, 20, "late", NOON + 2 * HOUR))
    for key, expires in ((50, NOON + HOUR), (51, NOON - HOUR)):
        world.keep(Message(key, DEFAULT_TENANT, "paid", "A-1", None, "{}", NOON, expires))
    world.keep(Definition(3, 1, DEFAULT_TENANT, "order", 2, "Order", None, "order.bpmn", "sum2", NOON))

    status = searches.status(world.engine)

    assert (status.timers, status.next_timer_due) == (2, datetime(2027, 1, 15, 9, tzinfo=UTC))
    assert status.messages == 1
    assert [(d.process_id, d.version) for d in status.definitions] == [("order", 2)]
    assert status.schema_version == VERSION


def test_times_past_the_calendar_are_its_end(world: World) -> None:
    world.keep(Timer(40, 10, 10, 20, "late", 1 << 60))

    due = searches.status(world.engine).next_timer_due
    assert due is not None
    assert due.year == 9999
