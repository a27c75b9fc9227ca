"""A worker of which one works per database: the others stand by, and it looks when woken, else less and less often."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg

from kit.db import Database

POLL = 0.02  # seconds between two looks after work was found
PACE = 0.02  # seconds from one round to the next: what comes meanwhile goes together, and its statements cost the same
_MANY = 50  # after a round with so many the next begins at once
_STAND_BY = 1.0  # seconds between two tries to become the one that works


class Turns:
    """Calls `once` while it finds work; `lock` is an advisory lock of this database, `slowest` the longest pause (seconds)."""

    def __init__(
        self, db: Database, lock: int, once: Callable[[asyncpg.Connection], Awaitable[int]], *, slowest: float
    ) -> None:
        self._db = db
        self._lock = lock
        self._once = once
        self._slowest = slowest
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was committed in this process: look now instead of after the pause."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled; raises what `once` and the database raise (the supervisor starts it again)."""
        connection = await self._db.connect()
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", self._lock):  # noqa: ASYNC110
                await asyncio.sleep(_STAND_BY)
            await self._work(connection)
        finally:
            connection.terminate()  # and with it the lock; a polite close may hang on a dead server

    async def _work(self, connection: asyncpg.Connection) -> None:
        pause = POLL
        while True:
            self._woken.clear()
            began = time.monotonic()
            if found := await self._once(connection):
                pause = POLL
                if found < _MANY:
                    await asyncio.sleep(began + PACE - time.monotonic())
                continue
            try:
                await asyncio.wait_for(self._woken.wait(), pause)
                pause = POLL
            except TimeoutError:
                pause = min(pause * 1.5, self._slowest)
