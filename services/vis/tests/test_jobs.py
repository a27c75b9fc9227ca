"""Jobs outlive their processes: what one began, the next one finishes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from fhirserver.operations import exporting, planning, reindexing
from fhirserver.operations.working import Jobs
from kit.db import Database


@asynccontextmanager
async def working(engine: Engine) -> AsyncIterator[None]:
    """A process with its loop; when it ends it is as if it had been killed: the job stays as it was."""
    task = asyncio.create_task(Jobs(engine, lease=1).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def another(engine: Engine) -> AsyncIterator[Engine]:
    """A new process on the same database."""
    db = Database(engine.db.url)
    await db.start()
    other = Engine(db, engine.mount, lambda: None, ring=engine.ring)
    await other.start()
    try:
        yield other
    finally:
        await other.stop()
        await db.stop()


async def died_in(engine: Engine, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, times: int) -> None:
    """Works until this step was done so many times, then dies in the next one."""
    done, reached = getattr(module, name), asyncio.Event()
    count = 0

    async def step(*given: Any) -> Any:
        nonlocal count
        count += 1
        if count > times:
            reached.set()
            await asyncio.Event().wait()
        return await done(*given)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, step)
        async with working(engine):
            await asyncio.wait_for(reached.wait(), 20)


async def test_an_export_whose_process_died_is_finished_by_the_next(
    ward: Any, engine: Engine, bench: httpx2.AsyncClient, later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MOST", 2)
    patient = await ward.patient()
    ids = [await ward.observation(patient, "kill") for _ in range(6)]
    kicked = await bench.get("/$export?_type=Observation&_typeFilter=Observation%3Fcode%3Dkill", headers=later.headers)

    await died_in(engine, monkeypatch, exporting, "_keep", 2)
    assert (await bench.get(kicked.headers["content-location"])).status_code == 202
    async with another(engine) as other, working(other):
        manifest = (await later.finished(bench, kicked)).json()

    assert await later.refs(bench, manifest) == sorted(f"Observation/{id}" for id in ids)
    assert [file["count"] for file in manifest["output"]] == [2, 2, 2]


async def test_a_job_that_breaks_every_process_is_given_up(
    bench: httpx2.AsyncClient, later: Any, engine: Engine
) -> None:
    kicked = await bench.get("/$export", headers=later.headers)
    job = kicked.headers["content-location"].rpartition("/")[2]
    await engine.db.pool.execute("update job set turn = 5 where id = $1", job)
    async with working(engine):
        answer = await later.finished(bench, kicked)

    assert answer.status_code == 500
    assert "begun several times" in answer.text


async def spoilt(engine: Engine) -> None:
    """Takes every index entry away, as if other code had made none."""
    for table in ("alt", "idt", "str", "rng"):
        await engine.db.pool.execute(f"delete from {table}")
    await engine.db.pool.execute("update res set tok = null, refs = null, code = 1, dt = 5, dte = null")


async def test_a_reindex_makes_every_search_right_again_and_changes_nothing_else(
    ward: Any, engine: Engine, bench: httpx2.AsyncClient, later: Any
) -> None:
    patient = await ward.patient(name=[{"family": "Reindexsson"}], identifier=[{"system": "urn:r", "value": "1"}])
    about = await ward.observation(patient, "re-1", valueQuantity={"value": 7, "unit": "g"})
    searches = {
        f"/Observation?code=http://loinc.org|re-1&patient={patient}": [about],
        "/Observation?code=re-1&date=2026-03-01": [about],
        "/Observation?code=re-1&value-quantity=7": [about],
        "/Patient?family=reindex": [patient],
        "/Patient?identifier=urn:r|1": [patient],
    }
    kept = "select array_agg((key, ver, upd, body)::text order by key)::text from res"
    before = await engine.db.pool.fetchval(kept), await engine.db.pool.fetchval("select count(*) from outbox")
    await spoilt(engine)
    assert await ward.ids("/Patient?family=reindex") == []

    async with working(engine):
        answer = await later.finished(bench, await bench.post("/$reindex"))

    assert answer.status_code == 200, answer.text
    assert answer.json()["error"] == []
    for search, ids in searches.items():
        assert await ward.ids(search) == ids, search
    after = await engine.db.pool.fetchval(kept), await engine.db.pool.fetchval("select count(*) from outbox")
    assert after == before


async def test_what_was_indexed_before_codes_were_one_token_is_found_before_and_after_its_reindex(
    ward: Any, engine: Engine, bench: httpx2.AsyncClient, later: Any
) -> None:
    patient = await ward.patient()
    about = {"category": [{"coding": [{"system": "urn:om", "code": "om-1"}]}]}
    old = await ward.observation(patient, "om-code", **about)
    asked = ["category|om-1", "category|urn:om|", "code|om-code", "code|http://loinc.org|"]
    ways = [engine.keys.token(f"Observation.{way}") for way in asked]
    await engine.db.pool.execute("update res set tok = tok || $1::bigint[] where id = $2", ways, old)
    await engine.db.pool.execute("delete from means")
    searches = [f"/Observation?patient={patient}&{way}" for way in (
        "category=om-1", "category=urn:om|", "category=urn:om|om-1", "code=om-code", "code=http://loinc.org|",
        "code=http://loinc.org|om-code", "category=om-1&code:not=other",
    )]  # fmt: skip
    for search in searches:
        assert await ward.ids(search) == [old], search
    new = await ward.observation(patient, "om-code", category=[{"coding": [{"system": "urn:om", "code": "om-1"}]}])
    # Another process than the one that wrote what means what: this one remembers it, and the table was emptied behind it.
    async with another(engine) as other, working(other):
        await later.finished(bench, await bench.post("/$reindex"))
    for search in searches:
        assert sorted(await ward.ids(search)) == sorted([old, new]), search
    assert await ward.ids(f"/Observation?patient={patient}&category:not=om-1") == []
    left = await engine.db.pool.fetchval("select count(*) from res where tok && $1::bigint[]", ways)
    assert left == 0


async def test_a_reindex_with_nothing_to_do_writes_nothing(
    ward: Any, engine: Engine, bench: httpx2.AsyncClient, later: Any
) -> None:
    await ward.observation(await ward.patient(), component=[{"code": {"text": "x"}, "valueQuantity": {"value": 1.25}}])
    async with working(engine):
        await later.finished(bench, await bench.post("/$reindex"))
        where = "select array_agg((ctid, xmin)::text order by key)::text from res"
        before = await engine.db.pool.fetchval(where)
        job = await bench.post("/$reindex?_type=Observation,Patient")
        await later.finished(bench, job)

    told = await engine.db.pool.fetchval(
        "select told from job where id = $1", job.headers["content-location"].rpartition("/")[2]
    )
    assert await engine.db.pool.fetchval(where) == before
    assert ", 0 changed, 0 could not be read" in told


async def test_a_reindex_beside_writers_leaves_every_search_right(
    ward: Any, engine: Engine, bench: httpx2.AsyncClient, later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "_BATCH", 3)
    patient = await ward.patient()
    ids = [await ward.observation(patient, "cc-0") for _ in range(12)]
    stop, rounds = asyncio.Event(), 0

    async def write() -> None:
        nonlocal rounds
        while not stop.is_set():
            rounds += 1
            for id in ids:
                await ward.observation(patient, f"cc-{rounds}", id=id)

    await spoilt(engine)
    writer = asyncio.create_task(write())
    async with working(engine):
        for _ in range(3):
            answer = await later.finished(bench, await bench.post("/$reindex"))
            assert answer.status_code == 200
    stop.set()
    await writer

    for round in range(1, rounds):
        assert await ward.ids(f"/Observation?code=cc-{round}") == []
    assert sorted(await ward.ids(f"/Observation?code=cc-{rounds}&patient={patient}")) == sorted(ids)
    assert (
        await engine.db.pool.fetchval(
            "select count(*) from (select h, key from idt group by 1, 2 having count(*) > 2) t"
        )
        == 0
    )


async def test_a_reindex_goes_on_where_its_process_died(
    ward: Any, engine: Engine, bench: httpx2.AsyncClient, later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "_BATCH", 2)
    patient = await ward.patient(name=[{"family": "Resumesson"}])
    for _ in range(8):
        await ward.observation(patient, "rs")
    await spoilt(engine)
    kicked = await bench.post("/$reindex")
    assert (await bench.post("/$reindex")).status_code == 409

    await died_in(engine, monkeypatch, reindexing, "_batch", 3)
    status = await bench.get(kicked.headers["content-location"])
    assert status.headers["x-progress"].startswith("6 of ")
    async with another(engine) as other, working(other):
        await later.finished(bench, kicked)

    assert await ward.ids("/Patient?family=resume") == [patient]
    assert len(await ward.ids(f"/Observation?code=rs&patient={patient}")) == 8


async def test_what_cannot_be_read_is_told_and_stops_nothing(
    ward: Any, engine: Engine, bench: httpx2.AsyncClient, later: Any
) -> None:
    patient = await ward.patient(name=[{"family": "Broken"}])
    broken = await ward.observation(patient)
    key = engine.keys.of(f"Observation/{broken}")
    stored = await engine.db.pool.fetchval("select body from res where key = $1", key)
    await engine.db.pool.execute("update res set body = '\\x07' where key = $1", key)
    await spoilt(engine)
    async with working(engine):
        answer = await later.finished(bench, await bench.post("/$reindex"))

    told = await later.lines(bench, answer.json(), "error")
    assert f"Observation/{broken}" in told[0]["issue"][0]["diagnostics"]
    assert await ward.ids("/Patient?family=broken") == [patient]
    await engine.db.pool.execute("update res set body = $2 where key = $1", key, stored)


async def test_a_reindex_begins_by_itself_when_what_makes_the_index_has_changed(ward: Any, engine: Engine) -> None:
    patient = await ward.patient(name=[{"family": "Selfmade"}])
    await spoilt(engine)
    await engine.db.pool.execute("""insert into index_state("only", maker) values (1, 'other code')
                                    on conflict ("only") do update set maker = 'other code'""")
    async with working(engine):
        for _ in range(100):
            if await engine.db.pool.fetchval("select maker from index_state") == reindexing.maker():
                break
            await asyncio.sleep(0.05)

    assert await ward.ids("/Patient?family=selfmade") == [patient]


async def test_who_may_not_reindex_is_told_so(doctor: httpx2.AsyncClient, bench: httpx2.AsyncClient, ward: Any) -> None:
    assert (await doctor.post("/$reindex")).status_code == 403
    async with ward.client("system", scope="system/*.rs") as reader:
        assert (await reader.post("/$reindex")).status_code == 403
    assert (await bench.post("/$reindex?_type=Nothing")).status_code == 400
    assert (await bench.post("/$reindex?force=1")).status_code == 400
    assert (await bench.get("/$reindex")).status_code == 405
