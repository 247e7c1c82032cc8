"""What all tables are declared with: one metadata, and types that mean the same on each database."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

# Texts compare by their bytes everywhere: cheaper than a language's order, and the same on each server.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# SQLite's own row number can only be an INTEGER.
ROW_KEY = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
