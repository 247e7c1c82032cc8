"""Messages between services: sent with the sender's data, applied once with the receiver's.

Importing it loads neither a driver nor the RabbitMQ client; `connect` loads what its URL needs.
"""

from procession.messaging.consumer import Consumer, Rejected
from procession.messaging.inbox import Inbox
from procession.messaging.message import Message
from procession.messaging.outbox import Outbox
from procession.messaging.port import Addressed, DeadLetter, Delivery, Receiver, Transport
from procession.messaging.relay import Relay
from procession.messaging.tables import acreate_tables, create_tables, metadata, queue_metadata
from procession.messaging.urls import connect

__all__ = [
    "Addressed",
    "Consumer",
    "DeadLetter",
    "Delivery",
    "Inbox",
    "Message",
    "Outbox",
    "Receiver",
    "Rejected",
    "Relay",
    "Transport",
    "acreate_tables",
    "connect",
    "create_tables",
    "metadata",
    "queue_metadata",
]
