"""Transports by URL."""

from __future__ import annotations

import importlib.util
from datetime import timedelta

from procession.errors import InvalidInput
from procession.messaging.addresses import shown
from procession.messaging.port import Transport


def connect(url: str, *, lease: timedelta | None = None) -> Transport:
    """A transport; `async with connect(url) as transport:` closes it. Nothing is connected to yet.

    - `amqp://user:password@host:5672/vhost`, `amqps://...`: RabbitMQ;
    - `sqlite:///queues.db`, `postgresql://user:password@host/database`,
      `mariadb://user:password@host/database`: queues in tables of a database.

    Args:
        url: where the queues are.
        lease: of database queues: how long a message stays with a consumer that died (30 seconds unless
            given). RabbitMQ delivers again at once.

    Raises:
        InvalidInput: the URL means no transport, or what it needs is not installed.
    """
    if url.startswith(("amqp://", "amqps://")):
        if importlib.util.find_spec("aio_pika") is None:
            raise InvalidInput(f'{shown(url)}: RabbitMQ needs aio-pika: pip install "procession[rabbitmq]"')
        from procession.messaging.rabbitmq import RabbitMQTransport

        return RabbitMQTransport(url)
    from procession.messaging.database import DatabaseTransport
    from procession.messaging.database.engines import engine_of
    from procession.messaging.database.transport import LEASE

    return DatabaseTransport(engine_of(url), lease=lease or LEASE)
