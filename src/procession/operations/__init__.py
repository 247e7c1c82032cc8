"""What keeps a running system in order: alerts, and commands with their locks."""
