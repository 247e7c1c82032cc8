"""Servers of the Zeebe protocol under load, each in a process of its own."""
