"""`python -m procession.cli`, for where the command itself is not on the path."""

from procession.cli import main

main()
