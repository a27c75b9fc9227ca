"""How resources rest: set-based writes by COPY inside the caller's transaction, and look-ups by key.

Nothing here decides who may see what; whoever calls it holds a decision (see reading.py, search and writing.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fhirserver.index import Entries
from kit.db import Connection

_RES = ("key", "pat", "dt", "dte", "code", "upd", "sver", "ver", "lab", "rtype", "id", "refs", "tok", "body")
_HIST = "key, ver, upd, sver, pat, lab, rtype, id, body"
_LOCK = (
    "select key, ver, lab, pat, sver, rtype, id, dt, dte from res where key = any($1::bigint[]) order by key for update"
)
_LAST = """
select distinct on (key) key, ver, lab, pat, sver, rtype, id from hist where key = any($1::bigint[]) order by key, ver desc"""
# To history, and out of the side tables: one statement, since each costs a round trip.
_KEEP = f"""
with kept as (insert into hist({_HIST}) select {_HIST} from res where key = any($1::bigint[])),
     alts as (delete from alt where key = any($1::bigint[])),
     idts as (delete from idt where key = any($1::bigint[])),
     strs as (delete from str where key = any($1::bigint[])),
     txts as (delete from txt where key = any($1::bigint[]))
delete from rng where key = any($1::bigint[])"""
_TAKEN = """
select 1 from hist h join unnest($1::bigint[], $2::int[]) as u(key, ver) on h.key = u.key and h.ver >= u.ver limit 1"""
# An update stays the same row, so that whoever waits for its lock finds the new version and not nothing.
_REPLACE = """
update res set pat = u.pat, dt = u.dt, dte = u.dte, code = u.code, upd = u.upd, sver = u.sver, ver = u.ver, lab = u.lab,
               refs = u.refs::bigint[], tok = u.tok::bigint[], body = u.body
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::bigint[],
            $8::int[], $9::int[], $10::text[], $11::text[], $12::bytea[])
  as u(key, pat, dt, dte, code, upd, sver, ver, lab, refs, tok, body)
where res.key = u.key"""

_INDEX_AGAIN = """
update res set pat = u.pat, dt = u.dt, dte = u.dte, code = u.code, refs = u.refs::bigint[], tok = u.tok::bigint[]
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
  as u(key, pat, dt, dte, code, refs, tok)
where res.key = u.key"""


@dataclass(slots=True)
class Row:
    """One version of a resource, ready to be stored. `stored` is packed; `body` the JSON as it is answered and told."""

    key: int
    type_name: str
    rtype: int
    id: str
    ver: int
    upd: datetime
    lab: int
    entries: Entries
    body: bytes
    stored: bytes
    sver: int | None = None


@dataclass(frozen=True, slots=True)
class Current:
    """What stands under a key now. A deleted resource has `deleted` and the version of its tombstone."""

    ver: int
    lab: int
    pat: int
    sver: int | None
    rtype: int
    id: str
    deleted: bool = False
    dt: int | None = None  # the time it is about, as in `res`; not kept of what is deleted
    dte: int | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The mark a deletion leaves: one more version, without a body."""

    key: int
    type_name: str
    rtype: int
    id: str
    ver: int
    upd: datetime
    pat: int
    lab: int
    patient: str = ""  # id of the patient it was about, "" when none
    sver: int | None = None


