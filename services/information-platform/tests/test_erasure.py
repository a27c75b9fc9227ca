"""REC-05, REC-06, EVT-04: destruction by decision of IVO, ordered by two, carried out at every copy, proved, and never undone."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import pytest

from access import Facts
from access.acts import Act
from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from fhirserver.telling import sealed
from fhirserver.testing import holding
from information_platform import record
from information_platform.access import store as acts
from information_platform.access.actions import FactsOwner
from information_platform.erasure.mounting import Mounted, mounted
from information_platform.settings import Settings
from information_platform.testing import Region
from kit.caller import Commission
from kit.db import Database, driver
from kit.erasing import Proof
from kit.events import CloudEvent
from kit.keyring import keyring
from kit.operations import Operations
from kit.sealing import SEALED, Master
from kit.testing import TestIssuer, fresh_database
from kit.web import new_app

CHIEF = Commission(
    "c-1",
    "SE0000000001-1001",
    "Norrby",
    "SE0000000001-0001",
    "Region Norr",
    "Chef",
    rights=frozenset({"erasure.order"}),
)
DOCTOR = Commission("c-2", "SE0000000001-1001", "Norrby", "SE0000000001-0001", "Region Norr", "Läkare")
ELSEWHERE = Commission(
    "c-3", "SE0000000002-1", "Sjövik", "SE0000000002-1", "Annan", "Chef", rights=frozenset({"erasure.order"})
)
NUMBERS = iter(f"19900101238{digit}" for digit in range(10))


@pytest.fixture(scope="module")
async def engine(postgres_url: str) -> AsyncIterator[Engine]:
    """As the others' tests have it, with keys."""
    async with fresh_database(postgres_url, "information_platform") as url:
        db = Database(url)
        await db.start()
        made = Engine(
            db, record.mount(Settings(database_url=url, mode="demo")), lambda: None, ring=keyring(Master.new())
        )
        await made.start()
        yield made
        await made.stop()
        await db.stop()


class Office:
    """Two people who order, and the copies that answer."""

    def __init__(self, engine: Engine, issuer: TestIssuer) -> None:
        self.engine, self.issuer = engine, issuer
        verifier = issuer.verifier(record.PATH)
        settings = Settings(database_url=engine.db.url, mode="demo")
        self.part: Mounted = mounted(engine, Operations("information", engine.db, settings))
        inner = new_app("x", db=engine.db, verifier=verifier, routers=[self.part.router], fhir_base=record.PATH)
        self.app = FhirDoor(inner, engine, verifier, record.PATH)
        self.region = Region(engine)

    def client(self, who: str = "one", commission: Commission = CHIEF) -> httpx2.AsyncClient:
        headers = self.issuer.headers("staff", subject=who, commission=commission, audience=[record.PATH])
        return self._http(headers)

    def everything(self) -> httpx2.AsyncClient:
        return self._http(self.issuer.headers("system", scope="system/*.cruds fvm/everything", audience=[record.PATH]))

    def _http(self, headers: dict[str, str]) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app)  # type: ignore[arg-type]
        return httpx2.AsyncClient(transport=transport, base_url="http://localhost:8080", headers=headers)

    async def ask(self, patient: str, *resources: str, **more: Any) -> httpx2.Response:
        body = {
            "id": str(uuid.uuid4()), "patient": patient, "resources": list(resources), "reason": "Beslut av IVO",
            "decision": "IVO 3.1-2026/1",
        } | more  # fmt: skip
        async with self.client() as one:
            return await one.post("/information/erasure/orders", json=body)

    async def confirm(self, id: str, who: str = "two", commission: Commission = CHIEF) -> httpx2.Response:
        async with self.client(who, commission) as two:
            return await two.post(f"/information/erasure/orders/{id}/confirm")

    async def shown(self, id: str) -> dict[str, Any]:
        async with self.client() as one:
            answer = await one.get(f"/information/erasure/orders/{id}")
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

    async def carried_out(self, patient: str, *resources: str) -> dict[str, Any]:
        """Ordered, confirmed, done here; the order as it is shown."""
        asked = (await self.ask(patient, *resources)).json()
        assert (await self.confirm(asked["id"])).status_code == 200
        loop = asyncio.create_task(self.part.loop())  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(30):
                while True:
                    found = await self.shown(asked["id"])
                    if {one["copy_of"]: one["state"] for one in found["copies"]}["information"] == "done":
                        return found
                    await asyncio.sleep(0.2)
        finally:
            loop.cancel()

    async def answers(self, id: str, copy: str) -> None:
        proof = Proof(id, copy, datetime.now(UTC), {"res": 1}, 0)
        event = CloudEvent(str(uuid.uuid4()), f"fvm/{copy}", "x", datetime.now(UTC), msgspec.json.encode(proof), "k")
        async with self.engine.db.transaction() as tx:
            if copy == "kafka":
                await self.part.orders.answered(await driver(tx), proof)
            else:
                await self.part.handlers[f"{copy}.erasure-done.v1"](tx, [event])


