"""Processes killed at random while a story runs, and a checker that knows the story from its drawing."""