async def locked(con: Connection, keys: Iterable[int]) -> dict[int, Current]:
    """The current rows of these keys, locked in key order; keys never used are absent, deleted ones say so."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await con.fetch(_LOCK, wanted)
    found = {row[0]: Current(row[1], row[2], row[3], row[4], row[5], row[6], False, row[7], row[8]) for row in rows}
    if len(found) < len(wanted):
        gone = await con.fetch(_LAST, [key for key in wanted if key not in found])
        found |= {row[0]: Current(row[1], row[2], row[3], row[4], row[5], row[6], deleted=True) for row in gone}
    return found


async def lock_conditions(con: Connection, conditions: Iterable[int]) -> None:
    """Holds these conditions (hashes) until the transaction ends, in sorted order, at most 1,024 locks in all."""
    slots = sorted({condition & 1023 for condition in conditions})
    if slots:
        await con.execute("select pg_advisory_xact_lock(7001, slot) from unnest($1::int[]) slot", slots)


async def retire(con: Connection, keys: Sequence[int]) -> None:
    """Moves the current versions of these keys to history and takes their index entries away."""
    if not keys:
        return
    await _keep(con, keys)
    await con.execute("delete from res where key = any($1::bigint[])", keys)


async def _keep(con: Connection, keys: Sequence[int]) -> None:
    await con.execute(_KEEP, keys)


async def replace(con: Connection, rows: Sequence[Row]) -> None:
    """Puts these versions in the place of the current ones, which go to history. The caller holds their locks."""
    if not rows:
        return
    await _keep(con, [row.key for row in rows])
    found = [(row, row.entries) for row in rows]
    columns = zip(
        *((row.key, e.pat, e.dt, e.dte, e.code, row.upd, row.sver, row.ver, row.lab, _array(e.refs), _array(e.tok),
           row.stored) for row, e in found), strict=True,
    )  # fmt: skip
    await con.execute(_REPLACE, *(list(column) for column in columns))
    await _index(con, rows)


async def insert(con: Connection, rows: Sequence[Row]) -> None:
    """Stores new current versions and their index entries. The keys must be free."""
    if not rows:
        return
    await con.copy_records_to_table("res", columns=_RES, records=[_record(row) for row in rows])
    await _index(con, rows)


async def are_next(con: Connection, rows: Sequence[Row]) -> bool:
    """Whether no version of these keys is as new as the rows just inserted (which nobody else can now take)."""
    if not rows:
        return True
    taken = await con.fetchval(_TAKEN, [row.key for row in rows], [row.ver for row in rows])
    return taken is None


async def index_again(con: Connection, rows: Sequence[Row]) -> None:
    """Puts these entries in the place of those that stand, and nothing else. The caller holds the locks of the rows."""
    if not rows:
        return
    keys = [row.key for row in rows]
    for table in ("alt", "idt", "str", "rng", "txt"):
        await con.execute(f"delete from {table} where key = any($1::bigint[])", keys)
    found = [(row.key, row.entries) for row in rows]
    columns = zip(*((key, e.pat, e.dt, e.dte, e.code, _array(e.refs), _array(e.tok)) for key, e in found), strict=True)
    await con.execute(_INDEX_AGAIN, *(list(column) for column in columns))
    await _index(con, rows)


async def _index(con: Connection, rows: Sequence[Row]) -> None:
    """The rows of the side tables."""
    idt = [(h, row.key) for row in rows for h in row.entries.idt]
    if idt:
        await con.copy_records_to_table("idt", columns=("h", "key"), records=idt)
    strings = [(h, row.key, text, x) for row in rows for h, text, x in row.entries.strings]
    if strings:
        await con.copy_records_to_table("str", columns=("h", "key", "val", "x"), records=strings)
    words = [(row.key, part, found) for row in rows for part, found in row.entries.words]
    if words:
        await con.copy_records_to_table("txt", columns=("key", "part", "words"), records=words)
    ranges = [(h, row.key, lo, hi, u, n) for row in rows for h, lo, hi, u, n in row.entries.rng]
    if ranges:
        await con.copy_records_to_table("rng", columns=("h", "key", "lo", "hi", "u", "n"), records=ranges)
    further = [
        (row.key, pat, row.entries.dt, code, row.rtype, also) for row in rows for pat, code, also in row.entries.alt
    ]
    if further:
        await con.copy_records_to_table("alt", columns=("key", "pat", "dt", "code", "rtype", "also"), records=further)


async def bury(con: Connection, tombstones: Sequence[Tombstone]) -> None:
    """Retires these resources and leaves a tombstone for each."""
    await retire(con, [tombstone.key for tombstone in tombstones])
    if tombstones:
        await con.copy_records_to_table(
            "hist",
            columns=("key", "ver", "upd", "sver", "pat", "lab", "rtype", "op", "id"),
            records=[(t.key, t.ver, t.upd, t.sver, t.pat, t.lab, t.rtype, "D", t.id) for t in tombstones],
        )


def _array(numbers: Sequence[int]) -> str | None:
    """An array as text, since unnest flattens arrays of arrays."""
    return "{" + ",".join(map(str, numbers)) + "}" if numbers else None


def _record(row: Row) -> tuple[object, ...]:
    found = row.entries
    return (
        row.key, found.pat, found.dt, found.dte, found.code, row.upd, row.sver, row.ver, row.lab, row.rtype, row.id,
        found.refs or None, found.tok or None, row.stored,
    )  # fmt: skip
