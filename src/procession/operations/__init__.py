"""What keeps a running system in order: alerts."""
