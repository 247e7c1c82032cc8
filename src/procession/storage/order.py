"""What no transaction may do any more once it has handed jobs out (ADR 9).

Whoever waits for a job row then waits for somebody who waits for nobody: that is why nodes do not
wait for each other in a circle. Here it is enforced, on every database, so that a change of the
broker that breaks it fails in any test and not in a deadlock under load.
"""

from __future__ import annotations

from procession.engine import Reads
from procession.engine.tables import TABLES

LOCKING = {
    (name, index) for name, table in TABLES.items() for index, spec in table.indexes.items() if spec.locks
}
"""(table, index) of the look-ups that lock the value."""


class OutOfOrder(RuntimeError):
    """A fault of the program: a transaction that has handed jobs out wants something to be waited for."""


def refuse_waits(reads: Reads) -> None:
    """Check what is to be loaded after jobs were handed out.

    Raises:
        OutOfOrder: a job by its key, or a look-up that locks, is among it.
    """
    late = [f"{table} by {index}" for table, index in sorted(reads.finds.keys() & LOCKING)]
    if reads.keys.get("job"):
        late.append("job by key")
    if late:
        raise OutOfOrder(
            f"after jobs were handed out nothing may be waited for, but this was to be loaded: "
            f"{', '.join(late)}; load it before `activatable` is called"
        )
