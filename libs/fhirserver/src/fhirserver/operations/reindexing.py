"""$reindex: every index entry made again from the bodies, while others read and write.

Batches in key order. Only what differs is written, under the locks of those rows and only where their version is still the one
that was looked at: no version, event or log changes, and a re-index that finds nothing to do writes nothing. It goes on after a
kill where it stood, and begins by itself when what makes the entries has changed.
"""

import asyncio
import hashlib
import inspect
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec
import structlog

from access import allows
from fhircore.outcome import Issue, operation_outcome
from fhircore.params import params_of
from fhircore.types import NAMES, TYPES
from fhirserver import store
from fhirserver.bodies import parsed, plain
from fhirserver.engine import Engine
from fhirserver.index import Entries
from fhirserver.messages import Answer, Request
from fhirserver.operations import jobs
from fhirserver.operations.exporting import accepted
from fhirserver.operations.jobs import Run
from fhirserver.problems import Conflict, Forbidden, Invalid, NotSupported
from fhirserver.store import Row
from kit.caller import Caller
from kit.db import Connection, Pool

_BATCH = 200
_ROWS = """
select key, rtype, id, ver, upd, lab, body, pat, dt, dte, code, refs, tok
from res where key > $1 and rtype = any($2::smallint[]) order by key limit $3"""
_SIDES = {
    "idt": "select key, h from idt where key = any($1::bigint[])",
    "str": "select key, h, val, x from str where key = any($1::bigint[])",
    "rng": "select key, h, lo, hi, u, n from rng where key = any($1::bigint[])",
    "alt": "select key, pat, dt, code, also from alt where key = any($1::bigint[])",
    "txt": "select key, part, words from txt where key = any($1::bigint[])",
}
_HOUSE = Caller("fvm", "system", "fvm")
_MAKERS = (
    "fhirserver.index", "fhircore.extract", "fhircore.codegen", "fhircore.readers", "fhircore.values", "fhircore.moments",
    "fhircore.phonetic", "fhircore.fold", "fhircore.identifiers", "fhircore.groups", "fhirserver.terms",
    "fhirserver.words", "fhirserver.entries", "fhirserver.grouping",
)  # fmt: skip
log = structlog.get_logger(__name__)


class Place(msgspec.Struct):
    """Where a re-index stands. `total` is counted at its beginning; what is created later is indexed by its writer."""

    total: int = 0
    after: int = -(2**63)
    seen: int = 0
    changed: int = 0
    failed: int = 0


class Asked(msgspec.Struct):
    """Type numbers, and what makes entries now, which the database will say of itself when all types are done."""

    types: list[int]
    maker: str = ""


_place = msgspec.json.Decoder(Place).decode
_asked = msgspec.json.Decoder(Asked).decode


async def reindex(engine: Engine, request: Request) -> Answer:
    """202 with Content-Location. `_type` narrows it. Raises Conflict while another one runs."""
    if request.caller.kind != "system" or not allows(request.caller.scopes, "*", "u"):
        raise Forbidden("$reindex is for system clients with system/*.cruds", at="scope")
    names: list[str] = []
    for name, value in request.parameters:
        if name != "_type":
            raise NotSupported(f"The parameter '{name[:60]}' of $reindex is not supported", at=name[:60])
        names += value.split(",")
    for name in names:
        if name not in TYPES:
            raise Invalid(f"'{name[:60]}' is not a resource type of FHIR R4", at="_type")
    job = await _post(engine, request.caller, f"{engine.mount.base}/$reindex", names)
    if job is None:
        raise Conflict("A re-index is running already")
    return accepted(engine, job)


async def when_changed(engine: Engine) -> None:
    """Posts a re-index when this code makes other entries than those that stand; called when the loop begins."""
    made_by = await engine.db.pool.fetchval("select maker from index_state")
    if made_by == maker(full_text=engine.mount.full_text):
        return
    if made_by is None and not await engine.db.pool.fetchval("select exists (select from res)"):
        await _made(engine.db.pool, maker(full_text=engine.mount.full_text))
        return
    if await _post(engine, _HOUSE, "", []) is not None:
        log.info("what makes index entries has changed: re-indexing")


async def _post(engine: Engine, caller: Caller, request: str, names: list[str]) -> str | None:
    async with engine.db.pool.acquire() as connection, connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(7003, 1)")
        if await connection.fetchval("select exists (select from job where kind = 'reindex' and ended is null)"):
            return None
        asked = Asked(
            [TYPES[name].number for name in names or TYPES], "" if names else maker(full_text=engine.mount.full_text)
        )
        job = await jobs.create(connection, "reindex", caller, request, msgspec.json.encode(asked))
    engine.job_posted.set()
    return job.id


def maker(*, full_text: bool = False) -> str:
    """What makes the entries, as a hash: the code, the search parameters, and whether words are kept."""
    state = hashlib.blake2b(b"full text" if full_text else b"", digest_size=16)
    for module in _MAKERS:
        state.update(inspect.getsource(import_module(module)).encode())
    for name in TYPES:
        state.update(repr([name, sorted(params_of(name).items())]).encode())
    return state.hexdigest()


async def _made(pool: Pool, by: str) -> None:
    await pool.execute(
        'insert into index_state("only", maker) values (1, $1) on conflict ("only") do update set maker = $1', by
    )


