"""D8: one key per person whoever writes first, retired and destroyed in every process within two seconds, wrapped anew at will."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from kit.db import Database
from kit.keyring import LATEST, Erased, Keyring
from kit.sealing import Master, WrongMaster
from kit.testing import fresh_database

OLD, NEW = Master.new(), Master.new()


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[Database]:
    async with fresh_database(postgres_url, "vis") as url:
        made = Database(url)
        await made.start()
        yield made
        await made.stop()


def ring(db: Database, text: str = OLD, limit: int = 50_000) -> Keyring:
    made = Keyring(Master.read(text), limit=limit)
    made.pool = db.pool
    return made


async def test_processes_that_write_first_at_once_agree_on_the_key(db: Database) -> None:
    rings = [ring(db) for _ in range(5)]
    found = await asyncio.gather(*(one.current([1, 2, 3]) for one in rings))
    assert len({tuple(key.id for _, key in sorted(keys.items())) for keys in found}) == 1
    assert await db.pool.fetchval("select count(*) from keys.data_key") == 3
    assert len({key.raw for keys in found for key in keys.values()}) == 3


async def test_another_process_stops_sealing_with_a_retired_key_and_forgets_a_destroyed_one(db: Database) -> None:
    one, other = ring(db), ring(db)
    before = (await one.current([7]))[7]
    assert (await other.current([7]))[7].id == before.id
    loop = asyncio.create_task(other.run())
    async with db.pool.acquire() as con, con.transaction():
        await one.retire(con, [7])
    began = time.monotonic()
    while (await other.current([7]))[7].id == before.id:
        assert time.monotonic() - began < LATEST + 1
        await asyncio.sleep(0.05)
    sealed = before.seal(b"x", 1)
    await other.ready(db.pool, [sealed])
    assert other.held(before.id).opened(sealed, 1) == b"x", "what it sealed is read until it is destroyed"
    async with db.pool.acquire() as con, con.transaction():
        doomed = await one.doomed(con, [7], datetime.now(UTC))
        assert await one.destroy(con, doomed) == 1
    with pytest.raises(Erased):
        one.held(before.id)
    began = time.monotonic()
    while before.id in other._keys:
        assert time.monotonic() - began < LATEST + 1
        await asyncio.sleep(0.05)
    loop.cancel()
    await other.ready(db.pool, [sealed])
    with pytest.raises(Erased):
        other.held(before.id)


async def test_a_process_that_has_not_looked_for_long_looks_before_it_seals(db: Database) -> None:
    one, stalled = ring(db), ring(db)
    before = (await stalled.current([7]))[7]
    async with db.pool.acquire() as con, con.transaction():
        await one.retire(con, [7])
    stalled._looked -= LATEST
    assert (await stalled.current([7]))[7].id != before.id


async def test_what_names_several_goes_with_any_of_them(db: Database) -> None:
    one = ring(db)
    async with db.pool.acquire() as con, con.transaction():
        shared, alone = await one.shared(con, [1, 2]), await one.shared(con, [1])
    assert alone.id == (await one.current([1]))[1].id
    now = datetime.now(UTC)
    async with db.pool.acquire() as con, con.transaction():
        assert await one.doomed(con, [2], now + timedelta(seconds=1)) == [shared.id]
        assert await one.doomed(con, [2], now - timedelta(hours=1)) == [], "made after the order: a new life"
        assert await one.doomed(con, [3], now) == []


async def test_keys_are_wrapped_anew_and_the_old_master_opens_nothing(db: Database) -> None:
    before = await ring(db).current(range(1, 1200))
    changed = ring(db, NEW + OLD)
    assert await changed.rewrap(db.pool) == 1199
    assert await changed.rewrap(db.pool) == 0
    after = await ring(db, NEW).current(range(1, 1200))
    assert {owner: key.raw for owner, key in after.items()} == {owner: key.raw for owner, key in before.items()}
    with pytest.raises(WrongMaster):
        await ring(db, OLD).current([1])


async def test_memory_is_bounded_and_what_is_in_use_stays(db: Database) -> None:
    small = ring(db, limit=10)
    keys = await small.current(range(1, 31))
    assert len(small._keys) == 30, "used a moment ago"
    small._used = dict.fromkeys(small._used, time.monotonic() - 3600)
    await small.ready(db.pool, [keys[1].seal(b"x", 1)])
    await small.current([31])
    assert set(small._keys) >= {keys[1].id}
    assert len(small._keys) <= 11


async def test_a_reader_is_given_what_was_made_here_and_told_what_is_destroyed(db: Database) -> None:
    one = ring(db)
    keys = await one.current([7, 8])
    async with db.pool.acquire() as con, con.transaction():
        await one.destroy(con, [keys[8].id])
    found = await ring(db).given([keys[7].id, keys[8].id, 4711])
    assert {id: key and key.raw for id, key in found.items()} == {keys[7].id: keys[7].raw, keys[8].id: None}
