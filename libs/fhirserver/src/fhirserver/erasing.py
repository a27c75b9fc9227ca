"""What an order of destruction takes from a database of the engine: every version, index row and copy; a tombstone stays (D8).

All rows about the person that were written until the moment of the order go, or those of the resources that it names. What was
written later is a new life: it stays, under a new key.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from fhircore.types import NAMES
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from fhirserver.idempotency import slot
from fhirserver.index import Indexer
from fhirserver.purging import forget_answers, untell
from fhirserver.sums import told_again
from kit.db import Connection
from kit.erasing import Order
from kit.sealing import SEALED, key_of

_AT_ONCE = 500  # rows in hand
_SIDES = ("alt", "idt", "str", "rng", "txt")
_WHOLE, _NAMED = "pat = any($1::bigint[]) and upd <= $2", "key = any($1::bigint[]) and upd <= $2"
_META = "key, ver, sver, pat, lab, rtype, id, body"
_VERSIONS = "select {1}, true as now from res where {0} union all select {1}, false from hist where {0}"
_NEWEST = """
select key, max(ver) from (select key, ver from res where key = any($1::bigint[])
union all select key, ver from hist where key = any($1::bigint[])) every group by key"""
_STONES = "insert into hist(key, ver, upd, sver, pat, lab, rtype, op, id) values ($1, $2, $3, $4, $5, $6, $7, 'D', $8)"
_ERASED = """
insert into erased(key, erasure, at) select *, $2::uuid, $3::timestamptz from unnest($1::bigint[])
on conflict (key) do update set erasure = excluded.erasure, at = excluded.at"""
_LEFT = "select (select count(*) from res where {0}) + (select count(*) from hist where {0} and body is not null)"
_SEALED = """
select key, ver, rtype, id, body from {0} where pat = any($1::bigint[]) and get_byte(body, 0) = 2
and substring(body from 2 for 8) = any($2::bytea[])"""
_DELETED = """
select rtype, id from (select distinct on (key) key, rtype, id, op from hist where pat = any($1::bigint[])
order by key, ver desc) last where op = 'D' and not exists (select from res r where r.key = last.key)
and not exists (select from erased e where e.key = last.key)"""
_ANSWERS = """
select client, key, body from idempotency where get_byte(body, 0) = 2 and substring(body from 2 for 8) = any($1::bytea[])"""
# An index scan may stop early here: whether there is anything is all that is asked.
_UNUSED = """
select t.h from term t where t.h = any($1::bigint[]) and not exists (select from res r where r.tok @> array[t.h])"""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Found:
    """What the order is about here."""

    last: dict[int, Any] = field(default_factory=dict)  # by key, the newest version that must go
    current: list[int] = field(default_factory=list)  # keys of which the current version must go
    names: set[str] = field(default_factory=set)
    terms: set[int] = field(default_factory=set)


async def destroy(engine: Engine, con: Connection, order: Order, doomed: Sequence[int]) -> tuple[dict[str, int], int]:
    """Does it in the caller's transaction; rows by table, and how many are left (none). It may be done again at any time."""
    patients = owners(engine, order)
    where = _NAMED if order.resources else _WHOLE
    wanted = [engine.keys.of(name) for name in order.resources] if order.resources else patients
    found = await _found(engine, con, where, wanted, order)
    removed = await _remove(con, found, where, wanted, order)
    removed["terms"] = await _forget_terms(con, found.terms)
    await untell(engine, con, found.names, [] if order.resources else order.patients, order.at, doomed)
    await forget_answers(engine, con, found.names)
    if doomed:
        removed["sealed again"] = await _seal_again(engine, con, patients, doomed)
    left = await con.fetchval(_LEFT.format(where), wanted, order.at)
    for table in _SIDES:
        left += await con.fetchval(f"select count(*) from {table} where key = any($1::bigint[])", found.current)
    return {table: count for table, count in removed.items() if count}, left


def sealed_with(body: bytes, keys: Collection[int]) -> bool:
    """Whether one of these keys seals it."""
    return body[0] == SEALED and key_of(body) in keys


async def owners_of(engine: Engine, _con: Connection, order: Order) -> list[int]:
    """For the one who carries out the order."""
    return owners(engine, order)


def owners(engine: Engine, order: Order) -> list[int]:
    """The person's keys, by which the keyring knows them."""
    return sorted({engine.keys.of(f"Patient/{id}") for id in order.patients})


