"""The limit: a server on grpcio that does nothing but answer, with the calls a process needs.

It keeps no state on disk, evaluates nothing and knows no process but the benchmarks' (the number of
tasks is the number at the end of the process id). No gateway on grpcio in Python can be faster.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import uvloop
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto import gateway_pb2_grpc as stubs

from benchmarks.measure import START_VARIABLES

KEYS_PER_INSTANCE = 64
VARIABLES = str(START_VARIABLES).replace("'", '"')


class Echo(stubs.GatewayServicer):
    """Answers; a job's key is its instance's key and the number of its task."""

    def __init__(self) -> None:
        self._keys = itertools.count(KEYS_PER_INSTANCE, KEYS_PER_INSTANCE)
        self._jobs: asyncio.Queue[Any] = asyncio.Queue()
        self._processes: dict[int, str] = {}
        """Of each running instance."""

    async def Topology(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.TopologyResponse(clusterSize=1)

    async def DeployResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.DeployResourceResponse(key=1)

    async def CreateProcessInstance(self, request: Any, context: Any) -> Any:  # noqa: N802
        key = next(self._keys)
        self._processes[key] = request.bpmnProcessId
        self._offer(key, 1)
        return pb.CreateProcessInstanceResponse(
            processDefinitionKey=1, bpmnProcessId=request.bpmnProcessId, version=1, processInstanceKey=key
        )

    async def CompleteJob(self, request: Any, context: Any) -> Any:  # noqa: N802
        number = request.jobKey % KEYS_PER_INSTANCE
        key = request.jobKey - number
        if number < int(self._processes[key].rpartition("-")[2]):
            self._offer(key, number + 1)
        else:
            del self._processes[key]
        return pb.CompleteJobResponse()

    async def ActivateJobs(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """Nothing: every job is pushed."""
        for _ in ():
            yield

    async def StreamActivatedJobs(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        while True:
            yield await self._jobs.get()

    def _offer(self, key: int, number: int) -> None:
        job = pb.ActivatedJob(
            key=key + number,
            type="bench_step",
            processInstanceKey=key,
            bpmnProcessId=self._processes[key],
            elementId=f"task_{number}",
            customHeaders="{}",
            retries=3,
            variables=VARIABLES,
        )
        self._jobs.put_nowait(job)


async def serve(port: int) -> None:
    server = grpc.aio.server()
    stubs.add_GatewayServicer_to_server(Echo(), server)  # type: ignore[abstract]  # the rest is not called
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway.echo")
    parser.add_argument("port", type=int)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
