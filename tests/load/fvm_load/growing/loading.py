"""`fvm bench --grow N`: VIS filled up to N resources by several processes, each with an engine of its own, then vacuumed.

Rows are made as the engine makes them (index, label, packed body, what the law must know) and stored by its COPY. What goes by:
validation (Synthea's bundles are valid), the access log and the outbox. So the rest of the region does not hear of it.
"""

import asyncio
import gc
import multiprocessing
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from access import REGISTER, Label, unlabelled
from fhircore.types import TYPES, information_type
from fhirserver import store
from fhirserver.engine import Engine, Mount
from fhirserver.store import Row
from fhirserver.wishes import Put
from fvm.places import Places
from fvm.trouble import Trouble
from fvm_load import synthea
from fvm_load.growing.templates import Copy, Made, Source, Ward
from kit.db import Database
from kit.keyring import keyring

BATCH = 1_000  # rows of one transaction
EACH = 1_500  # bytes of disk that a resource takes, with room for what is being written
WAL = 4_500_000_000  # bytes of disk that PostgreSQL's log may take meanwhile
_SPREAD = 730  # days: a copy ends on one of the last two years' days
_TABLES = ("res", "alt", "idt", "str", "rng", "txt", "term", "patient_label", "access_relation")
Units = tuple[tuple[str, str], ...]  # provider and unit, by their ids
_SAY = 10.0  # seconds between two words about how far it has come


@dataclass(frozen=True, slots=True)
class Order:
    """What one process loads: every `of`-th unit beginning with `first`, until all have made `wanted` resources."""

    url: str
    base: str
    run: int
    first: int
    of: int
    wanted: int
    units: Units  # whose facts they are, in turn; empty: nobody's
    master: str  # the master key that bodies are sealed under; "": they are not


@dataclass(frozen=True, slots=True)
class Grown:
    """What a growth did: resources added, and how long loading and vacuuming took (s)."""

    added: int
    loading: float
    vacuuming: float


def grow(
    url: str,
    base: str,
    size: int,
    data: Path,
    tell: Callable[[str], None],
    processes: int = 0,
    units: Units = (),
) -> Grown:
    """Fills the database of VIS at `url` (public FHIR base `base`) until it holds `size` resources, or a few more.

    They belong to `units` in turn; without any, to those that own what is there already. Raises Trouble where the shared data are absent, the disk has too little room, or a process fails.
    """
    if synthea.folder() is None:
        raise Trouble("There is nothing to grow from: ../shared/data/synthea is not beside the checkout.")
    count, owners = asyncio.run(_standing(url))
    units = units or owners
    wanted = size - count
    if wanted <= 0:
        tell(f"{count:,} resources are there already")
        return Grown(0, 0.0, 0.0)
    _must_have_room(data, wanted)
    processes = processes or max(1, os.cpu_count() or 1)
    run = secrets.randbits(128)
    key = Places(data).master_key
    master = key.read_text().strip() if key.exists() else ""
    orders = [Order(url, base, run, first, processes, wanted, units, master) for first in range(processes)]
    began = time.monotonic()
    added = _work(orders, wanted, tell)
    loaded = time.monotonic()
    tell("vacuuming: the index's pending lists, statistics, what is visible")
    asyncio.run(_vacuum(url))
    return Grown(added, loaded - began, time.monotonic() - loaded)


def _work(orders: list[Order], wanted: int, tell: Callable[[str], None]) -> int:
    """All orders side by side; how many resources they stored."""
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    workers = [context.Process(target=_load, args=(order, counter), daemon=True) for order in orders]
    for worker in workers:
        worker.start()
    began = said = time.monotonic()
    try:
        while any(worker.is_alive() for worker in workers):
            time.sleep(0.2)
            if any(worker.exitcode for worker in workers):
                raise Trouble("A loading process failed; what it said stands above. Run it again to go on from there.")
            if time.monotonic() - said >= _SAY:
                said = time.monotonic()
                rate = counter.value / (said - began)
                tell(f"{counter.value:,} of {wanted:,} resources, {rate:,.0f} a second")
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
    if any(worker.exitcode for worker in workers):
        raise Trouble("A loading process failed; what it said stands above. Run it again to go on from there.")
    return int(counter.value)


def _load(order: Order, counter: Any) -> None:
    """A process: ends by itself when all together have made enough."""
    gc.disable()  # rows have no cycles, and the templates would be walked through again and again
    asyncio.run(_loading(order, counter))


async def _loading(order: Order, counter: Any) -> None:
    database = Database(order.url, pool_size=2, engine_size=1)
    await database.start()
    engine = Engine(database, Mount("vis", order.base, "VIS"), lambda: None, ring=keyring(order.master))
    await engine.start()
    try:
        ward = Source(order.run).ward
        batch: list[Row] = []
        for made, unit in _made(ward, order):
            batch.append(await _row(engine, made, unit))
            if len(batch) >= BATCH:
                if await _stored(engine, batch, counter) >= order.wanted:
                    return
                batch = []
    finally:
        await engine.stop()
        await database.stop()


def _made(ward: Ward, order: Order) -> Iterator[tuple[Made, tuple[str, str] | None]]:
    """The resources of this order, without end: what is shared first, by the first process only."""
    if order.first == 0:
        shared = Copy(order.run, 0, 0)
        yield from ((shared.of(template), None) for template in ward.shared)
    today = datetime.now(UTC).toordinal() - ward.newest.toordinal()
    number = order.first
    while True:
        copy = Copy(order.run, number + 1, today - number * 13 % _SPREAD)
        unit = order.units[number % len(order.units)] if order.units else None
        yield from ((copy.of(template), unit) for template in ward.patients[number % len(ward.patients)])
        number += order.of


async def _row(engine: Engine, made: Made, unit: tuple[str, str] | None) -> Row:
    label = await engine.labels.number(engine.db.pool, _label(made, unit))
    put = Put(made.type_name, made.id, made.raw, made.data, label, new=True)
    return engine.writer.row(put, 1, datetime.now(UTC))


def _label(made: Made, unit: tuple[str, str] | None) -> Label:
    kind = TYPES[made.type_name].kind
    if kind in ("register", "knowledge"):
        return REGISTER
    info = information_type(made.data) or ""
    return unlabelled(info) if unit is None or kind == "other" else Label(*unit, info)


async def _stored(engine: Engine, rows: list[Row], counter: Any) -> int:
    """One transaction; how many all processes have stored now."""
    await engine.writer.settle()
    async with engine.db.pool.acquire() as connection, connection.transaction():
        await engine.writer.settle(rows)  # sealed, where there is a master key
        await store.insert(connection, rows)
        await engine.writer.mark(connection, rows)
    with counter.get_lock():
        counter.value += len(rows)
        return int(counter.value)


async def _standing(url: str) -> tuple[int, Units]:
    """How many resources there are, and the units that own some of them."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        count = await connection.fetchval("select count(*) from res")
        rows = await connection.fetch("select distinct provider, unit from label where unit <> '' order by 1, 2")
        return int(count), tuple((row["provider"], row["unit"]) for row in rows)
    finally:
        await connection.close()


async def _vacuum(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        for table in _TABLES:
            await connection.execute(f"vacuum (analyze) {table}")
    finally:
        await connection.close()


def _must_have_room(data: Path, wanted: int) -> None:
    free, needed = shutil.disk_usage(data).free, wanted * EACH + WAL
    if free < needed:
        raise Trouble(
            f"{wanted:,} more resources need {needed / 1e9:.1f} GB of disk at {data}; {free / 1e9:.1f} GB are free."
        )
