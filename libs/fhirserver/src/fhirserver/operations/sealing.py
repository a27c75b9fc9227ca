"""Sealing what was stored before there were keys: a job that goes on where it stood, beside readers and writers (D8)."""

from typing import Any

import msgspec

from fhirserver.engine import Engine
from fhirserver.operations import jobs
from fhirserver.operations.jobs import Run
from fhirserver.problems import Conflict
from kit.caller import Caller
from kit.db import Connection
from kit.operations import Operations, answer

KIND = "seal"
_HOUSE = Caller("fvm", "system", "fvm")
_BATCH = 200
_TABLES = ("res", "hist")
_FIRST = -(1 << 63)
# Row by row comparison, so that the primary key finds the place; what is about nobody has no key.
_ROWS = {
    "res": "select key, ver, pat, body from res where key > $1 and $2::int is not null order by key limit $3",
    "hist": "select key, ver, pat, body from hist where (key, ver) > ($1, $2) order by key, ver limit $3",
}


class Place(msgspec.Struct):
    """Where the work stands: how many tables are done, and the last row that was looked at."""

    table: int = 0
    key: int = _FIRST
    ver: int = 0
    seen: int = 0
    sealed: int = 0


class NoKeys(Conflict):
    """The service has no master key, or is told not to seal yet."""

    code = "fhir/no-keys"
    title = "There is no master key here, or sealing is switched off"


async def ask(engine: Engine) -> str:
    """The id of the job. Raises NoKeys; Conflict while one is at work."""
    if engine.codec.ring is None or not engine.codec.ring.seals:
        raise NoKeys
    async with engine.db.pool.acquire() as con, con.transaction():
        await con.execute("select pg_advisory_xact_lock(7003, 2)")
        if await con.fetchval("select exists (select from job where kind = $1 and ended is null)", KIND):
            raise Conflict("What is stored is being sealed already")
        job = await jobs.create(con, KIND, _HOUSE, "", b"{}")
    engine.job_posted.set()
    return job.id


async def work(engine: Engine, run: Run) -> str:
    """Goes on where it stood."""
    place = msgspec.json.decode(run.job.place, type=Place) if run.job.place else Place()
    while place.table < len(_TABLES):
        table = _TABLES[place.table]
        rows = await run.pool.fetch(_ROWS[table], place.key, place.ver, _BATCH)
        if rows:
            place.sealed += await _seal(engine, run, table, rows)
            place.key, place.ver, place.seen = rows[-1]["key"], rows[-1]["ver"], place.seen + len(rows)
        else:
            place.table, place.key, place.ver = place.table + 1, _FIRST, 0
        await run.tell(f"{place.seen} looked at, {place.sealed} sealed", place=msgspec.json.encode(place))
    return f"{place.seen} looked at, {place.sealed} sealed"


async def _seal(engine: Engine, run: Run, table: str, rows: Any) -> int:
    """Those that are still as they were read: whoever wrote one meanwhile has sealed it."""
    open_ones = [row for row in rows if row["pat"] and row["body"] and row["body"][0] == 1]
    if not open_ones or engine.codec.ring is None:
        return 0
    async with run.pool.acquire() as con, con.transaction():
        await run.hold(con)
        keys = await engine.codec.ring.current({row["pat"] for row in open_ones})
        return await _put(con, table, [(row, keys[row["pat"]].seal(row["body"][1:], row["key"])) for row in open_ones])


async def _put(con: Connection, table: str, sealed: list[tuple[Any, bytes]]) -> int:
    done = await con.execute(
        f"update {table} t set body = u.body from unnest($1::bigint[], $2::int[], $3::bytea[]) as u(key, ver, body)"
        " where t.key = u.key and t.ver = u.ver and get_byte(t.body, 0) = 1",
        [row["key"] for row, _ in sealed], [row["ver"] for row, _ in sealed], [body for _, body in sealed],
    )  # fmt: skip
    return int(done.split()[-1])


def mount(operations: Operations, engine: Engine) -> None:
    """`POST …/seal` for operators."""

    async def seal() -> Any:
        """{"job": id}."""
        return answer({"job": await ask(engine)})

    operations.router.add_api_route("/seal", seal, methods=["POST"])
