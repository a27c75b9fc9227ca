"""Log rows that are written at the same time share one commit (D7): searches and operations wait for it, then answer."""

import asyncio
from collections import deque
from dataclasses import dataclass

import asyncpg
import structlog

from fhirserver.accesslog import AccessLog, Entry
from kit.db import Database
from kit.problems import Unavailable

_BATCH = 64
_IN_FLIGHT = 2
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Wish:
    entry: Entry
    done: "asyncio.Future[None]"


class LogTogether:
    """`write` returns when the row is committed. One per process; its connections are the pool's."""

    def __init__(self, db: Database, log: AccessLog) -> None:
        self._db = db
        self._log = log
        self._waiting: deque[_Wish] = deque()
        self._flying = 0

    async def write(self, entry: Entry) -> None:
        """Raises Unavailable when the row cannot be committed: then nothing may be answered."""
        loop = asyncio.get_running_loop()
        wish = _Wish(entry, loop.create_future())
        self._waiting.append(wish)
        if self._flying < _IN_FLIGHT:
            self._flying += 1
            self._task = loop.create_task(self._fly())
        await wish.done

    async def _fly(self) -> None:
        try:
            while self._waiting:
                wishes = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                try:
                    async with self._db.pool.acquire() as connection:
                        await self._log.append(connection, [wish.entry for wish in wishes])
                except Exception as error:  # whatever it was, nobody may wait for ever
                    if not isinstance(error, _AWAY):
                        log.error("log rows not written", exc_info=error)
                    _fail(wishes)
                else:
                    for wish in wishes:
                        if not wish.done.done():
                            wish.done.set_result(None)
        finally:
            self._flying -= 1


def _fail(wishes: list[_Wish]) -> None:
    for wish in wishes:
        if not wish.done.done():
            wish.done.set_exception(
                Unavailable("The search cannot be logged just now, so it is not answered; try again")
            )
            wish.done.exception()  # a caller that went away must not make a warning of it
