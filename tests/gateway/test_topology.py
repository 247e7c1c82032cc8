"""Topology, and the standard health service."""

from __future__ import annotations

import pytest
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pyzeebe.proto import gateway_pb2 as pb

from tests.gateway.clients import SECONDS, Client, refused


def test_the_topology_is_one_broker_that_leads_the_one_partition(client: Client) -> None:
    found = client.call("Topology", pb.TopologyRequest())

    assert (found.clusterSize, found.partitionsCount, found.replicationFactor) == (1, 1, 1)
    assert found.gatewayVersion
    (broker,) = found.brokers
    assert broker.port > 0
    assert broker.version == found.gatewayVersion
    (partition,) = broker.partitions
    assert partition.partitionId == 1
    assert partition.role == pb.Partition.LEADER
    assert partition.health == pb.Partition.HEALTHY


@pytest.mark.parametrize("name", ["", "gateway_protocol.Gateway"])
def test_the_server_is_healthy(client: Client, name: str) -> None:
    stub = health_pb2_grpc.HealthStub(client.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=SECONDS)

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_the_health_of_an_unknown_service_is_not_found(client: Client) -> None:
    stub = health_pb2_grpc.HealthStub(client.channel)
    with refused(StatusCode.NOT_FOUND):
        stub.Check(health_pb2.HealthCheckRequest(service="unknown"), timeout=SECONDS)
