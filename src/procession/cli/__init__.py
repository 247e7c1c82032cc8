"""The `procession` command. What it needs is imported when it runs."""


def main() -> None:
    """Run the command line of this process, and end it with the command's exit code."""
    from procession.cli.program import run

    run()
