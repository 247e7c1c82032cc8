"""What the cluster looks like to a client: one broker that leads the one partition."""

from __future__ import annotations

from typing import Any

from procession import __version__
from procession.client.remote.stubs import pb
from procession.gateway.grpc.calls import unary
from procession.gateway.grpc.core import Core


@unary("Topology", "TOPOLOGY", lambda r: "see the topology")
async def topology(core: Core, request: Any) -> pb.TopologyResponse:
    ready = core.node.health.readiness().ready
    partition = pb.Partition(
        partitionId=1,
        role=pb.Partition.LEADER,
        health=pb.Partition.HEALTHY if ready else pb.Partition.UNHEALTHY,
    )
    broker = pb.BrokerInfo(
        nodeId=0, host=core.host, port=core.port, partitions=[partition], version=__version__
    )
    return pb.TopologyResponse(
        brokers=[broker], clusterSize=1, partitionsCount=1, replicationFactor=1, gatewayVersion=__version__
    )