@pytest.fixture
def office(engine: Engine, issuer: TestIssuer) -> Office:
    return Office(engine, issuer)


def told(*resources: dict[str, Any], at: datetime | None = None, version: int = 1) -> CloudEvent:
    now = at or datetime.now(UTC)
    entries = [
        {"op": "put", "type": one["resourceType"], "id": one["id"], "version": version, "updated": now.isoformat(),
         "label": {"provider": "SE0000000001-0001", "unit": "SE0000000001-1001", "type": "und"}, "resource": one}
        for one in resources
    ]  # fmt: skip
    value = {"transaction": str(uuid.uuid4()), "part": 1, "parts": 1, "entries": entries}
    return CloudEvent(str(uuid.uuid4()), "fvm/vis", "x", now, sealed(json.dumps(value).encode()), "k")


async def a_record(office: Office, word: str) -> tuple[list[dict[str, Any]], str, str]:
    """What VIS tells of a person: Patient and observation, in all of which the word stands; and their ids."""
    patient, observation = str(uuid.uuid4()), str(uuid.uuid4())
    number = {"system": "http://electronichealth.se/identifier/personnummer", "value": next(NUMBERS)}
    resources = [
        {"resourceType": "Patient", "id": patient, "identifier": [number], "name": [{"family": word}]},
        {"resourceType": "Observation", "id": observation, "status": "final", "code": {"text": f"{word} i blod"},
         "subject": {"reference": f"Patient/{patient}"}, "valueString": word},
    ]  # fmt: skip
    await office.region.hears("vis.record.v1", told(*resources))
    await office.region.hears("vis.record.v1", told(resources[1] | {"valueString": f"{word} igen"}, version=2))
    return resources, patient, observation


async def test_rec_06_an_order_leaves_nothing_of_the_record(office: Office, engine: Engine) -> None:
    word = "Sillgrissla"
    resources, patient, observation = await a_record(office, word)
    async with engine.db.pool.acquire() as con, con.transaction():
        given = {"unit": "U", "provider": "P", "reason": word, "until": datetime.now(UTC) + timedelta(days=1)}
        await acts.write(con, Act(str(uuid.uuid4()), "relation", patient, datetime.now(UTC), "x", **given))
        await FactsOwner(engine).retell(con, [patient], datetime.now(UTC))
    rows = await engine.db.pool.fetch("select body from res where id = any($1)", [patient, observation])
    assert {row["body"][0] for row in rows} == {SEALED}
    found = await office.carried_out(patient)
    await engine.db.pool.execute("delete from outbox where topic = 'information.access-changed.v1' and value <> ''")
    assert await holding(engine.db.pool, word) == {}
    async with office.everything() as reader:
        for name in (f"Patient/{patient}", f"Observation/{observation}"):
            answer = await reader.get(f"/fhir/{name}")
            assert answer.status_code == 410
            assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "kit/erased"
        assert (await reader.get(f"/fhir/Observation?patient={patient}")).json()["total"] == 0
    facts = await engine.law.facts(engine.db.pool, [engine.keys.of(f"Patient/{patient}")])
    assert next(iter(facts.values()), Facts()).relations == ()
    assert found["state"] == "confirmed", "the other copies have not answered"
    # What was on its way, told again, or read again after a restore does not come back; what is new is a new life.
    await office.region.hears("vis.record.v1", told(*resources, at=datetime.now(UTC) - timedelta(minutes=5), version=9))
    assert await holding(engine.db.pool, word) == {}
    later = {"resourceType": "Patient", "id": patient, "name": [{"family": "Nytt"}]}
    await office.region.hears("vis.record.v1", told(later, version=10))
    async with office.everything() as reader:
        assert (await reader.get(f"/fhir/Patient/{patient}")).json()["name"][0]["family"] == "Nytt"


async def test_evt_04_the_order_is_done_when_every_copy_has_proved_it(office: Office, engine: Engine) -> None:
    _, patient, _ = await a_record(office, "Lunnefagel")
    found = await office.carried_out(patient)
    for copy in ("vis", "exchange", "exchange", "application"):
        await office.answers(found["id"], copy)
    assert (await office.shown(found["id"]))["state"] == "confirmed", "Kafka has not been looked through"
    for copy in ("kafka",):
        await office.answers(found["id"], copy)
    found = await office.shown(found["id"])
    assert (found["state"], found["unbroken"], len(found["proof"])) == ("done", True, 64)
    states = {one["copy_of"]: (one["state"], one["left"]) for one in found["copies"]}
    assert states["vis"] == states["information"] == states["exchange"] == ("done", 0)
    assert states["kafka"] == ("done", 0)
    chain = await engine.db.pool.fetch(
        "select what from erasure_act where erasure = $1 order by seq", uuid.UUID(found["id"])
    )
    assert [row["what"] for row in chain] == [
        "asked", "confirmed", "done:information", "done:vis", "done:exchange", "done:application", "done:kafka", "complete",
    ]  # fmt: skip
    with pytest.raises(Exception, match="never changed"):
        await engine.db.pool.execute("update erasure_act set what = 'x'")


