"""Which versions an export holds, cut into files: written down as keys and versions, never as content.

Read from one snapshot (repeatable read). What was changed after the moment of the export is taken back to the version that
stood then, except under a _typeFilter, since only current versions can be searched.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from access import Sight
from fhircore.query import Query
from fhircore.types import NAMES, TYPES
from fhirserver.engine import Engine
from fhirserver.operations.asking import Ask
from fhirserver.search.predicates import Ground, predicate
from fhirserver.search.resolving import resolved
from fhirserver.search.sql import Values, seen
from kit.db import Connection

LARGEST = 16 * 1024 * 1024  # bytes of one file as they rest; a few times that as NDJSON
MOST = 50_000  # resources of one file
_FETCH = 5_000
_COLUMNS = "r.key, r.ver, r.pat, r.lab, octet_length(r.body)"
_CHANGED = """
with changed as (select key from res where upd > $1
                 union select key from hist where op = 'D' and upd > $1)
select distinct on (h.key) h.rtype, h.op, h.upd, h.key, h.ver, h.pat, h.lab, octet_length(h.body)
from hist h join changed using (key) where h.upd <= $1 order by h.key, h.ver desc"""

Found = Any  # a row: key, ver, pat, lab, bytes


@dataclass(slots=True)
class Part:
    """One file: versions by key, and what the access log says of them, counted."""

    kind: str  # output, deleted
    rtype: int
    keys: list[int] = field(default_factory=list)
    vers: list[int] = field(default_factory=list)
    about: Counter[tuple[int, int]] = field(default_factory=Counter)  # (patient, label)
    size: int = 0

    def add(self, row: Found) -> None:
        key, ver, pat, lab, size = row
        self.keys.append(key)
        self.vers.append(ver)
        self.about[pat, lab] += 1
        self.size += size or 0

    @property
    def full(self) -> bool:
        return self.size >= LARGEST or len(self.keys) >= MOST


@dataclass(slots=True)
class Plan:
    """One export, seen by its owner, true of `as_of`."""

    engine: Engine
    ask: Ask
    sight: Sight
    as_of: datetime
    patients: list[int] | None  # keys; None: all
    earlier: dict[int, list[Found]] = field(default_factory=dict)  # type → versions that were current at `as_of`

    async def begin(self, con: Connection) -> None:
        """Reads what was changed after the moment of the export; inside the snapshot, before any type."""
        rows = await con.fetch(_CHANGED, self.as_of)
        seen = await self.engine.law.sees(con, self.sight, rows)
        for (rtype, op, upd, *row), shown in zip(rows, seen, strict=True):
            if op == "P" and shown and self._within(upd) and self._about(row[2]):
                self.earlier.setdefault(rtype, []).append(row)

    def _within(self, upd: datetime) -> bool:
        since, until = self.ask.since, self.ask.until
        return (since is None or upd > since) and (until is None or upd < until)

    def _about(self, pat: int) -> bool:
        if self.patients is not None:
            return pat in self.patients
        return self.ask.level in ("system", "search") or pat != 0

    async def parts(self, con: Connection, type_name: str) -> AsyncIterator[Part]:
        """The files of one type, in the order in which the table lies."""
        number = TYPES[type_name].number
        part = Part("output", number)
        async for rows in self._read(con, type_name):
            for row in rows:
                part.add(row)
                if part.full:
                    yield part
                    part = Part("output", number)
        if part.keys:
            yield part

    async def _read(self, con: Connection, type_name: str) -> AsyncIterator[Sequence[Found]]:
        filters = self.ask.queries(type_name)
        if not filters:
            yield self.earlier.get(TYPES[type_name].number, [])
        values = Values()
        parts = [f"r.rtype = {values.add(TYPES[type_name].number, 'smallint')}", *self._range(values, "r")]
        if not filters:
            parts.append(f"r.upd <= {values.add(self.as_of, 'timestamptz')}")
        parts += seen(self.sight, values, "r") + self._compartment(values, type_name)
        if filters:
            parts.append(await filtered(self.engine, con, self.sight, type_name, filters, values))
        text = f"select {_COLUMNS} from res r where {' and '.join(parts)}"
        async for rows in pages(con, text, *values.all):
            yield rows

    def _range(self, values: Values, alias: str) -> list[str]:
        since, until = self.ask.since, self.ask.until
        parts = [] if since is None else [f"{alias}.upd > {values.add(since, 'timestamptz')}"]
        return parts if until is None else [*parts, f"{alias}.upd < {values.add(until, 'timestamptz')}"]

    def _compartment(self, values: Values, type_name: str) -> list[str]:
        if self.ask.level in ("system", "search"):
            return []
        if self.patients is None:
            return ["r.pat <> 0"]
        own, number = values.keys(self.patients), values.add(TYPES[type_name].number, "smallint")
        return [f"(r.pat = any({own}) or r.key in (select key from alt where rtype = {number} and pat = any({own})))"]

    async def deleted(self, con: Connection) -> AsyncIterator[Part]:
        """What was deleted since `_since` and has not come back; nothing without it."""
        if self.ask.since is None:
            return
        values = Values()
        numbers = values.add([TYPES[name].number for name in self.ask.types], "smallint[]")
        parts = ["h.op = 'D'", f"h.rtype = any({numbers})", *self._range(values, "h"), *seen(self.sight, values, "h")]
        parts.append(f"h.upd <= {values.add(self.as_of, 'timestamptz')}")
        parts.append("not exists (select from hist n where n.key = h.key and n.ver > h.ver)")
        parts.append("not exists (select from res n where n.key = h.key)")
        if self.ask.level in ("patient", "group"):
            parts.append("h.pat <> 0" if self.patients is None else f"h.pat = any({values.keys(self.patients)})")
        text = f"select h.key, h.ver, h.pat, h.lab, 0 from hist h where {' and '.join(parts)}"
        part = Part("deleted", 0)
        async for rows in pages(con, text, *values.all):
            for row in rows:
                part.add(row)
                if part.full:
                    yield part
                    part = Part("deleted", 0)
        if part.keys:
            yield part


async def filtered(
    engine: Engine, con: Connection, sight: Sight, type_name: str, queries: Sequence[Query], values: Values
) -> str:
    """Any of these searches of a type as a condition on `r`. Raises NotSupported for what cannot be looked up or made."""
    mount = engine.mount
    ground = Ground(engine.keys, sight, mount.base, engine.patient_keys, mount.full_text)
    ways = []
    for query in queries:
        ground, kinds = await resolved(con, ground, {type_name: query.criteria}, engine.codec.unpack)
        ways.append([predicate(ground, values, "r", type_name, criterion) for criterion in kinds[type_name]])
    return "(" + " or ".join(f"({' and '.join(way) or 'true'})" for way in ways) + ")"


async def pages(con: Connection, text: str, *values: Any) -> AsyncIterator[list[asyncpg.Record]]:
    """The rows of a statement, some thousands at a time, inside the transaction of `con`."""
    cursor = await con.cursor(text, *values)
    while rows := await cursor.fetch(_FETCH):
        yield rows


def file_of(part: Part) -> str:
    """The type a file's lines are of, as the manifest says it."""
    return "Bundle" if part.kind == "deleted" else NAMES[part.rtype]


def columns(part: Part) -> Iterator[list[int]]:
    """keys, vers, and the distinct (patient, label) with their counts: as four and five arrays."""
    yield part.keys
    yield part.vers
    yield [pat for pat, _ in part.about]
    yield [lab for _, lab in part.about]
    yield list(part.about.values())
