"""Sums of content: what two doors hold of the same resources is compared by type and patient without being moved (D1).

"The same" means equal apart from id, meta and references to patients, which the region rewrites. The hash of a resource is
64 bits of its type, id and remaining content as it stands, digit for digit; the sum of a group is their sum modulo 2^64, so
it does not depend on order, and the sums of several sources add up to the region's.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import zstandard

from fhircore.content import MASK, content_hash
from fhircore.types import TYPES
from fhirserver.bodies import parsed
from fhirserver.codec import Codec, UnknownFormat
from fhirserver.engine import Engine
from fhirserver.store import Row, Tombstone
from kit.db import Connection, driver
from kit.keyring import Erased
from kit.outbox import emit_raw
from kit.sealing import NotForHere

_PATIENT_TYPE = TYPES["Patient"].number
_NAMES = {known.number: name for name, known in TYPES.items()}
_SUBJECT = re.compile(rb'"reference":"Patient/([A-Za-z0-9\-.]{1,64})"')
_PAGE = 1_000  # rows of one statement
_AT_ONCE = 500  # resources told again in one transaction


@dataclass(frozen=True, slots=True)
class Summed:
    """One resource: `patient` is the id it is about here, "" for none."""

    type: str
    patient: str
    id: str
    version: int
    hash: int

    def told(self) -> list[str | int]:
        """As one line of an answer: [type, patient, id, version, hash]."""
        return [self.type, self.patient, self.id, self.version, self.hash]


async def grouped(pages: AsyncIterator[Sequence[Summed]]) -> AsyncIterator[list[str | int]]:
    """[type, patient, count, sum] of the groups of each page; a group may come several times: its parts are added."""
    async for page in pages:
        groups: dict[tuple[str, str], tuple[int, int]] = {}
        for one in page:
            count, total = groups.get((one.type, one.patient), (0, 0))
            groups[one.type, one.patient] = count + 1, (total + one.hash) & MASK
        for (name, patient), (count, total) in groups.items():
            yield [name, patient, count, total]


_SELECT = """
select r.key, r.rtype, r.id, coalesce(r.sver & 1099511627775, r.ver) as version, r.body, p.id as patient, r.pat
from res r left join res p on p.key = r.pat and p.rtype = $1"""


async def all_sums(engine: Engine, own: str) -> AsyncIterator[list[Summed]]:
    """Every current resource for which the condition `own` holds, in pages; each page is one statement."""
    after = -(1 << 63)
    while True:
        rows = await engine.db.pool.fetch(
            f"{_SELECT} where r.key > $2 and {own} order by r.key limit $3", _PATIENT_TYPE, after, _PAGE
        )
        if not rows:
            return
        await engine.codec.ready(engine.db.pool, [row["body"] for row in rows])
        yield await asyncio.to_thread(_summed_all, engine, rows)
        after = rows[-1]["key"]


async def sums_of(engine: Engine, own: str, groups: Sequence[tuple[str, str]]) -> list[Summed]:
    """The resources of these (type, patient) groups."""
    found: list[Summed] = []
    for type_name, patient in groups:
        if type_name not in TYPES:
            continue
        pat = engine.patient_keys(patient) if patient else [0]
        rows = await engine.db.pool.fetch(
            f"{_SELECT} where r.rtype = $2 and r.pat = any($3::bigint[]) and {own}",
            _PATIENT_TYPE,
            TYPES[type_name].number,
            pat,
        )
        await engine.codec.ready(engine.db.pool, [row["body"] for row in rows])
        found += await asyncio.to_thread(_summed_all, engine, rows)
    return found


def _summed_all(engine: Engine, rows: Sequence[Any]) -> list[Summed]:
    """Beside the event loop, with a codec of its own: one is not shared between threads."""
    codec = engine.codec.beside()
    return [_summed(_opened(codec, row), row) for row in rows]


def _opened(codec: Codec, row: Any) -> bytes:
    """The content; nothing where it cannot be read: a spoiled copy is one that differs, and does not stop the comparison."""
    try:
        return codec.unpack(row["body"], row["key"])
    except (NotForHere, Erased, UnknownFormat, zstandard.ZstdError):
        return b""


def _summed(body: bytes, row: Any) -> Summed:
    name = _NAMES[row["rtype"]]
    patient = row["patient"] or ""
    if not patient and row["pat"]:  # about somebody whose Patient is not here yet
        told = _SUBJECT.search(body)
        patient = told.group(1).decode() if told else ""
    content = content_hash(name, row["id"], body) if body else 0
    return Summed(name, patient, row["id"], row["version"], content)


async def tell_again(engine: Engine, wanted: Sequence[tuple[str, str]]) -> tuple[int, int]:
    """Tells the current versions of these (type, id), and the deletions of those that are gone; (told, deletions)."""
    told = gone = 0
    for start in range(0, len(wanted), _AT_ONCE):
        known = [(name, id) for name, id in wanted[start : start + _AT_ONCE] if name in TYPES]
        async with engine.db.transaction() as tx:
            con = await driver(tx)
            rows, stones = await told_again(engine, con, known)
        told, gone = told + rows, gone + stones
    engine.wake()
    return told, gone


async def told_again(engine: Engine, con: Connection, known: Sequence[tuple[str, str]]) -> tuple[int, int]:
    """The same in the caller's transaction."""
    rows, stones = await _standing(engine, con, known)
    if engine.teller is not None and (rows or stones):
        at = max([row.upd for row in rows] + [stone.upd for stone in stones])
        await engine.labels.refresh(con)
        again = engine.teller.messages(rows, stones, engine.labels.by_number, at, again=True)
        await emit_raw(con, await engine.codec.seal_told(again, engine.teller.topic, engine.keys))
    return len(rows), len(stones)


async def _standing(engine: Engine, con: Any, known: Sequence[tuple[str, str]]) -> tuple[list[Row], list[Tombstone]]:
    """Locked, so that what is told after it is newer (D6)."""
    keys = sorted(engine.keys.of(f"{name}/{id}") for name, id in known)
    found = await con.fetch("select * from res where key = any($1::bigint[]) order by key for share", keys)
    await engine.codec.ready(con, [row["body"] for row in found])
    rows = [_row(engine, row) for row in found]
    left = [key for key in keys if key not in {row.key for row in rows}]
    gone = await con.fetch(
        "select * from (select distinct on (h.key) h.*, p.id as patient from hist h"
        " left join res p on p.key = h.pat and p.rtype = $2 where h.key = any($1::bigint[])"
        " order by h.key, h.ver desc) last where op = 'D'",
        left,
        _PATIENT_TYPE,
    )
    stones = [
        Tombstone(one["key"], _NAMES[one["rtype"]], one["rtype"], one["id"], one["ver"], one["upd"], one["pat"],
                  one["lab"], one["patient"] or "")
        for one in gone
    ]  # fmt: skip
    return rows, stones


def _row(engine: Engine, row: Any) -> Row:
    name, body = _NAMES[row["rtype"]], engine.codec.unpack(row["body"], row["key"])
    entries = engine.indexer.entries(name, row["id"], parsed(body))
    return Row(
        row["key"], name, row["rtype"], row["id"], row["ver"], row["upd"], row["lab"], entries, body, row["body"]
    )
