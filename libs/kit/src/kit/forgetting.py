"""What was heard is remembered for a while, so that it is never taken twice, and then forgotten."""

import asyncio
from datetime import timedelta

from kit.db import Database

_KEPT = timedelta(days=60)  # longer than topics keep messages (14 days, deploy/kafka/topics.yaml)
_EVERY = 86_400.0  # seconds


async def prune(db: Database, older_than: timedelta) -> int:
    """Forgets events older than their topics keep them (they cannot come again). Returns how many."""
    outcome = await db.pool.execute("delete from inbox where at < now() - $1::interval", older_than)
    return int(outcome.rpartition(" ")[2])


async def forget(db: Database) -> None:
    """Once a day, until cancelled."""
    while True:
        await prune(db, _KEPT)
        await asyncio.sleep(_EVERY)
