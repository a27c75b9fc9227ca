"""Lines of an import become versions: checked here, stored a thousand at a time, a batch that fails halved to its bad line."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec

from access import allows
from fhircore.outcome import InvalidFHIR, Issue, operation_outcome
from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.bodies import plain
from fhirserver.engine import Engine
from fhirserver.intake import ID, draft, label_of
from fhirserver.messages import Request
from fhirserver.operations.jobs import Run
from fhirserver.problems import Conflict, Forbidden, Invalid, NotAllowed
from fhirserver.wishes import Put, Written
from kit.db import Connection
from kit.problems import Problem

_BREATH = 50
_TRIES = 5
_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, Conflict)


class Place(msgspec.Struct):
    """How far an import has come: its last line, the hash of everything up to it, and what became of the lines."""

    line: int = 0
    digest: str = ""
    stored: dict[str, int] = {}
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the body, counted from 1."""

    number: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Wish:
    """A line that was understood."""

    number: int
    put: Put


_place = msgspec.json.Decoder(Place).decode


class Importing:
    """One request's import. `put` returns when the batch before is stored; `wait` when all are."""

    def __init__(self, engine: Engine, request: Request, run: Run) -> None:
        self._engine, self._request, self._run = engine, request, run
        self.place = _place(run.job.place) if run.job.place else Place()
        self._storing: asyncio.Task[None] | None = None

    def words(self) -> str:
        return f"{self.place.line} lines, {sum(self.place.stored.values())} stored, {self.place.failed} refused"

    async def put(self, lines: list[Line], digest: str) -> None:
        """Checks these lines, then stores them beside the caller. Raises Lost and what the database raises."""
        if not lines:
            return
        wishes, refused = await self._checked(lines)
        await self.wait()
        self._storing = asyncio.create_task(self._store(wishes, refused, lines[-1].number, digest))

    async def wait(self) -> None:
        storing, self._storing = self._storing, None
        if storing is not None:
            await storing

    async def _checked(self, lines: list[Line]) -> tuple[list[Wish], list[bytes]]:
        wishes: list[Wish] = []
        refused: list[bytes] = []
        for place, line in enumerate(lines):
            if place % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            if not line.raw.strip():
                continue
            try:
                wishes.append(Wish(line.number, await self._wish(line.raw)))
            except Problem as problem:
                refused.append(_refusal(line.number, problem))
            except InvalidFHIR as error:
                refused.append(_refusal(line.number, Invalid.of(error)))
        return wishes, refused

    async def _wish(self, raw: bytes) -> Put:
        engine, scopes = self._engine, self._request.caller.scopes
        found = draft(raw)
        name, id = found.type_name, found.data.get("id")
        if not isinstance(id, str) or not ID.fullmatch(id):
            raise Invalid("A line of an import is a resource with an id of 1 to 64 of A-Z a-z 0-9 - .", at=f"{name}.id")
        if not engine.mount.writable(name):
            raise NotAllowed(f"{name} is not written here. {engine.mount.elsewhere}", at=name)
        if not (allows(scopes, name, "c") and allows(scopes, name, "u")):
            raise Forbidden(f"The token's scopes do not allow this for {name}", at="scope")
        label = await engine.labels.number(engine.db.pool, label_of(self._request.caller, found.data))
        # The entries are made while the resource is still in the processor's cache, and its data need not be kept.
        entries = engine.indexer.entries(name, id, found.data)
        return Put(name, id, found.raw, {}, label, entries=entries)

    async def _store(self, wishes: list[Wish], refused: list[bytes], line: int, digest: str) -> None:
        """All of them and the place they reach in one transaction; where that cannot be, in as few as it takes."""
        groups = _each_once(wishes)
        if len(groups) == 1:
            counted = Counter(self.place.stored) + Counter(wish.put.type_name for wish in wishes)
            place = Place(line, digest, dict(counted), self.place.failed + len(refused))
            with suppress(Problem, InvalidFHIR, asyncpg.DataError, *_AGAIN):
                await self._commit(groups[0], place, refused)
                self.place = place
                return
        counted = Counter(self.place.stored)
        for group in groups:
            refused += await self._group(group, counted)
        place = Place(line, digest, dict(counted), self.place.failed + len(refused))
        async with self._run.pool.acquire() as connection, connection.transaction():
            await self._note(connection, place, refused)
        self.place = place

    async def _note(self, connection: Connection, place: Place, refused: list[bytes]) -> None:
        """Where the import stands, and what was refused on the way. Raises Lost."""
        if refused:
            await connection.execute(
                "insert into job_part(job, n, kind, rtype, counts, body) values ($1, $2, 'error', 0, $3, $4)",
                self._run.job.id, place.line, [len(refused)], self._engine.codec.pack(b"".join(refused)),
            )  # fmt: skip
        await self._run.tell(f"{place.line} lines", place=msgspec.json.encode(place), on=connection)

    async def _group(self, wishes: list[Wish], counted: Counter[str]) -> list[bytes]:
        """Stores these in one transaction, or the halves of them; returns the refusals."""
        for attempt in range(_TRIES):
            try:
                written = await self._commit(wishes)
            except _AGAIN as error:
                if attempt == _TRIES - 1 and len(wishes) == 1:
                    return [_refusal(wishes[0].number, error if isinstance(error, Problem) else Conflict())]
                await asyncio.sleep(0.01 * 2**attempt)
            except (Problem, InvalidFHIR, asyncpg.DataError) as error:
                if len(wishes) == 1:
                    return [_refusal(wishes[0].number, _as_problem(error))]
                break
            else:
                counted.update(one.type_name for one in written)
                return []
        middle = len(wishes) // 2
        return await self._group(wishes[:middle], counted) + await self._group(wishes[middle:], counted)

    async def _commit(
        self, wishes: list[Wish], place: Place | None = None, refused: list[bytes] | None = None
    ) -> list[Written]:
        engine, caller = self._engine, self._request.caller
        async with engine.db.pool.acquire() as connection:
            async with connection.transaction():
                await self._run.hold(connection)
                puts = [wish.put for wish in wishes]
                old = await engine.guards.standing(connection, puts)
                result = await engine.writer.apply(connection, puts, await engine.sight(caller))
                await engine.guards.check(connection, puts, old, result.written)
                about = {(one.pat, TYPES[one.type_name].number, one.lab) for one in result.written if one.pat}
                await engine.log.append(connection, [Entry(caller, "import", sorted(about), len(wishes))])
                if place is not None:
                    await self._note(connection, place, refused or [])
            engine.log.settled(connection)
        engine.wake()
        return result.written


def _each_once(wishes: list[Wish]) -> list[list[Wish]]:
    """Cut so that no resource stands twice in a group: the later line is a later version."""
    groups: list[list[Wish]] = [[]]
    seen: set[tuple[str, str]] = set()
    for wish in wishes:
        name = wish.put.type_name, wish.put.id
        if name in seen:
            groups.append([])
            seen.clear()
        seen.add(name)
        groups[-1].append(wish)
    return [group for group in groups if group]


def _as_problem(error: Any) -> Problem:
    if isinstance(error, InvalidFHIR):
        return Invalid.of(error)
    return error if isinstance(error, Problem) else Invalid("The resource holds something that cannot be stored")


def _refusal(number: int, problem: Problem) -> bytes:
    """One line of the error file: which line it was, and why."""
    issues = [Issue(i.code, f"Line {number}: {i.detail}", i.at, i.severity) for i in problem.issues]
    return plain(operation_outcome(issues)) + b"\n"
