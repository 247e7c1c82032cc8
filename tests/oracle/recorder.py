"""What happens in a Zeebe: an HTTP server that its Elasticsearch exporter takes for Elasticsearch.

It answers whatever the exporter asks, keeps the records of its bulk requests and forgets the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

Record = dict[str, Any]

KINDS = (
    "incident",
    "job",
    "message",
    "process-instance",
    "process-message-subscription",
    "signal",
    "timer",
    "variable",
)
"""The kinds of records that are exported."""
_OTHER_KINDS = (
    "checkpoint",
    "command-distribution",
    "compensation-subscription",
    "decision",
    "decision-evaluation",
    "deployment",
    "deployment-distribution",
    "error",
    "escalation",
    "form",
    "job-batch",
    "message-batch",
    "message-correlation",
    "message-start-event-subscription",
    "message-subscription",
    "process",
    "process-event",
    "process-instance-batch",
    "process-instance-creation",
    "process-instance-migration",
    "process-instance-modification",
    "resource-deletion",
    "signal-subscription",
    "user-task",
    "variable-document",
)
BULK_SIZE = 10
"""So many records are sent together, as soon as there are so many."""
_EXPORTER = "ZEEBE_BROKER_EXPORTERS_RECORDER"


def settings(port: int) -> dict[str, str]:
    """What makes a broker export to a recorder on `port`, and take whatever load there is."""
    arguments = {
        "URL": f"http://127.0.0.1:{port}",
        "BULK_SIZE": str(BULK_SIZE),
        "BULK_DELAY": "1",  # a second: the least it can
        "RETENTION_ENABLED": "false",
        "INDEX_CREATETEMPLATE": "false",
        "INDEX_COMMAND": "false",
        "INDEX_REJECTION": "false",
        **{_setting(kind): "true" for kind in KINDS},
        **{_setting(kind): "false" for kind in _OTHER_KINDS},
    }
    return {
        f"{_EXPORTER}_CLASSNAME": "io.camunda.zeebe.exporter.ElasticsearchExporter",
        **{f"{_EXPORTER}_ARGS_{name}": value for name, value in arguments.items()},
        "ZEEBE_BROKER_BACKPRESSURE_ENABLED": "false",  # what is asked must not depend on how fast it is
        "ZEEBE_BROKER_FLOWCONTROL_REQUEST_ENABLED": "false",
        "ZEEBE_BROKER_GATEWAY_CLUSTER_REQUESTTIMEOUT": "60s",  # its first deployment takes its time
        "ZEEBE_BROKER_CLUSTER_RAFT_FLUSH_ENABLED": "false",
    }


def _setting(kind: str) -> str:
    return f"INDEX_{kind.replace('-', '').upper()}"


@contextlib.contextmanager
def recording(listener: Callable[[Record], None], port: int = 0) -> Iterator[int]:
    """Call `listener` with every record, in order, on a thread of its own. Gives the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="recorder", daemon=True)
    thread.start()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                await _exchange(reader, writer, listener)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def stop() -> None:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, "127.0.0.1", port), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: Callable[[Record], None]
) -> None:
    """One request and its answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = await _chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    if request.split()[1].startswith("/_bulk"):
        for record in records_in(body):
            listener(record)
    answer = b'{"acknowledged":true,"errors":false,"items":[]}'
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Elastic-Product: Elasticsearch\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer)
    )
    await writer.drain()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """A body sent in chunks, each after a line with its length."""
    body = b""
    while True:
        length = int(await reader.readuntil(b"\r\n"), 16)
        chunk = await reader.readexactly(length + 2)
        if length == 0:
            return body
        body += chunk[:length]


def records_in(bulk: bytes) -> list[Record]:
    """The records of a bulk request: every second line, the others say where they go."""
    return [json.loads(line) for line in bulk.splitlines()[1::2]]
