"""VIS's copy of the law: it follows what the region tells, knows how old it is, asks, and keeps what was taken here (D9)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from access import Rules
from fhirserver.engine import Engine
from fhirserver.facts import put_rules
from kit.caller import Commission
from kit.db import driver
from kit.events import CloudEvent, UnreadableEvent
from kit.http import Answer
from kit.items import inbox_id
from kit.problems import Unavailable
from kit.testing import TestIssuer
from kit.web import new_app
from vis import record
from vis.access import api
from vis.access.handlers import TOPIC, handlers
from vis.access.replica import Replica

SJOVIK = Commission("c-2", "SE0000000002-S1", "Sjövik", "SE0000000002-S", "Hälsoakuten", "Läkare")
NOW = datetime.now(UTC)


@pytest.fixture
async def hears(engine: Engine) -> Any:
    """Hands VIS one message of the topic, as its inbox would."""

    async def hear(key: str, value: dict[str, Any] | None) -> None:
        data = b"" if value is None else json.dumps(value).encode()
        event = CloudEvent(str(uuid4()), "fvm/information", TOPIC, NOW, data, key)
        async with engine.db.transaction() as tx:
            await handlers(engine, "vis")[TOPIC](tx, [event])

    return hear


@pytest.fixture
async def doors(engine: Engine, issuer: TestIssuer) -> AsyncIterator[Any]:
    app = new_app("VIS", db=engine.db, verifier=issuer.verifier(record.PATH), routers=[api.router(engine)])
    made: list[httpx2.AsyncClient] = []

    def client(kind: Any, **token: Any) -> httpx2.AsyncClient:
        headers = issuer.headers(kind, audience=[record.PATH], **token)
        found = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://localhost:8080", headers=headers
        )
        made.append(found)
        return found

    yield client
    for one in made:
        await one.aclose()


def told(patient: str, version: int, *units: str, taken: tuple[str, ...] = ()) -> dict[str, Any]:
    relations = [{"unit": unit, "since": "2026-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"} for unit in units]
    facts = {"version": version, "relations": relations}
    return {"patients": [patient], "version": version, "facts": facts, "taken": list(taken), "at": NOW.isoformat()}


async def units(engine: Engine, patient: str) -> list[str]:
    """The units that have a relation to this patient, as the predicate in SQL finds them."""
    rows = await engine.db.pool.fetch(
        "select unit from access_relation where pat = $1 and source is null and ground <> 'list' and until > now()",
        engine.keys.of(f"Patient/{patient}"),
    )
    return sorted(row["unit"] for row in rows)


async def test_an_older_fact_never_replaces_a_newer(engine: Engine, hears: Any) -> None:
    patient = str(uuid4())
    await hears(patient, told(patient, 512, "SE-2"))
    await hears(patient, told(patient, 256, "SE-1"))
    assert await units(engine, patient) == ["SE-2"]
    await hears(patient, told(patient, 768))
    assert await units(engine, patient) == []


async def test_facts_hold_under_every_id_of_the_person(engine: Engine, hears: Any) -> None:
    one, other = str(uuid4()), str(uuid4())
    await hears(one, {**told(one, 512, "SE-1"), "patients": [one, other]})
    assert [await units(engine, id) for id in (one, other)] == [["SE-1"], ["SE-1"]]


async def test_a_tombstone_forgets_the_person(engine: Engine, hears: Any) -> None:
    patient = str(uuid4())
    await hears(patient, told(patient, 512, "SE-1"))
    await hears(patient, None)
    assert await units(engine, patient) == []
    key = engine.keys.of(f"Patient/{patient}")
    assert await engine.db.pool.fetchval("select count(*) from access_fact where pat = $1", key) == 0


async def test_what_is_no_fact_is_parked_with_its_reason(hears: Any) -> None:
    with pytest.raises(UnreadableEvent):
        await hears("p", {"facts": "x"})


async def test_rules_for_everybody_are_followed(engine: Engine, hears: Any) -> None:
    before = engine.law.rules
    try:
        await hears("rules", {"rules": {"sharing": ["SE-1"]}, "version": 1, "at": NOW.isoformat()})
        await engine.law.refresh(engine.db.pool)
        assert engine.law.rules == Rules(sharing=frozenset(("SE-1",)))
    finally:
        async with engine.db.pool.acquire() as con:
            await put_rules(con, before)
        await engine.law.refresh(engine.db.pool)


class Region:
    """The information platform as VIS asks it."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers, self.asked, self.there, self.slow = list(answers), 0, True, 0.0

    async def send(self, *_: Any, **__: Any) -> Answer:
        self.asked += 1
        await asyncio.sleep(self.slow)
        if not self.there:
            raise Unavailable
        return Answer(200, {}, json.dumps(self.answers).encode())

    async def token(self) -> str:
        return "own"


