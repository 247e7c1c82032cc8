"""The example's services once more, as asynchronous code on the same tables."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from examples.account.service import Service
from procession.messaging import Consumer, Message, connect
from procession.process.cases import service_queue
from tests.forkserver import until_asked_to_end

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "mariadb": "mariadb+asyncmy",
}


async def run(service: Service, url: str, broker: str) -> None:
    """As the example's `run`."""
    parsed = sa.make_url(url)
    backend = parsed.get_backend_name()
    engine = create_async_engine(
        parsed.set(drivername=_DRIVERS[backend]), connect_args={"timeout": 30} if backend == "sqlite" else {}
    )

    async def handle(message: Message) -> None:
        assert message.reply_to is not None
        async with (
            AsyncSession(engine) as session,
            session.begin(),
            service.inbox.once(message.id, session) as first,
        ):
            if first:
                answer = await session.run_sync(service.apply, message)
                await service.outbox.send(session, message.reply_to, answer)

    async with (
        connect(broker) as transport,
        service.outbox.relay(engine, transport),
        Consumer(transport, service_queue(service.name), handle),
    ):
        await until_asked_to_end()
    await engine.dispose()