async def work(engine: Engine, run: Run) -> str:
    """Goes on where it stood."""
    asked = _asked(run.job.asked)
    place = _place(run.job.place) if run.job.place else Place()
    if not run.job.place:
        place.total = await run.pool.fetchval("select count(*) from res where rtype = any($1::smallint[])", asked.types)
    while True:
        rows = await run.pool.fetch(_ROWS, place.after, asked.types, _BATCH)
        if not rows:
            break
        await _batch(engine, run, place, rows)
        place.after, place.seen = rows[-1]["key"], place.seen + len(rows)
        share = min(100, place.seen * 100 // max(place.total, 1))
        await run.tell(f"{place.seen} of {place.total} ({share} %)", place=msgspec.json.encode(place))
    if asked.maker and not place.failed:
        await _made(run.pool, asked.maker)
    return f"{place.seen} looked at, {place.changed} changed, {place.failed} could not be read"


async def _batch(engine: Engine, run: Run, place: Place, rows: Sequence[Any]) -> None:
    broken: list[str] = []
    for _ in range(3):  # a row that is written meanwhile is looked at again: the writer may run older code
        different, bad = await _different(engine, run.pool, rows)
        broken = broken or bad
        done = await _write(engine, run, different)
        place.changed += len(done)
        missed = [row.key for row in different if row.key not in done]
        if not missed:
            break
        rows = await run.pool.fetch(_ROWS.replace("key > $1", "key = any($1)"), missed, list(NAMES), len(missed))
    if broken:
        place.failed += len(broken)
        await _tell_broken(engine, run, place, broken)


async def _different(engine: Engine, pool: Pool, rows: Sequence[Any]) -> tuple[list[Row], list[str]]:
    """The rows whose entries are others than those that stand; and `Type/id` of those that cannot be read."""
    sides = await _sides(pool, [row["key"] for row in rows])
    await engine.codec.ready(pool, [row["body"] for row in rows])
    found, broken = [], []
    for place, row in enumerate(rows):
        name = NAMES[row["rtype"]]
        try:
            entries = engine.indexer.entries(name, row["id"], parsed(engine.codec.unpack(row["body"], row["key"])))
        except Exception as error:  # one that cannot be read must not stop the others; it is told
            log.error("a resource cannot be indexed", exc_info=error)
            broken.append(f"{name}/{row['id']}")
            continue
        if _differs(row, entries, sides.get(row["key"], {})):
            found.append(
                Row(row["key"], name, row["rtype"], row["id"], row["ver"], row["upd"], row["lab"], entries, b"", b"")
            )
        if place % 50 == 49:
            await asyncio.sleep(0)
    return found, broken


async def _sides(pool: Pool, keys: list[int]) -> dict[int, dict[str, Counter[tuple[Any, ...]]]]:
    """key → table → its rows, counted."""
    found: dict[int, dict[str, Counter[tuple[Any, ...]]]] = {}
    async with pool.acquire() as connection:
        for table, text in _SIDES.items():
            for key, *rest in await connection.fetch(text, keys):
                row = tuple(tuple(value) if isinstance(value, list) else value for value in rest)
                found.setdefault(key, {}).setdefault(table, Counter())[row] += 1
    return found


def _differs(row: Any, made: Entries, sides: dict[str, Counter[tuple[Any, ...]]]) -> bool:
    if (made.pat, made.dt, made.dte, made.code) != (row["pat"], row["dt"], row["dte"], row["code"]):
        return True
    if set(made.refs) != set(row["refs"] or ()) or set(made.tok) != set(row["tok"] or ()):
        return True
    wanted = {
        "idt": Counter((h,) for h in made.idt), "str": Counter(made.strings), "rng": Counter(made.rng),
        "alt": Counter((pat, made.dt, code, also) for pat, code, also in made.alt),
        "txt": Counter((part, tuple(words)) for part, words in made.words),
    }  # fmt: skip
    return any(count != sides.get(table, Counter()) for table, count in wanted.items())


async def _write(engine: Engine, run: Run, rows: list[Row]) -> set[int]:
    """The keys whose entries were replaced; those of another version by now are left."""
    if not rows:
        return set()
    await engine.indexer.terms.settle()
    async with run.pool.acquire() as connection, connection.transaction():
        await run.hold(connection)
        standing = await _versions(connection, [row.key for row in rows])
        still = [row for row in rows if standing.get(row.key) == row.ver]
        await store.index_again(connection, still)
    return {row.key for row in still} | {row.key for row in rows if row.key not in standing}


async def _versions(con: Connection, keys: list[int]) -> dict[int, int]:
    return {row[0]: row[1] for row in await con.fetch(_LOCK, sorted(keys))}


_LOCK = "select key, ver from res where key = any($1::bigint[]) order by key for update"


async def _tell_broken(engine: Engine, run: Run, place: Place, broken: list[str]) -> None:
    issues = [Issue("processing", f"{one} could not be read, so its index entries stay as they are") for one in broken]
    body = b"".join(plain(operation_outcome([issue])) + b"\n" for issue in issues)
    await run.pool.execute(
        "insert into job_part(job, n, kind, rtype, counts, body) values ($1, $2, 'error', 0, $3, $4)"
        " on conflict do nothing",
        run.job.id, place.failed, [len(broken)], engine.codec.pack(body),
    )  # fmt: skip