async def beat(hears: Any, lanes: int, ago: float, *which: int) -> None:
    for lane in which or range(lanes):
        at = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
        await hears(f"beat-{lane}", {"beat": {"lane": lane, "lanes": lanes}, "at": at})


@pytest.fixture
async def region(engine: Engine) -> Region:
    await engine.db.pool.execute("truncate access_beat")
    return Region()


@pytest.fixture
def replica(engine: Engine, region: Region) -> Replica:
    return Replica(engine, region, region)  # type: ignore[arg-type]


async def test_d9_the_copy_is_as_old_as_its_oldest_partition(replica: Replica, hears: Any) -> None:
    await replica.look()
    assert not replica.young  # nothing was heard yet
    await beat(hears, 3, 1.0)
    await replica.look()
    assert replica.young
    assert 1.0 <= replica.age < 3.0
    await replica.engine.db.pool.execute("update access_beat set at = at - interval '9 seconds' where lane = 2")
    await replica.look()
    assert replica.age > 9
    await replica.engine.db.pool.execute("delete from access_beat where lane = 2")
    await beat(hears, 3, 0.0, 0, 1)
    await replica.look()
    assert not replica.young  # one partition is silent


async def test_a_heartbeat_of_the_future_is_not_believed(replica: Replica, hears: Any) -> None:
    await beat(hears, 1, -60)
    await replica.look()
    assert not replica.young


async def test_heartbeats_leave_nothing_in_the_inbox(engine: Engine) -> None:
    values = [{"beat": {"lane": 0, "lanes": 1}, "at": NOW.isoformat()}, told("somebody", 256)]
    events = [
        CloudEvent(str(uuid4()), "fvm/information", TOPIC, NOW, json.dumps(value).encode(), f"k{nth}")
        for nth, value in enumerate(values)
    ]
    beating, telling = (inbox_id("vis", TOPIC, event) for event in events)
    async with engine.db.transaction() as tx:
        con = await driver(tx)
        await con.execute("insert into inbox(event) select unnest($1::uuid[])", [beating, telling])
        await handlers(engine, "vis")[TOPIC](tx, events)
    assert [row["event"] for row in await engine.db.pool.fetch("select event from inbox")] == [telling]


async def test_a_young_copy_asks_nobody_and_an_old_one_asks_the_region(
    replica: Replica, region: Region, hears: Any, ward: Any
) -> None:
    patient = await ward.patient()
    keys = replica.engine.patient_keys(patient)
    await beat(hears, 1, 0)
    await replica.look()
    assert (await replica.fresh(keys), region.asked) == (True, 0)
    replica._looked -= 6
    region.answers = [told(patient, 512, "SE-7")]
    assert (await replica.fresh(keys), region.asked) == (True, 1)
    assert await units(replica.engine, patient) == ["SE-7"]


async def test_an_old_copy_is_not_trusted_about_somebody_whose_patient_is_not_here(
    replica: Replica, region: Region, ward: Any
) -> None:
    here, nobody = replica.engine.patient_keys(await ward.patient()), replica.engine.patient_keys(str(uuid4()))
    assert await replica.fresh(here) is True
    assert await replica.fresh([*here, *nobody]) is False
    assert region.asked == 1


async def test_before_a_refusal_a_young_copy_asks_once(replica: Replica, region: Region, hears: Any, ward: Any) -> None:
    patient = await ward.patient()
    await beat(hears, 1, 0)
    await replica.look()
    region.answers = [told(patient, 512, "SE-8")]
    for _ in range(3):
        assert await replica.fresh(replica.engine.patient_keys(patient), again=True)
    assert (region.asked, await units(replica.engine, patient)) == (1, ["SE-8"])


async def test_many_who_are_refused_at_once_ask_the_region_once(replica: Replica, region: Region, ward: Any) -> None:
    keys = replica.engine.patient_keys(await ward.patient())
    region.slow = 0.05
    assert await asyncio.gather(*(replica.fresh(keys, again=True) for _ in range(9))) == [True] * 9
    assert region.asked == 1


async def test_a_reader_who_began_after_the_region_was_asked_need_not_read_twice(replica: Replica, ward: Any) -> None:
    keys = replica.engine.patient_keys(await ward.patient())
    before = time.monotonic()
    assert not replica.heard(keys, before)
    assert await replica.fresh(keys, again=True)
    assert not replica.heard(keys, before)  # what this reader has read may be older than the answer
    assert replica.heard(keys, time.monotonic())
    assert not replica.heard([*keys, 7], time.monotonic())