async def test_a_chain_that_somebody_edited_is_seen(office: Office, engine: Engine) -> None:
    _, patient, _ = await a_record(office, "Skarv")
    asked = (await office.ask(patient)).json()
    assert asked["unbroken"]
    await engine.db.pool.execute("alter table erasure_act disable trigger all")
    value = await engine.db.pool.fetchval(
        "select value from erasure_act where erasure = $1", uuid.UUID(asked["id"])
    )  # fmt: skip
    await engine.db.pool.execute("update erasure_act set value = '{}' where erasure = $1", uuid.UUID(asked["id"]))
    assert not (await office.shown(asked["id"]))["unbroken"]
    await engine.db.pool.execute("update erasure_act set value = $2 where erasure = $1", uuid.UUID(asked["id"]), value)
    await engine.db.pool.execute("alter table erasure_act enable trigger all")
    assert (await office.shown(asked["id"]))["unbroken"]


async def test_rec_05_nothing_is_destroyed_without_two_who_may(office: Office, engine: Engine) -> None:
    _, patient, observation = await a_record(office, "Ejder")
    asked = await office.ask(patient)
    assert asked.status_code == 201, asked.text
    id = asked.json()["id"]
    assert (await office.ask(patient, id=id)).json()["id"] == id, "sent twice, one order"
    assert (await office.confirm(id, "one")).status_code == 403
    assert (await office.confirm(id, "two", DOCTOR)).status_code == 403
    assert (await office.confirm(id, "two", ELSEWHERE)).status_code == 404
    async with office.client("three", DOCTOR) as doctor:
        refused = await doctor.post("/information/erasure/orders", json={**_body(patient), "id": str(uuid.uuid4())})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/erasure/not-yours")
        assert (await doctor.get("/information/erasure/orders")).status_code == 403
    async with office.client("one") as one:
        assert (await one.post(f"/information/erasure/orders/{id}/withdraw")).json()["state"] == "withdrawn"
        assert id in {order["id"] for order in (await one.get("/information/erasure/orders")).json()}
    assert (await office.confirm(id)).status_code == 409
    assert (await office.ask("nobody-at-all")).status_code == 404
    other, _, theirs = await a_record(office, "Knipa")
    assert other
    assert (await office.ask(patient, f"Observation/{theirs}")).status_code == 422
    async with office.everything() as reader:
        assert (await reader.get(f"/fhir/Observation/{observation}")).status_code == 200
    activities = await engine.db.pool.fetch(
        "select activity from access_log where $1 = any(patients)", engine.keys.of(f"Patient/{patient}")
    )
    assert {"erasure", "denied"} <= {row["activity"] for row in activities}


async def test_only_what_is_named_goes(office: Office, engine: Engine) -> None:
    _, patient, observation = await a_record(office, "Smalom")
    await office.carried_out(patient, f"Observation/{observation}")
    async with office.everything() as reader:
        assert (await reader.get(f"/fhir/Observation/{observation}")).status_code == 410
        assert (await reader.get(f"/fhir/Patient/{patient}")).json()["name"][0]["family"] == "Smalom"
    rows = await engine.db.pool.fetch("select until from erasure_past where name = $1", f"Patient/{patient}")
    assert rows == []


async def test_another_persons_record_that_names_them_stays(office: Office) -> None:
    _, child, _ = await a_record(office, "Strandskata")
    _, mother, _ = await a_record(office, "Tobisgrissla")
    note = {
        "resourceType": "Observation", "id": str(uuid.uuid4()), "status": "final", "code": {"text": "amning"},
        "subject": {"reference": f"Patient/{mother}"}, "performer": [{"reference": f"Patient/{child}"}],
    }  # fmt: skip
    await office.region.hears("vis.record.v1", told(note))
    await office.carried_out(child)
    again = told(note | {"valueString": "x"}, at=datetime.now(UTC) - timedelta(hours=1), version=2)
    await office.region.hears("vis.record.v1", again)
    async with office.everything() as reader:
        assert (await reader.get(f"/fhir/Observation/{note['id']}")).json()["valueString"] == "x"


def _body(patient: str) -> dict[str, Any]:
    return {"patient": patient, "reason": "Beslut av IVO", "decision": "IVO 1"}
