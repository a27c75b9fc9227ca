"""Coalesced reads: requests that arrive together share one select and one log commit (D7)."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import asyncpg
import structlog

from access import Sight
from fhirserver.accesslog import AccessLog, Entry
from kit.caller import Caller
from kit.db import Connection, Database
from kit.problems import Unavailable
from kit.telemetry import current_traceparent

_BATCH = 64
_IN_FLIGHT = 2
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)
log = structlog.get_logger(__name__)

_SELECT = "select key, rtype, id, ver, upd, pat, lab, body from res where key = any($1::bigint[])"


@dataclass(frozen=True, slots=True)
class Found:
    """A current resource as it rests; `body` is packed."""

    key: int
    rtype: int
    id: str
    ver: int
    upd: datetime
    pat: int
    lab: int
    body: bytes


class Absent(Enum):
    """Why a read has nothing to show: the caller is told the same in both cases."""

    MISSING = "missing"  # nothing current stands under this id (it may have been deleted)
    WITHHELD = "withheld"  # it is there, and not for this caller


@dataclass(slots=True, eq=False)
class _Wish:
    key: int
    rtype: int
    id: str
    caller: Caller
    sight: Sight
    trace: str | None
    answer: "asyncio.Future[Found | Absent]"


class Reader:
    """Answers reads by key, decided and logged. One per process; its connections are its own."""

    def __init__(self, db: Database, log: AccessLog, *, logged: bool = True) -> None:
        self._db = db
        self._log = log
        self._logged = logged
        self._waiting: deque[_Wish] = deque()
        self._flying = 0

    async def read(self, key: int, rtype: int, id: str, caller: Caller, sight: Sight) -> Found | Absent:
        """The resource if it is there and may be seen, else why not; either way the log row is committed.

        Raises Unavailable when the database or the log cannot be reached.
        """
        loop = asyncio.get_running_loop()
        wish = _Wish(key, rtype, id, caller, sight, current_traceparent(), loop.create_future())
        self._waiting.append(wish)
        if self._flying < _IN_FLIGHT:
            self._flying += 1
            self._task = loop.create_task(self._fly())
        return await wish.answer

    async def _fly(self) -> None:
        try:
            while self._waiting:
                wishes = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                try:
                    async with self._db.pool.acquire() as connection:
                        await self._answer(connection, wishes)
                except Exception as error:  # whatever it was, nobody may wait for ever
                    if not isinstance(error, _AWAY):
                        log.error("reads failed", exc_info=error)
                    _fail(wishes)
        finally:
            self._flying -= 1

    async def _answer(self, connection: Connection, wishes: list[_Wish]) -> None:
        rows = await connection.fetch(_SELECT, [wish.key for wish in wishes])
        by_key = {row[0]: row for row in rows}
        answers: list[Found | Absent] = []
        entries: list[Entry] = []
        for wish in wishes:
            row = by_key.get(wish.key)
            if row is None or row[1] != wish.rtype or row[2] != wish.id:
                answers.append(Absent.MISSING)
                continue
            seen = wish.sight.sees(row[6], row[5])
            answers.append(Found(*row) if seen else Absent.WITHHELD)
            if row[5]:  # about a patient
                about = ((row[5], row[1], row[6]),)
                entries.append(Entry(wish.caller, "read", about, int(seen), int(not seen), wish.trace))
        if self._logged:
            await self._log.append(connection, entries)
        for wish, answer in zip(wishes, answers, strict=True):
            if not wish.answer.done():
                wish.answer.set_result(answer)


def _fail(wishes: list[_Wish]) -> None:
    for wish in wishes:
        if not wish.answer.done():
            wish.answer.set_exception(Unavailable("The record cannot be read and logged just now; try again"))
            wish.answer.exception()  # a caller that went away must not make a warning of it
