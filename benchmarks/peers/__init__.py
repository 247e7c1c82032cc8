"""The systems Procession is measured against, each driven the way its own documentation does it."""
