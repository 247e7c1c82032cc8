"""What every adapter of a port has to keep to."""
