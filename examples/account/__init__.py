"""A business case with two services of its own, over RabbitMQ or queues in the database."""