async def _found(engine: Engine, con: Connection, where: str, wanted: list[int], order: Order) -> _Found:
    """Looks at every version once: its name, and the texts that its index has in the table of terms."""
    found = _Found(names=set(order.names))
    scratch = Indexer(engine.keys, engine.mount.base)  # whose terms are never settled
    await con.execute("select 1 from res where " + where + " order by key for update", wanted, order.at)
    rows: Any = con.cursor(_VERSIONS.format(where, _META), wanted, order.at, prefetch=_AT_ONCE)
    async for row in rows:
        name = NAMES[row["rtype"]]
        found.names.add(f"{name}/{row['id']}")
        last = found.last.get(row["key"])
        if last is None or last["ver"] < row["ver"]:
            found.last[row["key"]] = row
        if row["now"]:
            found.current.append(row["key"])
        if row["body"] is not None:
            _note_terms(engine, scratch, name, row, found)
    return found


def _note_terms(engine: Engine, scratch: Indexer, name: str, row: Any, found: _Found) -> None:
    try:
        scratch.entries(name, row["id"], parsed(engine.codec.unpack(row["body"], row["key"])))
        found.terms |= scratch.terms.taken()
    except Exception as error:  # noqa: BLE001 - what nobody can read is destroyed all the same
        log.warning("a version that is destroyed could not be read", error=type(error).__name__)


async def _remove(con: Connection, found: _Found, where: str, wanted: list[int], order: Order) -> dict[str, int]:
    """Rows by table; where the newest version goes a tombstone without content is left."""
    keys = list(found.last)
    newest = {row[0]: row[1] for row in await con.fetch(_NEWEST, keys)}
    removed = {}
    for table in (*_SIDES, "subscription_event"):
        removed[table] = await _count(con, f"delete from {table} where key = any($1::bigint[])", found.current)
    removed["relations"] = await _count(
        con, "delete from access_relation where source = any($1::bigint[])", found.current
    )
    removed["promises"] = (
        await _count(con, "delete from promised_reference where source = any($1::text[])", list(found.names))
        if await con.fetchval("select to_regclass('promised_reference') is not null")
        else 0
    )
    removed["res"] = await _count(con, f"delete from res where {where}", wanted, order.at)
    removed["hist"] = await _count(con, f"delete from hist where {where}", wanted, order.at)
    at = datetime.now(UTC)
    stones = [row for key, row in found.last.items() if newest[key] == row["ver"]]
    await con.executemany(_STONES, [
        (row["key"], row["ver"] + 1, at, row["sver"], row["pat"], row["lab"], row["rtype"], row["id"]) for row in stones
    ])  # fmt: skip
    await con.execute(_ERASED, [row["key"] for row in stones], order.id, order.at)
    await con.execute(
        "delete from patient_label l where l.pat = any($1::bigint[])"
        " and not exists (select from res r where r.pat = l.pat and r.lab = l.lab)",
        sorted({row["pat"] for row in found.last.values()}),
    )
    return removed


async def _forget_terms(con: Connection, terms: set[int]) -> int:
    """Texts that only these versions had: free text among the codes is content too."""
    await con.execute("set local gin_fuzzy_search_limit = 1000")
    unused = [row[0] for row in await con.fetch(_UNUSED, list(terms))] if terms else []
    await con.execute("reset gin_fuzzy_search_limit")
    return await _count(con, "delete from term where h = any($1::bigint[])", unused)


async def _seal_again(engine: Engine, con: Connection, patients: list[int], doomed: Sequence[int]) -> int:
    """What stays although its key goes: newer versions, resources that are not named, answers that name none of them."""
    ring, codec = engine.codec.ring, engine.codec
    assert ring is not None
    count, ids, stay = 0, [id.to_bytes(8, "big", signed=True) for id in doomed], await con.fetch(_DELETED, patients)
    keys = await ring.current(patients)
    key = keys[patients[0]]
    for table in ("res", "hist"):
        rows = await con.fetch(_SEALED.format(table), patients, ids)
        await codec.ready(con, [row["body"] for row in rows])
        await con.executemany(
            f"update {table} set body = $3 where key = $1 and ver = $2",
            [(row["key"], row["ver"], codec.sealed_again(row["body"], row["key"], key)) for row in rows],
        )
        count += len(rows)
        stay += [row for row in rows if table == "res"]
    if engine.teller is not None and engine.teller.topic is not None:
        # Who has not heard of it yet cannot open what was told under the key that goes.
        await told_again(engine, con, [(NAMES[row["rtype"]], row["id"]) for row in stay])
    from_answers = await con.fetch(_ANSWERS, ids)
    await codec.ready(con, [row["body"] for row in from_answers])
    for row in from_answers:
        body = codec.sealed_again(row["body"], slot(row["client"], row["key"]), key)
        await con.execute(
            "update idempotency set body = $3 where client = $1 and key = $2", row["client"], row["key"], body
        )
    return count + len(from_answers)


async def _count(con: Connection, statement: str, *values: Any) -> int:
    return int((await con.execute(statement, *values)).split()[-1])
