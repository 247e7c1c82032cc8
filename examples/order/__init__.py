"""The main job: a thousand orders run through one process, from one command."""
