"""The moment an export is true of: everything written up to it is committed (architecture D6).

A version carries the time its writing began, so at any moment one with an earlier time may still be on its way. The moment of
the request is told only once all transactions that had begun by then have ended; when one of them does not end, the moment
goes back to before it began.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from kit.db import Pool

MARGIN = timedelta(
    seconds=1
)  # a version's time may be this much before its transaction begins, clocks included (creating.py)
OWN = "fvm job"  # our own long readings do not write
_PATIENCE = timedelta(seconds=10)
_OLDEST = f"""
select clock_timestamp(), min(xact_start) from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
  and application_name <> '{OWN}'"""


async def settled(pool: Pool, at: datetime) -> datetime:
    """`at`, or an earlier moment when somebody keeps a transaction open; waits for writers to end."""
    while True:
        row = await pool.fetchrow(_OLDEST)
        assert row is not None  # an aggregate has a row
        now, oldest = row
        if now > at + MARGIN and (oldest is None or oldest > at + MARGIN):
            return at
        if now > at + MARGIN + _PATIENCE:
            return min(at, datetime.fromtimestamp(oldest.timestamp(), UTC) - MARGIN)
        await asyncio.sleep(0.1)
