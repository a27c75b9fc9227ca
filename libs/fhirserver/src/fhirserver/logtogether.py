"""Log rows that are written at the same time share one commit (D7): searches and operations wait for it, then answer."""

import asyncio
from dataclasses import dataclass

import asyncpg
import structlog

from fhirserver.accesslog import AccessLog, Entry
from fhirserver.flights import Flights
from kit.db import Database
from kit.problems import Unavailable

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
        self._flights = Flights(self._together, at_once=1)

    async def write(self, entry: Entry) -> None:
        """Raises Unavailable when the row cannot be committed: then nothing may be answered."""
        wish = _Wish(entry, asyncio.get_running_loop().create_future())
        self._flights.add(wish)
        await wish.done

    async def _together(self, wishes: list[_Wish]) -> None:
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


def _fail(wishes: list[_Wish]) -> None:
    for wish in wishes:
        if not wish.done.done():
            wish.done.set_exception(
                Unavailable("The search cannot be logged just now, so it is not answered; try again")
            )
            wish.done.exception()  # a caller that went away must not make a warning of it
