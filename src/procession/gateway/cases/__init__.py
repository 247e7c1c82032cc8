"""Business cases over HTTP."""
