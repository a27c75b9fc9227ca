"""The moment an export is true of: everything written up to it is in it, whoever is still writing (architecture D6)."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from access import all_seeing
from fhirserver.engine import Engine
from fhirserver.operations import settling
from fhirserver.operations.working import Jobs
from fhirserver.wishes import Put


@pytest.fixture(scope="module", autouse=True)
async def working(engine: Engine) -> AsyncIterator[None]:
    task = asyncio.create_task(Jobs(engine, lease=1).run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def half_written(engine: Engine, con: Any, id: str) -> None:
    """A version whose transaction is still open."""
    data = {"resourceType": "Patient", "id": id}
    wish = Put("Patient", id, json.dumps(data).encode(), data, engine.labels.register)
    await engine.writer.apply(con, [wish], all_seeing())


async def test_a_write_that_had_begun_is_waited_for(
    later: Any, bench: httpx2.AsyncClient, ward: Any, engine: Engine
) -> None:
    await ward.patient()
    async with engine.db.pool.acquire() as con, con.transaction():
        await half_written(engine, con, "slow-writer")
        kicked = await bench.get("/$export?_type=Patient", headers=later.headers)
        await asyncio.sleep(1.5)
        assert (await bench.get(kicked.headers["content-location"])).status_code == 202
    manifest = (await later.finished(bench, kicked)).json()

    assert "Patient/slow-writer" in await later.refs(bench, manifest)


async def test_before_a_write_that_does_not_end_the_export_is_true_of_an_earlier_moment(
    later: Any, bench: httpx2.AsyncClient, ward: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_PATIENCE", timedelta(seconds=0.5))
    async with engine.db.pool.acquire() as con, con.transaction():
        began = await con.fetchval("select now()")
        await half_written(engine, con, "no-end")
        after = await ward.patient()
        manifest = await later.exported(bench, "/$export?_type=Patient")
        found = await later.refs(bench, manifest)

    assert datetime.fromisoformat(manifest["transactionTime"]) < began
    assert not {"Patient/no-end", f"Patient/{after}"} & set(found)
    since = await later.exported(bench, f"/$export?_type=Patient&_since={manifest['transactionTime']}")
    assert {"Patient/no-end", f"Patient/{after}"} <= set(await later.refs(bench, since))


async def test_a_create_that_waited_for_its_transaction_gets_a_later_time(
    bench: httpx2.AsyncClient, engine: Engine
) -> None:
    """Else an export could miss it: its time would be before the moment, its commit after."""
    held = [await engine.db.pool.acquire() for _ in range(engine.db.pool.get_size())]
    held += [await engine.db.pool.acquire() for _ in range(engine.db.pool.get_max_size() - len(held))]
    waiting = asyncio.create_task(bench.post("/Organization", json={"resourceType": "Organization", "name": "Waits"}))
    await asyncio.sleep(1.2)
    let_go = datetime.now(UTC)
    for one in held:
        await engine.db.pool.release(one)
    answer = await waiting

    assert answer.status_code == 201
    stored = datetime.fromisoformat(answer.json()["meta"]["lastUpdated"])
    assert stored >= let_go - timedelta(seconds=0.6)