async def test_facts_that_stand_already_are_not_written_again(
    replica: Replica, region: Region, hears: Any, ward: Any
) -> None:
    patient = await ward.patient()
    await hears(patient, told(patient, 512, "SE-7"))
    written = "select xmin::text from access_fact where pat = $1"
    key = replica.engine.keys.of(f"Patient/{patient}")
    before = await replica.engine.db.pool.fetchval(written, key)
    region.answers = [told(patient, 512, "SE-7")]
    assert await replica.fresh([key], again=True)
    assert await replica.engine.db.pool.fetchval(written, key) == before
    replica._asked.clear()
    region.answers = [told(patient, 768, "SE-8")]
    assert await replica.fresh([key], again=True)
    assert await units(replica.engine, patient) == ["SE-8"]


async def test_blk_14_an_old_copy_fails_closed_within_300_ms_when_the_region_is_away_or_slow(
    replica: Replica, region: Region, ward: Any
) -> None:
    keys = replica.engine.patient_keys(await ward.patient())
    region.there = False
    assert await replica.fresh(keys) is False
    region.there, region.slow = True, 5.0
    began = time.monotonic()
    assert await replica.fresh(keys) is False
    assert time.monotonic() - began < 1.0


async def test_only_the_information_platform_puts_facts_in_force(engine: Engine, doors: Any) -> None:
    patient = str(uuid4())
    body = told(patient, 512, "SE-1")
    bench, owner = doors("system", client_id="bench"), doors("system", client_id="information")
    staff = doors("staff", commission=SJOVIK)
    assert [(await one.post("/internal/access/facts", json=body)).status_code for one in (bench, staff)] == [403, 403]
    assert await units(engine, patient) == []
    answer = await owner.post("/internal/access/facts", json=body)
    assert (answer.status_code, await units(engine, patient)) == (200, ["SE-1"])
    assert (await owner.post("/internal/access/facts", json={"facts": 7})).status_code == 400


async def test_emg_05_an_emergency_taken_at_vis_holds_at_once_is_told_and_survives_what_the_region_says(
    engine: Engine, doors: Any, hears: Any, ward: Any
) -> None:
    patient = await ward.patient()
    await engine.db.pool.execute("truncate outbox")
    doctor = doors("staff", commission=SJOVIK)
    body = {"id": str(uuid4()), "reason": "Medvetslös", "ground": "life", "confirmed": True}
    for _ in range(2):  # sent twice, taken once
        answer = await doctor.post(f"/vis/access/patients/{patient}/emergencies", json=body)
        assert answer.status_code == 201, answer.text
    rows = await engine.db.pool.fetch("select key, value from outbox where topic = 'vis.access-taken.v1'")
    act = json.loads(rows[0]["value"])
    assert (len(rows), rows[0]["key"], act["id"], act["ground"]) == (1, patient, body["id"], "emergency")
    assert await units(engine, patient) == [SJOVIK.unit]

    await hears(patient, told(patient, 512, "SE-1"))  # the region does not know of it yet
    assert await units(engine, patient) == ["SE-1", SJOVIK.unit]
    await hears(patient, told(patient, 768, "SE-1", taken=(body["id"],)))  # now it does, and says what is
    assert await units(engine, patient) == ["SE-1"]
    log = await engine.db.pool.fetch(
        "select activity, args from access_log where $1 = any(patients)", engine.keys.of(f"Patient/{patient}")
    )
    assert ("emergency-consent", "Medvetslös") in [tuple(row) for row in log]


async def test_acts_at_vis_are_staffs_and_of_patients_who_are_here(engine: Engine, doors: Any, ward: Any) -> None:
    patient = await ward.patient()
    relation = {"id": str(uuid4()), "reason": "Mottagning"}
    staff, own = doors("staff", commission=SJOVIK), doors("patient", subject=patient, patient=patient)
    assert (await own.post(f"/vis/access/patients/{patient}/relations", json=relation)).status_code == 403
    assert (await staff.post("/vis/access/patients/nobody/relations", json=relation)).status_code == 404
    assert (
        await staff.post(f"/vis/access/patients/{patient}/relations", json={**relation, "days": 31})
    ).status_code == 422
    assert (await staff.post(f"/vis/access/patients/{patient}/relations", json=relation)).status_code == 201
    assert (await staff.post(f"/vis/access/patients/{patient}/choices", json={"id": str(uuid4())})).status_code == 201
    key = engine.keys.of(f"Patient/{patient}")
    assert await engine.db.pool.fetchval("select count(*) from access_choice where pat = $1", key) == 1
