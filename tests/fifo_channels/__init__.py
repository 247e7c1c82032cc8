"""Strict channels: no two processes at once, none out of order, whoever is killed or stopped."""
