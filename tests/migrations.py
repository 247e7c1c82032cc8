"""Migrations that only tests know: what the next version of the tables would bring.

`python -m tests.migrations URL FOLDER` upgrades a database with the migrations of a folder.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import sqlalchemy as sa

from procession.storage import migrate, schema

CURRENT = schema.VERSION
NEXT = CURRENT + 1

_NEXT = """
import sys

import sqlalchemy as sa
from alembic import op

revision = "{next:04d}"
down_revision = "{current:04d}"


def upgrade():
    op.add_column("job", sa.Column("added", sa.BigInteger(), nullable=False, server_default="7"))
    if {waits}:
        print("halfway", flush=True)
        sys.stdin.readline()
    op.add_column("timer", sa.Column("added", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE schema_info SET version={next}, readable_since={readable_since}")
"""


def next_version(folder: Path, *, readable_since: int, waits: bool = False) -> Path:
    """A folder with the program's migrations and one more; `waits`: in the middle, for a line."""
    shutil.copytree(migrate.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = _NEXT.format(current=CURRENT, next=NEXT, readable_since=readable_since, waits=waits)
    (folder / "versions" / f"v{NEXT:04d}_next.py").write_text(text)
    return folder


def engine(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def upgrade(url: str, folder: Path) -> None:
    """Upgrade a database as a newer program would."""
    made = engine(url)
    try:
        migrate.upgrade(made, folder)
    finally:
        made.dispose()


if __name__ == "__main__":
    upgrade(sys.argv[1], Path(sys.argv[2]))
