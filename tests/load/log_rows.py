"""How long the region's access log takes to answer when it holds many million rows: fills a database of its own and asks.

Run: `FVM_POSTGRES_URL=… python tests/load/log_rows.py 100000000`. It needs about 190 bytes of disk a row, and drops the database.
Batches are copies of a thousand made-up ones, spread over a year, in the real months with the real indexes; only their hash
chains are not whole, which no question looks at.
"""

import asyncio
import hashlib
import os
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from fhircore.types import TYPES
from fhirserver.accesslog import batch_text
from fhirserver.engine import Engine
from fhirserver.logtelling import ToldBatch, ToldLabel, outgoing
from fhirserver.logwho import Numbers
from information_platform import record
from information_platform.log import asking, months
from information_platform.log.asking import Question
from information_platform.log.collecting import entries
from information_platform.log.model import posts
from information_platform.settings import Settings
from kit.caller import Caller, Commission
from kit.db import Database
from kit.testing import fresh_database

NORR, UNITS, STAFF, TEMPLATES, ROWS = "SE0000000001-N", 80, 4000, 1000, 64
YEAR = timedelta(days=365)
INDEXES = ("log_entry_pat on log_entry (pat, at)", "log_entry_who on log_entry (who, at)", "log_entry_batch on log_entry (batch)")  # fmt: skip


def people() -> list[Caller]:
    """Staff of eighty units, and one system that does a twentieth of everything."""
    found = [
        Caller(f"SE0000000001-P{i}", "staff", "journal", f"Namn {i}",
               commission=Commission(f"c{i}", f"SE0000000001-U{i % UNITS}", "Enhet", NORR, "Region Norr", "Läkare"))
        for i in range(STAFF)
    ]  # fmt: skip
    return [*found, Caller("lab-system", "system", "lab-system")]


def template(number: int, chance: random.Random, staff: list[Caller], numbers: Numbers) -> ToldBatch:
    """A batch of 64 reads; the patients of a template are its own, so each comes back once per copy."""
    who = [numbers.of(staff[-1] if chance.random() < 0.05 else chance.choice(staff[:-1])) for _ in range(ROWS)]
    keys = [7_000_000_000_000_000_000 + number * ROWS + nth for nth in range(ROWS)]
    reads = str(TYPES["Observation"].number)
    one: list[list[Any]] = [
        [f"SE0000000001-P{nth}" for nth in range(ROWS)], ["c"] * ROWS, ["journal"] * ROWS, ["care"] * ROWS, ["read"] * ROWS,
        [None] * ROWS, [f"{{{key}}}" for key in keys], [f"{{{reads}}}"] * ROWS, ["{2}"] * ROWS, [1] * ROWS, [0] * ROWS,
        [number for number, _ in who], [None] * ROWS,
    ]  # fmt: skip
    text = batch_text(datetime.now(UTC), "pdl-2", one)
    return ToldBatch(
        "fvm/vis", number, 0, hashlib.sha256(text).digest(), msgspec.Raw(text),
        {str(key): f"pat-{number}-{nth}" for nth, key in enumerate(keys)}, {"2": ToldLabel(NORR, "SE0000000001-U1", "und")},
        {str(id): msgspec.Raw(value) for id, value in who},
    )  # fmt: skip


