"""Scenarios by subject, written from the specification of the engine."""
