"""Each look at a patient's data has its row, committed before the answer, without content, in chains that show any change."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest

from fhircore.types import TYPES
from fhirserver.accesslog import Entry, broken_links
from fhirserver.engine import Engine
from fhirserver.logpruning import Link, LogPruner
from fhirserver.logtelling import LogTeller
from kit.caller import Caller
from kit.outbox import LARGEST


@pytest.fixture
async def other_connection(engine: Engine) -> AsyncIterator[asyncpg.Connection]:
    """A connection of its own: it sees only what is committed."""
    connection = await asyncpg.connect(engine.db.url)
    yield connection
    await connection.close()


async def since(con: asyncpg.Connection, last: int) -> list[asyncpg.Record]:
    return list(await con.fetch("select * from access_log where id > $1 order by id", last))


async def newest(con: asyncpg.Connection) -> int:
    return int(await con.fetchval("select coalesce(max(id), 0) from access_log"))


async def test_every_interaction_leaves_one_row_that_says_who_what_and_of_whom(
    ward: Any, doctor: httpx2.AsyncClient, engine: Engine, other_connection: asyncpg.Connection, an_observation_of: Any
) -> None:
    con = other_connection
    patient = await ward.patient(name=[{"family": "Hemligsson"}])
    key = engine.keys.of(f"Patient/{patient}")
    observation = await ward.observation(patient)
    number = TYPES["Observation"].number
    put = {**an_observation_of(patient), "id": observation}
    context = {"fvm-patient": patient}
    bundle = {"resourceType": "Bundle", "type": "transaction",
              "entry": [{"resource": an_observation_of(patient), "request": {"method": "POST", "url": "Observation"}}]}  # fmt: skip
    calls: list[tuple[str, Any]] = [
        ("read", lambda: doctor.get(f"/Observation/{observation}")),
        ("vread", lambda: doctor.get(f"/Observation/{observation}/_history/1")),
        ("history", lambda: doctor.get(f"/Observation/{observation}/_history")),
        ("search", lambda: doctor.get(f"/Observation?patient={patient}")),
        ("search", lambda: doctor.get("/Patient?family=hemligsson")),
        ("search", lambda: doctor.get(f"/Observation?patient={patient}&_summary=count")),
        ("search", lambda: doctor.post("/Observation/_search", data={"patient": patient})),
        ("everything", lambda: doctor.get(f"/Patient/{patient}/$everything")),
        ("create", lambda: doctor.post("/Observation", json=an_observation_of(patient), headers=context)),
        ("update", lambda: doctor.put(f"/Observation/{observation}", json=put, headers=context)),
        ("transaction", lambda: doctor.post("", json=bundle, headers=context)),
    ]
    for activity, call in calls:
        last = await newest(con)
        answer = await call()
        rows = await since(con, last)
        assert answer.status_code in (200, 201), answer.text
        assert [row["activity"] for row in rows] == [activity]
        (row,) = rows
        assert key in row["patients"], activity
        assert number in row["types"] or TYPES["Patient"].number in row["types"]
        assert len(row["patients"]) == len(row["types"]) == len(row["labels"])
        assert (row["commission"], row["purpose"], row["client"]) == ("c-1", "care", "test")
        assert row["actor"] == "SE2321000016-person-1"
        assert row["trace"]


async def test_what_was_withheld_is_logged_and_what_is_not_about_patients_is_not(
    ward: Any, doctor: httpx2.AsyncClient, doctor_elsewhere: httpx2.AsyncClient, other_connection: asyncpg.Connection
) -> None:
    con = other_connection
    patient, organization = await ward.patient(), await ward.add({"resourceType": "Organization", "name": "x"})
    observation = await ward.observation(patient, by=doctor)
    last = await newest(con)
    assert (await doctor_elsewhere.get(f"/Observation/{observation}")).status_code == 404
    (row,) = await since(con, last)
    assert (row["returned"], row["withheld"]) == (0, 1)
    last = await newest(con)
    assert (await doctor.get(f"/Organization/{organization}")).status_code == 200
    assert await since(con, last) == []


async def test_no_row_holds_content(
    ward: Any, doctor: httpx2.AsyncClient, other_connection: asyncpg.Connection
) -> None:
    secret = "Hemligt-Namn-4711"
    patient = await ward.patient(name=[{"family": secret}], identifier=[{"system": "urn:s", "value": secret}])
    await doctor.get(f"/Patient?family={secret}")
    await doctor.get(f"/Patient?identifier=urn:s|{secret}")
    await doctor.get(f"/Patient/{patient}")
    text = await other_connection.fetchval("select string_agg(access_log::text, ' ') from access_log")
    assert secret.lower() not in text.lower()


async def test_reads_that_arrive_together_are_each_logged(
    ward: Any, doctor: httpx2.AsyncClient, engine: Engine, other_connection: asyncpg.Connection
) -> None:
    patients = [await ward.patient() for _ in range(5)]
    last = await newest(other_connection)
    await asyncio.gather(*(doctor.get(f"/Patient/{patient}") for patient in patients for _ in range(20)))
    rows = await since(other_connection, last)
    assert len(rows) == 100
    assert {row["patients"][0] for row in rows} == {engine.keys.of(f"Patient/{patient}") for patient in patients}


async def test_log_08_old_rows_go_when_the_region_holds_them_and_the_chains_stay_whole(
    ward: Any, doctor: httpx2.AsyncClient, engine: Engine, other_connection: asyncpg.Connection
) -> None:
    con = other_connection
    patient = await ward.patient()
    for _ in range(3):
        await doctor.get(f"/Patient/{patient}")
    soon = datetime.now(UTC) + timedelta(days=31)
    asked: list[Link] = []

    async def all_of_them(links: Any) -> list[tuple[int, int]]:
        asked.extend(links)
        return [(link.chain, link.seq) for link in links]

    async def none_of_them(links: Any) -> list[tuple[int, int]]:
        return []

    before = await con.fetchval("select count(*) from access_log")
    assert await LogPruner(engine, all_of_them, 30).once(soon) == 0  # not told yet
    async with engine.db.pool.acquire() as mine:
        while await LogTeller(engine).once(mine):
            pass
    assert await LogPruner(engine, none_of_them, 30).once(soon) == 0  # told, but the region does not hold them
    assert await LogPruner(engine, all_of_them, 30).once(datetime.now(UTC)) == 0  # too young
    assert await con.fetchval("select count(*) from access_log") == before
    while await LogPruner(engine, all_of_them, 30).once(soon):
        pass

    assert await con.fetchval("select count(*) from access_log") == 0
    assert all(len(bytes.fromhex(link.hash)) == 32 for link in asked)
    assert await broken_links(con) == []
    await doctor.get(f"/Patient/{patient}")  # the chains go on where they were
    assert await broken_links(con) == []
    undo = con.transaction()
    await undo.start()
    last = await con.fetchrow("select chain, seq from access_log order by id desc limit 1")
    await con.execute("update access_chain set gone = now() where chain = $1 and seq = $2", *last)
    assert await broken_links(con) == [tuple(last)]  # said to be gone, and there
    await undo.rollback()


async def test_log_09_a_request_about_very_many_is_told_in_parts_that_fit(
    engine: Engine, other_connection: asyncpg.Connection
) -> None:
    last = await newest(other_connection)
    caller = Caller("robot", "system", "robot")
    places = [(7_000_000_000_000_000_000 + number, 1, 1) for number in range(20_000)]
    async with engine.db.pool.acquire() as con:
        small = Entry(caller, "read", places[:1], 1)
        await engine.log.append(con, [small, Entry(caller, "export", places, 20_500, 7), small])
        async with con.transaction():  # as writers do it
            await engine.log.append(con, [Entry(caller, "export", places[:9_000], 9_000)])
        engine.log.settled(con)
        events = []
        while (await LogTeller(engine).once(con)) or not events:
            events += await con.fetch("delete from outbox where topic = 'audit.access.v1' returning value")

    rows = await since(other_connection, last)
    exports = [row for row in rows if row["activity"] == "export"]
    assert [len(row["patients"]) for row in exports] == [8000, 8000, 4000, 8000, 1000]
    assert [(row["returned"], row["withheld"]) for row in exports[:3]] == [(8000, 7), (8000, 0), (4500, 0)]
    assert [len(row["patients"]) for row in rows if row["activity"] == "read"] == [1, 1]
    assert await broken_links(other_connection) == []
    assert max(len(event["value"]) for event in events) < LARGEST


@pytest.mark.parametrize(
    "change",
    [
        "update access_log set returned = returned + 1 where id = $1",
        "update access_log set actor = 'somebody else' where id = $1",
        "update access_log set at = at - interval '1 day' where id = $1",
        "update access_log set patients = array[1]::bigint[] where id = $1",
        "update access_log set policy = 'another' where id = $1",
        "delete from access_log where id = $1",
        "delete from access_chain where (chain, seq) = (select chain, seq from access_log where id = $1)",
    ],
)
async def test_the_chains_are_whole_and_show_any_later_change(
    ward: Any, doctor: httpx2.AsyncClient, other_connection: asyncpg.Connection, change: str
) -> None:
    patient = await ward.patient()
    for _ in range(6):
        await doctor.get(f"/Patient/{patient}")
    con = other_connection
    assert await broken_links(con) == []
    victim = await con.fetchval(
        "select l.id from access_log l join access_chain n on n.chain = l.chain and n.seq = l.seq + 1 order by l.id desc limit 1"
    )
    undo = con.transaction()
    await undo.start()
    await con.execute(change, victim)
    assert await broken_links(con) != []
    await undo.rollback()
    assert await broken_links(con) == []