async def fill(engine: Engine, wanted: int) -> None:
    """The tables, by PostgreSQL itself out of the templates; indexes afterwards, as a restore would."""
    pool, chance, staff, numbers = engine.db.pool, random.Random(1), people(), Numbers()
    told = [template(number, chance, staff, numbers) for number in range(TEMPLATES)]
    now = datetime.now(UTC)
    async with pool.acquire() as con:
        await months.ensure(con, [now - timedelta(days=day) for day in range(0, 367, 5)])
        await con.execute("create unlogged table template_batch (n int primary key, body bytea not null)")
        await con.execute("create unlogged table template_row (n int, nth int, pat bigint, who bigint)")
        rows = [(n, outgoing(one, now).event.data) for n, one in enumerate(told)]
        await con.copy_records_to_table("template_batch", records=rows)
        ways = [(n, way) for n, one in enumerate(told) for way in entries(engine, 0, now, posts(one))]
        await con.copy_records_to_table("template_row", records=[(n, way[4], way[1], way[3]) for n, way in ways])
        met = {number: (caller, value) for caller in staff for number, value in [numbers.of(caller)]}
        await con.executemany(
            "insert into log_who(id, actor, unit, provider, value) values ($1, $2, $3, $4, $5)",
            [(id, c.subject, c.commission.unit if c.commission else "", NORR, v) for id, (c, v) in met.items()],
        )
        await _copies(con, wanted // ROWS, now)


async def _copies(con: Any, batches: int, now: datetime) -> None:
    for index in INDEXES:
        await con.execute(f"drop index {index.partition(' ')[0]}")
    await con.execute("set synchronous_commit = off")
    await con.execute("set maintenance_work_mem = '1GB'")
    for table in ("log_batch", "log_entry"):
        for row in await con.fetch(
            "select inhrelid::regclass::text from pg_inherits where inhparent = $1::regclass", table
        ):
            await con.execute(f"alter table {row[0]} set unlogged")  # half the disk's work; what is asked is the same
    moment = "$1::timestamptz - ($2::bigint - i) * ($3::interval / $2::bigint)"
    for first in range(0, batches, 20_000):
        last = min(first + 20_000, batches) - 1
        given = (now, batches, YEAR, first, last)
        await con.execute(
            f"insert into log_batch(id, at, source, chain, seq, rows, hash, body) select i, {moment}, 'fvm/vis', i % 24, i / 24,"
            f" {ROWS}, sha256(int8send(i)), body from generate_series($4::bigint, $5::bigint) i"
            f" join template_batch t on t.n = i % {TEMPLATES}", *given,
        )  # fmt: skip
        await con.execute(
            f"insert into log_entry(at, pat, batch, who, nth) select {moment}, pat, i, who, nth"
            f" from generate_series($4::bigint, $5::bigint) i join template_row t on t.n = i % {TEMPLATES} order by i", *given,
        )  # fmt: skip
    print(f"{batches * ROWS:,} rows stand there; now their indexes", flush=True)
    for index in INDEXES:
        await con.execute(f"create index {index}")
    await con.execute("analyze")


async def ask(engine: Engine) -> None:
    """Pages of 100, the first one of its kind cold as far as PostgreSQL's own memory goes."""
    chance = random.Random(2)
    questions: dict[str, Callable[[], Question]] = {
        "a patient": lambda: Question(patient=f"pat-{chance.randrange(TEMPLATES)}-{chance.randrange(ROWS)}", within=NORR),
        "a user": lambda: Question(user=f"SE0000000001-P{chance.randrange(STAFF)}", within=NORR),
        "a unit": lambda: Question(unit=f"SE0000000001-U{chance.randrange(UNITS)}", within=NORR),
        "a system that does 5 %": lambda: Question(user="lab-system", within=NORR),
        "a whole provider": lambda: Question(provider=NORR, within=NORR),
    }  # fmt: skip
    for name, made in questions.items():
        await _timed(name, lambda made=made: asking.page(engine, made(), 100))
    half = datetime.now(UTC) - YEAR / 2
    old = Question(unit="SE0000000001-U7", within=NORR, until=half)
    await _timed("a unit, half a year ago", lambda: asking.page(engine, old, 100))


async def _timed(name: str, call: Callable[[], Coroutine[Any, Any, tuple[list[Any], str | None]]]) -> None:
    times, found = [], 0
    for _ in range(20):
        began = time.perf_counter()
        page, _next = await call()
        times.append((time.perf_counter() - began) * 1000)
        found = len(page)
    print(
        f"{name}: {found} posts, p50 {statistics.median(times):.0f} ms, first {times[0]:.0f}, worst {max(times):.0f}",
        flush=True,
    )


@asynccontextmanager
async def an_engine(url: str) -> AsyncIterator[Engine]:
    db = Database(url)
    await db.start()
    engine = Engine(db, record.mount(Settings(database_url=url, mode="demo")), lambda: None)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()
        await db.stop()


async def main(wanted: int) -> None:
    async with fresh_database(os.environ["FVM_POSTGRES_URL"], "information_platform") as url, an_engine(url) as engine:
        began = time.perf_counter()
        await fill(engine, wanted)
        size = await engine.db.pool.fetchval("select pg_database_size(current_database())")
        print(f"filled in {time.perf_counter() - began:.0f} s, {size / wanted:.0f} bytes a row", flush=True)
        await ask(engine)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000_000))
