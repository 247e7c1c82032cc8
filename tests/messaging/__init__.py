"""Messages between services, on the real brokers and databases."""
