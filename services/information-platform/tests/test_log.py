"""The region's access log: told by every service, collected, judged, kept (sweden.md §4.5)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from fhirserver.accesslog import AccessLog
from fhirserver.engine import Engine
from fhirserver.logpruning import Link, LogPruner
from fhirserver.logtelling import ToldBatch, opened, outgoing, unpacked
from information_platform.log import months
from information_platform.log.keeping import Keeper
from information_platform.log.testing import (
    DOCTOR,
    NORR,
    WARD,
    a_person,
    a_read,
    alarmed,
    collected,
    hears,
    logs,
    tells,
)
from information_platform.log.upkeep import Upkeep, alarms
from information_platform.log.verifying import verify
from information_platform.settings import Settings
from information_platform.testing import Region
from kit.events import CloudEvent


async def test_a_batch_is_told_once_with_what_its_numbers_mean(engine: Engine, region: Region) -> None:
    """LOG-04, LOG-09: rows are queued by the commit that writes them and told whole."""
    patient = await a_person(region)
    await tells(engine)
    await logs(engine, await a_read(engine, patient), await a_read(engine, patient, returned=0, withheld=1))

    [event] = await tells(engine)
    told = opened(event)

    assert event.source == told.source == "fvm/information"
    assert set(told.patients.values()) == {patient}
    assert [label.provider for label in told.labels.values()] == [NORR]
    [who] = [json.loads(bytes(value)) for value in told.who.values()]
    assert (who["id"], who["name"], who["unit"], who["role"]) == (DOCTOR.subject, DOCTOR.name, WARD.unit, WARD.role)
    assert await tells(engine) == []
    await hears(engine, event)


_EDITS = {
    "index": "delete from log_entry where batch = $1",
    "taken": "insert into log_batch select nextval('log_batch_number'), at, source, chain, seq, rows, hash, body from log_batch where id = $1",
    "batch": "update log_batch set hash = '\\x00' where id = $1",
    "end": "delete from log_batch where id >= $1 and chain = (select chain from log_batch where id = $1)",
    "stray": "delete from log_batch where id = $1",
}  # fmt: skip


@pytest.mark.parametrize("finding", list(_EDITS))
async def test_the_verifier_finds_what_somebody_edited_removed_or_put_in(
    engine: Engine, region: Region, finding: str
) -> None:
    """LOG-08."""
    patient = await a_person(region)
    for _ in range(3):
        await collected(engine, await a_read(engine, patient))
    before = await verify(engine)
    assert before.findings == []
    assert before.posts >= 3
    number = await engine.db.pool.fetchval("select max(batch) - 1 from log_entry")
    async with engine.db.pool.acquire() as con:
        await con.execute("create table kept_batch as table log_batch; create table kept_entry as table log_entry")
        await con.execute("alter table log_batch disable trigger user; alter table log_entry disable trigger user")
        try:
            await con.execute(_EDITS[finding], number)
            found = {one.what for one in (await verify(engine)).findings}
        finally:
            await con.execute("truncate log_batch, log_entry")
            await con.execute("insert into log_batch table kept_batch; insert into log_entry table kept_entry")
            await con.execute("drop table kept_batch, kept_entry")
            await con.execute("alter table log_batch enable trigger user; alter table log_entry enable trigger user")

    assert finding in found
    assert (await verify(engine)).findings == []


async def test_the_collected_log_cannot_be_changed_by_an_ordinary_statement(engine: Engine, region: Region) -> None:
    """LOG-08: append-only."""
    await collected(engine, await a_read(engine, await a_person(region)))
    for statement in ("update log_batch set rows = 0", "delete from log_entry", "delete from log_batch"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await engine.db.pool.execute(statement)


async def test_log_08_a_source_may_drop_its_rows_when_the_region_holds_them_unchanged(
    engine: Engine, region: Region
) -> None:
    patient, keeper = await a_person(region), Keeper(engine)
    await tells(engine)
    await logs(engine, await a_read(engine, patient))
    [event] = await tells(engine)
    told = opened(event)
    link = Link(told.chain, told.seq, told.hash.hex())

    assert await keeper.kept([link]) == []  # on its way
    await hears(engine, event)
    assert await keeper.kept([link, Link(told.chain, told.seq + 1, "00" * 32)]) == [(told.chain, told.seq)]
    assert await keeper.kept([Link(told.chain, told.seq, "00" * 32)]) == []  # another batch stands in its place
    await engine.db.pool.execute(
        "insert into log_alarm(source, chain, seq, what) values ('x', $1, $2, 'hash')", told.chain, told.seq
    )
    assert await keeper.kept([link]) == []  # somebody must look first
    await engine.db.pool.execute("delete from log_alarm where source = 'x'")
    pruner = LogPruner(engine, keeper.kept, 1)
    while await pruner.once(datetime.now(UTC) + timedelta(days=2)):
        pass
    assert await engine.db.pool.fetchval("select count(*) from access_log where chain = $1", told.chain) == 0
    assert [one for one in (await verify(engine)).findings if one.chain == told.chain] == []


def spoiled(event: CloudEvent, **changed: Any) -> CloudEvent:
    """The same event with another content."""
    told: ToldBatch = unpacked(event.data)
    for name, value in changed.items():
        setattr(told, name, value)
    return outgoing(told, event.time).event


async def test_a_batch_that_does_not_follow_its_chain_is_kept_and_raises_an_alarm(
    engine: Engine, region: Region
) -> None:
    """LOG-08: edited on its way, one missing, and one that somebody put in; the same batch told twice is none of them."""
    patient = await a_person(region)
    log = AccessLog()  # a chain of its own
    async with engine.db.pool.acquire() as con:
        for _ in range(5):
            await log.append(con, [await a_read(engine, patient)])
    events = [event for event in await tells(engine) if unpacked(event.data).chain in _chains(log)]
    count = len(await alarmed(engine))

    await hears(engine, events[0])
    await hears(engine, events[0], events[1])
    assert len(await alarmed(engine)) == count
    edited = bytes(unpacked(events[2].data).batch).replace(b'"care"', b'"quality"')
    await hears(engine, spoiled(events[2], batch=type(unpacked(events[2].data).batch)(edited)))
    await hears(engine, events[4])
    await hears(engine, spoiled(events[1], hash=b"\x01" * 32))

    assert (await alarmed(engine))[count:] == ["hash", "gap", "taken"]
    kept = await engine.db.pool.fetchval(
        "select count(*) from log_batch where chain = any($1::bigint[])", list(_chains(log))
    )
    assert kept == 5
    async with engine.db.pool.acquire() as con:
        assert (await alarms(con)).parked >= 3
    assert {one.what for one in (await verify(engine)).findings} >= {"hash", "gap", "taken"}
    await engine.db.pool.execute(
        "alter table log_batch disable trigger user; alter table log_entry disable trigger user"
    )
    for table, column in (("log_entry", "batch"), ("log_batch", "id")):
        await engine.db.pool.execute(
            f"delete from {table} where {column} in (select id from log_batch where chain = any($1::bigint[]))",
            list(_chains(log)),
        )
    await engine.db.pool.execute("delete from log_head where chain = any($1::bigint[])", list(_chains(log)))
    await engine.db.pool.execute("alter table log_batch enable trigger user; alter table log_entry enable trigger user")


def _chains(log: AccessLog) -> set[int]:
    return {chain.id for chain in log._chains.values()}


async def test_the_log_is_kept_for_at_least_five_years(engine: Engine) -> None:
    """LOG-03: a setting that refuses less; months past it are dropped whole, younger ones never."""
    with pytest.raises(ValueError, match="greater than or equal to 5"):
        Settings(database_url=engine.db.url, log_years=4)
    now = datetime(2031, 12, 15, tzinfo=UTC)
    async with engine.db.pool.acquire() as con, con.transaction():
        await months.ensure(con, [datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)])
    undo = engine.db.pool
    dropped = await _dropped(engine, now)
    assert "2026-10" in dropped
    assert "2026-12" not in dropped
    assert await undo.fetchval("select to_regclass('log_batch_y2026m12')") is not None


async def _dropped(engine: Engine, now: datetime) -> list[str]:
    """What upkeep would drop, undone."""
    async with engine.db.pool.acquire() as con:
        undo = con.transaction()
        await undo.start()
        found = await months.drop_before(con, now, 5)
        await undo.rollback()
    return found


async def test_upkeep_makes_the_months_that_come(engine: Engine) -> None:
    await Upkeep(engine.db, 5).once(datetime(2027, 5, 20, tzinfo=UTC))
    for name in ("y2027m05", "y2027m06"):
        assert await engine.db.pool.fetchval("select to_regclass($1)", f"log_entry_{name}") is not None
