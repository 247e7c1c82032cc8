"""Our own server only: its life, its limits, TLS, several processes behind one port."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
import trustme
from grpc import StatusCode
from pyzeebe.proto import gateway_pb2 as pb

from tests.building import bpmn, end, job, start
from tests.gateway.clients import SECONDS, Client, channels, refused, unique
from tests.gateway.servers import COMMAND, Served, serving

WORK = bpmn(start() + job("work") + end(), "s>work work>e", id="order")
BIG = 4_000_000


@pytest.fixture
def type(own_client: Client) -> str:
    id = unique("work")
    own_client.deploy(bpmn(start() + job("task", type=id) + end(), "s>task task>e", id=id))
    return id


# --- where it differs from Zeebe --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("EvaluateDecision", pb.EvaluateDecisionRequest(decisionId="d")),
        ("ModifyProcessInstance", pb.ModifyProcessInstanceRequest(processInstanceKey=1)),
    ],
)
def test_what_it_cannot_do_yet_is_unimplemented(own_client: Client, name: str, request_: Any) -> None:
    with refused(StatusCode.UNIMPLEMENTED) as refusal:
        own_client.call(name, request_)
    assert name in refusal.text


@pytest.mark.parametrize("name", ["rules.dmn", "ask.form"])
def test_decisions_and_forms_cannot_be_deployed_yet(own_client: Client, name: str) -> None:
    with refused(StatusCode.UNIMPLEMENTED) as refusal:
        own_client.deploy(b"{}", name)
    assert name in refusal.text


def test_asking_for_no_jobs_is_refused(own_client: Client, type: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        own_client.activate(type, 0)


def test_jobs_of_a_blank_type_are_refused(own_client: Client) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        own_client.activate("  ")


def test_the_result_of_a_cancelled_instance_is_aborted(own_client: Client, type: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(own_client.result, type)
        own_client.cancel(own_client.job(type).processInstanceKey)

        with refused(StatusCode.ABORTED):
            result.result()


@pytest.mark.parametrize("variables", ['{"a": "\\ud800"}', '{"a\\u0000b": 1}', '{"a": ' + "[" * 5000])
def test_variables_no_database_could_keep_are_refused(own_client: Client, type: str, variables: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        own_client.create(type, variables)


def test_names_no_database_could_keep_are_refused(own_client: Client) -> None:
    with refused(StatusCode.INVALID_ARGUMENT):
        own_client.activate("a\0b")
    with refused(StatusCode.INVALID_ARGUMENT):
        own_client.publish("a\0b")


# --- limits ---------------------------------------------------------------------------------------


def large(size: int) -> str:
    return json.dumps({"text": "x" * (size - len('{"text": ""}'))})


def test_variables_up_to_the_limit_go_through(own_client: Client, type: str) -> None:
    own_client.create(type, large(BIG))

    assert len(own_client.job(type).variables) > BIG - 10


def test_variables_over_the_limit_are_refused_with_the_limit(own_client: Client, type: str) -> None:
    with refused(StatusCode.RESOURCE_EXHAUSTED) as refusal:
        own_client.create(type, large(BIG + 1))
    assert "4,000,000" in refusal.text


def test_a_request_over_the_limit_is_refused(own_client: Client, type: str) -> None:
    with refused(StatusCode.RESOURCE_EXHAUSTED) as refusal:
        own_client.create(type, large(BIG * 2))
    assert "larger than max" in refusal.text


def test_jobs_that_do_not_fit_into_one_message_come_in_several(own_client: Client, type: str) -> None:
    for _ in range(3):
        own_client.create(type, large(2_000_000))

    assert len({found.key for found in own_client.jobs(type, 3)}) == 3


def test_a_job_that_fits_into_no_message_has_an_incident(own_client: Client, type: str) -> None:
    key = own_client.create(type, large(3_000_000)).processInstanceKey
    more = large(3_000_000).replace("text", "more")
    own_client.call("SetVariables", pb.SetVariablesRequest(elementInstanceKey=key, variables=more))

    assert own_client.activate(type, wait=500) == []

    own_client.cancel(key)


# --- results of instances that were started before -------------------------------------------------


def await_result(client: Client, request: Any) -> Any:
    call = client.channel.unary_unary("/procession.Instances/AwaitResult")
    return json.loads(call(json.dumps(request).encode(), timeout=SECONDS))


def test_the_result_of_an_instance_that_was_started_before(own_client: Client, type: str) -> None:
    key = own_client.create(type, {"a": 1}).processInstanceKey
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(await_result, own_client, {"key": key, "timeout": 30_000})
        own_client.complete(own_client.job(type), {"b": 2})

        assert result.result() == {"a": 1, "b": 2}
    assert await_result(own_client, {"key": key, "timeout": 30_000}) == {"a": 1, "b": 2}


def test_results_that_do_not_come(own_client: Client, type: str) -> None:
    key = own_client.create(type).processInstanceKey
    with refused(StatusCode.DEADLINE_EXCEEDED):
        await_result(own_client, {"key": key, "timeout": 100})
    own_client.cancel(key)
    with refused(StatusCode.ABORTED):
        await_result(own_client, {"key": key, "timeout": 30_000})
    with refused(StatusCode.NOT_FOUND):
        await_result(own_client, {"key": 17, "timeout": 30_000})
    with refused(StatusCode.INVALID_ARGUMENT):
        await_result(own_client, {"instance": key})


# --- streams --------------------------------------------------------------------------------------


def test_a_stream_gets_the_jobs_that_were_there_before_it(own_client: Client, type: str) -> None:
    created = {own_client.create(type).processInstanceKey for _ in range(3)}

    stream = own_client.stream(type)

    assert {next(stream).processInstanceKey for _ in range(3)} == created
    stream.cancel()


def test_a_client_that_does_not_read_is_given_little(own_client: Client, type: str) -> None:
    for _ in range(300):
        own_client.create(type, {"text": "x" * 20_000})
    idle = own_client.stream(type, timeout=600_000)
    next(idle)

    others = own_client.jobs(type, 100)

    assert len(others) == 100
    idle.cancel()
    assert len(own_client.jobs(type, 150)) == 150  # what it had not taken is given back at once


# --- its life -------------------------------------------------------------------------------------


def test_it_says_what_listens_where(fresh: str) -> None:
    with serving(fresh) as served:
        assert served.said["database"] == fresh
        assert served.said["version"]
        assert served.said["grpc"]["tls"] is False
        assert served.address.startswith("127.0.0.1:")
        assert served.stop() == (0, "")


def test_stopping_ends_what_waits(fresh: str) -> None:
    with serving(fresh) as served, ThreadPoolExecutor(3) as threads:
        for client in channels(served.address):
            client.deploy(WORK)
            stream = client.stream("work")
            client.create("order")
            next(stream)
            poll = threads.submit(client.activate, "other", wait=60_000)
            result = threads.submit(client.result, "order", requestTimeout=60_000)
            next(stream)  # so that instance has begun, and is waited for

            code, said = served.stop()

            assert (code, said) == (0, "")
            assert poll.result() == []
            with refused(StatusCode.UNAVAILABLE):
                result.result()
            with refused(StatusCode.UNAVAILABLE):
                next(stream)


def test_a_kill_loses_nothing_that_was_answered(fresh: str) -> None:
    with serving(fresh) as served:
        for client in channels(served.address):
            client.deploy(WORK)
            created = {client.create("order").processInstanceKey for _ in range(20)}
            done = client.job("work")
            client.complete(done)
        served.stop(signal.SIGKILL)

    with serving(fresh, address=served.address) as again:
        for client in channels(again.address):
            left = {found.processInstanceKey for found in client.jobs("work", 19)}
            with refused(StatusCode.NOT_FOUND):
                client.complete(done)
    assert left == created - {done.processInstanceKey}


def test_a_port_that_is_taken_is_named(own_server: Served, fresh: str) -> None:
    with pytest.raises(AssertionError, match=own_server.address):
        Served(fresh, address=own_server.address)


# --- TLS ------------------------------------------------------------------------------------------


def test_tls(fresh: str, authority: trustme.CA, certificate: tuple[str, str]) -> None:
    with serving(fresh, *certificate) as served:
        assert served.said["grpc"]["tls"] is True
        trusted = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        address = served.address.replace("127.0.0.1", "localhost")
        with grpc.secure_channel(address, trusted) as channel:
            assert Client(channel).call("Topology", pb.TopologyRequest()).clusterSize == 1
        with grpc.insecure_channel(served.address) as channel, refused(StatusCode.UNAVAILABLE):
            Client(channel).call("Topology", pb.TopologyRequest())


def test_tls_needs_both_files(fresh: str, certificate: tuple[str, str]) -> None:
    with pytest.raises(AssertionError, match="both"):
        Served(fresh, certificate[0])


# --- several processes ----------------------------------------------------------------------------


def test_several_processes_share_a_port_and_the_work(fresh: str) -> None:
    with serving(fresh, "--processes=2") as served:
        pids = served.said["processes"]
        assert len(set(pids)) == 2
        for client in channels(served.address):
            client.deploy(WORK)
        keys: set[int] = set()
        for _ in range(8):  # each channel reaches one of them
            for client in channels(served.address):
                keys.add(client.create("order").processInstanceKey)
                client.complete(client.job("work"))
        assert len(keys) == 8
        assert served.stop()[0] == 0
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


def test_a_process_that_dies_is_replaced(fresh: str) -> None:
    with serving(fresh, "--processes=2") as served:
        os.kill(served.said["processes"][0], signal.SIGKILL)
        while "in place of one" not in served.next_line():
            pass
        for _ in range(8):
            for client in channels(served.address):
                assert client.call("Topology", pb.TopologyRequest()).clusterSize == 1


def test_the_processes_end_with_their_parent(fresh: str) -> None:
    with serving(fresh, "--processes=2") as served:
        served.process.kill()
        out, _ = served.process.communicate(timeout=SECONDS)  # its output ends when nobody holds it
        assert out is not None


def test_processes_without_grpc_are_refused(fresh: str) -> None:
    import subprocess

    command = [*COMMAND, "up", "--db", fresh, "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, "--grpc" in done.stderr) == (2, True)
