"""Group commit: creates that arrive together share one transaction; a bad one is taken out and answered alone (D7)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from fhirserver import store
from fhirserver.accesslog import AccessLog, Entry
from fhirserver.flights import Flights
from fhirserver.integrity import Integrity
from fhirserver.problems import Conflict, Invalid
from fhirserver.store import Row
from fhirserver.writing import Writer
from kit.db import Database
from kit.problems import Unavailable

_LATE = timedelta(seconds=0.5)  # half of what an export waits (operations/settling.py)


@dataclass(slots=True, eq=False)
class _Wish:
    row: Row
    entry: Entry
    answer: "asyncio.Future[int]"


class Creator:
    """Stores new resources (ids given just now) durably; answers with the outbox position after the commit."""

    def __init__(
        self, db: Database, writer: Writer, log: AccessLog, wake: Callable[[], None], integrity: Integrity | None = None
    ) -> None:
        self._integrity = integrity
        self._db = db
        self._writer = writer
        self._log = log
        self._wake = wake
        self._flights = Flights(self._together)

    async def create(self, row: Row, entry: Entry) -> int:
        """Raises Conflict when the key is taken, Dangling when it points at what is not here, Unavailable when the database
        is away."""
        wish = _Wish(row, entry, asyncio.get_running_loop().create_future())
        self._flights.add(wish)
        return await wish.answer

    async def _together(self, wishes: list[_Wish]) -> None:
        try:
            position = await self._commit(wishes)
        except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError):
            for wish in wishes:
                _fail(wish, _away())
        except Exception as error:  # noqa: BLE001 — whatever it was, it is one row's, and nobody may wait for ever
            if len(wishes) > 1:
                for wish in wishes:
                    await self._together([wish])
                return
            _fail(wishes[0], _reason(error))
        else:
            for wish in wishes:
                if not wish.answer.done():
                    wish.answer.set_result(position)

    async def _commit(self, wishes: list[_Wish]) -> int:
        rows = [wish.row for wish in wishes]
        await self._writer.settle()
        async with self._db.pool.acquire() as connection:
            async with connection.transaction():
                self._give_time(rows)
                await self._writer.settle(rows)
                await store.insert(connection, rows)
                await self._writer.mark(connection, rows)
                if self._integrity is not None:
                    await self._integrity.all_here(connection, ((row.type_name, row.body) for row in rows))
                # What is committed together is told together: one event per patient, in the order of arrival.
                position = await self._writer.tell(connection, rows, [], rows[-1].upd)
                await self._log.append(connection, [wish.entry for wish in wishes])
            self._log.settled(connection)
        self._wake()
        return position

    def _give_time(self, rows: list[Row]) -> None:
        """What waited long for its transaction gets its time anew: an export trusts that none is much older than that."""
        now = datetime.now(UTC)
        for row in rows:
            if now - row.upd > _LATE:
                self._writer.restamp(row, now)


def _reason(error: Exception) -> Exception:
    """What the one whose row it was is told: a Problem as it is; what the database would not take, as a refusal."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Conflict("This id is taken")
    if isinstance(error, asyncpg.DataError):
        return Invalid("The resource holds something that cannot be stored")
    return _away() if isinstance(error, asyncpg.PostgresError) else error


def _away() -> Unavailable:
    return Unavailable("The record cannot be written just now; nothing was stored, try again")


def _fail(wish: _Wish, error: Exception) -> None:
    if not wish.answer.done():
        wish.answer.set_exception(error)
        wish.answer.exception()
