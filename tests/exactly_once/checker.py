"""What has to be true in the end, read from the service's own tables with plain SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set

import sqlalchemy as sa


def check(engine: sa.Engine, requests: Mapping[str, int], answers: Mapping[str, Set[str]]) -> list[str]:
    """Everything that is wrong."""
    with engine.connect() as connection:
        effects = connection.exec_driver_sql("SELECT request, amount FROM effect").all()
        balance = connection.exec_driver_sql("SELECT balance FROM account").scalar_one()
        known = {row[0] for row in connection.exec_driver_sql("SELECT message_id FROM procession_inbox")}
        waiting = connection.exec_driver_sql("SELECT count(*) FROM procession_outbox").scalar_one()
    applied = Counter(request for request, _ in effects)
    wrong = [f"the effect of {id} was applied {number} times" for id, number in applied.items() if number > 1]
    wrong += [f"the effect of {id} is missing" for id in requests.keys() - applied.keys()]
    wrong += [f"nobody asked for {id}" for id in applied.keys() - requests.keys()]
    wrong += [f"{id} has another amount" for id, amount in effects if requests.get(id) != amount]
    if balance != sum(requests.values()):
        wrong.append(f"the balance is {balance} instead of {sum(requests.values())}")
    if known != set(requests):
        wrong.append("the inbox knows other messages than were sent")
    if waiting:
        wrong.append(f"{waiting} answers are still in the outbox")
    wrong += [f"no answer to {id} arrived" for id in requests if not answers.get(id)]
    wrong += [f"{id} has answers with different ids" for id, ids in answers.items() if len(ids) > 1]
    return wrong
