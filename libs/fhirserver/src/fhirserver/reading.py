"""Coalesced reads: requests that arrive together share one select and one log commit (D7)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import asyncpg
import structlog

from access import Decision, Sight
from fhirserver.accesslog import AccessLog, Entry
from fhirserver.flights import Flights
from fhirserver.law import SAID, Law, when
from kit.caller import Caller
from kit.db import Connection, Database
from kit.problems import Unavailable
from kit.telemetry import current_traceparent

_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)
log = structlog.get_logger(__name__)

# With what the law must know of the patient: the version of their facts, and whether the reader's unit has a relation.
# One row per wish (n), since the same resource may be read by two units at once.
_SELECT = """
select r.key, r.rtype, r.id, r.ver, r.upd, r.pat, r.lab, r.body, w.n, r.dt, r.dte, f.version, exists (
    select 1 from access_relation a where a.pat = r.pat and a.unit = w.unit and a.since <= now() and now() < a.until
       and (a.employee is null or a.employee = w.employee))
from unnest($1::bigint[], $2::text[], $3::text[]) with ordinality as w(key, unit, employee, n)
join res r on r.key = w.key left join access_fact f on f.pat = r.pat and r.pat <> 0"""


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


class Missing(Enum):
    """Nothing current stands under this id (it may have been deleted)."""

    MISSING = "missing"


Absent = Missing | Decision  # why a read has nothing to show: a decision other than PERMIT withholds what is there


@dataclass(frozen=True, slots=True)
class _Withheld:
    decision: Decision
    pat: int


@dataclass(slots=True, eq=False)
class _Wish:
    key: int
    rtype: int
    id: str
    caller: Caller
    sight: Sight
    trace: str | None
    answer: "asyncio.Future[Found | Missing | _Withheld]"


class Reader:
    """Answers reads by key, decided and logged. One per process; its connections are its own."""

    def __init__(self, db: Database, log: AccessLog, law: Law, *, logged: bool = True) -> None:
        self._law = law
        self._db = db
        self._log = log
        self._logged = logged
        self._flights = Flights(self._together)

    async def read(self, key: int, rtype: int, id: str, caller: Caller, sight: Sight) -> Found | Absent:
        """The resource if it is there and may be seen, else why not; either way the log row is committed.

        Raises Unavailable when the database or the log cannot be reached.
        """
        found = await self._once(key, rtype, id, caller, sight)
        # A copy of the facts asks once before it says no, so that an opening just given works at once (D9).
        opens = (
            isinstance(found, _Withheld) and found.decision not in SAID and await self._law.asked(sight, [found.pat])
        )
        if opens:
            found = await self._once(key, rtype, id, caller, sight)
        return found.decision if isinstance(found, _Withheld) else found

    async def _once(self, key: int, rtype: int, id: str, caller: Caller, sight: Sight) -> Found | Missing | _Withheld:
        future = asyncio.get_running_loop().create_future()
        wish = _Wish(key, rtype, id, caller, sight, current_traceparent(), future)
        self._flights.add(wish)
        return await wish.answer

    async def _together(self, wishes: list[_Wish]) -> None:
        try:
            async with self._db.pool.acquire() as connection:
                await self._answer(connection, wishes)
        except Exception as error:  # whatever it was, nobody may wait for ever
            if not isinstance(error, _AWAY):
                log.error("reads failed", exc_info=error)
            _fail(wishes)

    async def _answer(self, connection: Connection, wishes: list[_Wish]) -> None:
        actors = [wish.sight.actor for wish in wishes]
        rows = await connection.fetch(
            _SELECT, [wish.key for wish in wishes], [one.unit for one in actors], [one.subject for one in actors]
        )
        await self._law.remember(connection, [(row[5], row[11] or 0) for row in rows])
        by_place = {row[8]: row for row in rows}
        answers: list[Found | Missing | _Withheld] = []
        entries: list[Entry] = []
        for place, wish in enumerate(wishes, 1):
            row = by_place.get(place)
            if row is None or row[1] != wish.rtype or row[2] != wish.id:
                answers.append(Missing.MISSING)
                continue
            decision = self._decided(wish.sight, row)
            seen = decision is Decision.PERMIT
            answers.append(Found(*row[:8]) if seen else _Withheld(decision, row[5]))
            if row[5]:  # about a patient
                about = ((row[5], row[1], row[6]),)
                entries.append(Entry(wish.caller, "read", about, int(seen), int(not seen), wish.trace))
        if self._logged:
            await self._log.append(connection, entries)
        for wish, answer in zip(wishes, answers, strict=True):
            if not wish.answer.done():
                wish.answer.set_result(answer)

    def _decided(self, sight: Sight, row: Any) -> Decision:
        if sight.depends and row[5]:
            sight.known[row[5]] = self._law.known(row[5], row[11] or 0, row[12])
        return sight.decision(row[6], row[5], when(row[9], row[10]))


def _fail(wishes: list[_Wish]) -> None:
    for wish in wishes:
        if not wish.answer.done():
            wish.answer.set_exception(Unavailable("The record cannot be read and logged just now; try again"))
            wish.answer.exception()  # a caller that went away must not make a warning of it
