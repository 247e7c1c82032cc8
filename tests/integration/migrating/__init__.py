"""Migrations beside workers that complete and processes that are killed."""
