"""Fixtures of all tests: everything comes from `procession.testing`, whose plugin is installed with us."""
