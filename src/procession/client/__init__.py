"""The Procession app, its handlers, and handles on what it started."""
