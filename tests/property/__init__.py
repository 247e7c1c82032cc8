"""Properties of the engine on random processes, schedules and restarts."""
