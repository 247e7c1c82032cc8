"""RabbitMQ: durable quorum queues, publisher confirms, manual acknowledgement."""

from procession.messaging.rabbitmq.transport import RabbitMQTransport

__all__ = ["RabbitMQTransport"]
