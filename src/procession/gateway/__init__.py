"""Servers that speak the protocols of others."""
