"""Patients book for themselves, and guardians for a child: what the unit opened, until the day before, and nobody else's."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from access import Acting, Facts
from fhircore.moments import SWEDEN
from fhirserver.facts import put_facts
from kit.caller import Commission
from kit.erasing import Order
from vis.care import bookings
from vis.erasing import destroy

UNIT, PROVIDER = "SE0000000001-N1", "SE0000000001-N"
NORRBY = Commission("c-1", UNIT, "Norrby", PROVIDER, "Region Norr", "Läkare")
OPEN = {"system": "urn:fvm:slot", "code": "open-to-patients"}
SOON = (datetime.now(SWEDEN) + timedelta(days=5)).replace(hour=9, minute=0, second=0, microsecond=0)


@pytest.fixture
async def anna(ward: Any) -> AsyncIterator[httpx2.AsyncClient]:
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


@pytest.fixture
async def service(ward: Any) -> str:
    """A HealthcareService of Norrby with a Schedule of the same id."""
    id = str(uuid4())
    unit, above = {"reference": f"Organization/{UNIT}"}, {"reference": f"Organization/{PROVIDER}"}
    actor = {"reference": f"HealthcareService/{id}", "display": "Norrby"}
    await ward.add({"resourceType": "Organization", "id": PROVIDER, "name": "Region Norr"})
    await ward.add({"resourceType": "Organization", "id": UNIT, "name": "Norrby", "partOf": above})
    await ward.add({"resourceType": "HealthcareService", "id": id, "name": "Norrby", "providedBy": unit})
    await ward.add({"resourceType": "Schedule", "id": id, "active": True, "actor": [actor]})
    return id


async def a_slot(ward: Any, service: str, start: datetime = SOON, *, open: bool = True) -> str:
    end = start + timedelta(minutes=30)
    return str(await ward.add({
        "resourceType": "Slot", "id": str(uuid4()), "status": "free", "schedule": {"reference": f"Schedule/{service}"},
        "meta": {"tag": [OPEN]} if open else {"source": "urn:fvm:clinic"}, "start": start.isoformat(), "end": end.isoformat(),
    }))  # fmt: skip


def pages(ward: Any, patient: str, subject: str = "") -> httpx2.AsyncClient:
    """The patient's own pages, or those of `subject`, who acts for them."""
    client: httpx2.AsyncClient = ward.client(
        "patient", subject=subject or patient, patient=patient, scope="patient/*.rs"
    )
    return client


async def act(who: httpx2.AsyncClient, address: str, **values: str) -> httpx2.Response:
    named = [{"name": name, "valueString": value} for name, value in values.items()]
    return await who.post(address, json={"resourceType": "Parameters", "parameter": named})


def reason(answer: httpx2.Response) -> tuple[int, str]:
    coding = answer.json()["issue"][0].get("details", {}).get("coding", [{}])
    return answer.status_code, str(coding[0].get("code", ""))


async def test_a_patient_finds_holds_books_moves_and_calls_off_a_time(ward: Any, service: str, anna: Any) -> None:
    patient = await ward.patient(birthDate="1980-05-01")
    closed, slot = await a_slot(ward, service, open=False), await a_slot(ward, service, SOON + timedelta(hours=1))
    later = await a_slot(ward, service, SOON + timedelta(hours=2))
    async with pages(ward, patient) as me:
        listed = (await act(me, "/Slot/$find", service=service)).json()["entry"]
        assert [one["resource"]["id"] for one in listed] == [slot, later, service]
        assert (await act(me, f"/Slot/{slot}/$hold")).status_code == 200
        assert reason(await act(me, f"/Slot/{closed}/$hold")) == (403, "care/not-yours")
        booked = await act(me, f"/Slot/{slot}/$book", id=str(uuid4()), reason="Hosta")
        assert booked.status_code == 201, booked.text
        own = await me.get(f"/Appointment/{booked.json()['id']}")
        assert (own.status_code, own.json()["extension"][0]["valueReference"]) == (
            200, {"reference": f"Patient/{patient}"},
        )  # fmt: skip
        moved = await act(me, f"/Appointment/{booked.json()['id']}/$rebook", slot=later, id=str(uuid4()))
        assert moved.status_code == 201, moved.text
        ended = await me.post(f"/Appointment/{moved.json()['id']}/$cancel")
        assert (ended.status_code, ended.json()["cancelationReason"]["text"]) == (200, "Patienten avbokade själv")
        for step in ("$arrive", "$fulfil", "$noshow"):
            assert (await me.post(f"/Appointment/{moved.json()['id']}/{step}")).status_code == 403
        assert (await me.put(f"/Slot/{slot}", json={"resourceType": "Slot"})).status_code == 403
    # The unit that the time is of has a relation to the patient by the booking, and the booking is its own.
    theirs = await anna.get(f"/Appointment/{booked.json()['id']}", headers={"fvm-patient": patient})
    assert theirs.status_code == 200


async def test_the_booking_of_a_patient_gives_its_unit_a_relation(ward: Any, service: str, engine: Any) -> None:
    patient, slot = await ward.patient(birthDate="1980-05-01"), await a_slot(ward, service)
    asked = "select unit from access_relation where pat = $1 and ground = 'booking'"
    async with pages(ward, patient) as me:
        made = await act(me, f"/Slot/{slot}/$book", id=str(uuid4()))
        found = await engine.db.pool.fetch(asked, engine.keys.of(f"Patient/{patient}"))
        assert [row["unit"] for row in found] == [UNIT]
        await me.post(f"/Appointment/{made.json()['id']}/$cancel")
    assert await engine.db.pool.fetch(asked, engine.keys.of(f"Patient/{patient}")) == []


async def test_a_patient_s_act_is_logged_as_theirs_and_told(ward: Any, service: str, engine: Any) -> None:
    patient, slot = await ward.patient(birthDate="1980-05-01"), await a_slot(ward, service)
    before = await engine.db.pool.fetchval("select count(*) from outbox")
    async with pages(ward, patient) as me:
        await act(me, f"/Slot/{slot}/$book", id=str(uuid4()))
    row = await engine.db.pool.fetchrow(
        "select l.activity, w.value from access_log l join access_who w on w.id = l.who order by l.id desc limit 1"
    )
    assert (row["activity"], patient.encode() in row["value"]) == ("create", True)
    assert await engine.db.pool.fetchval("select count(*) from outbox") > before


async def test_nobody_books_moves_or_calls_off_for_another_patient(ward: Any, service: str) -> None:
    patient, other = await ward.patient(birthDate="1980-05-01"), await ward.patient(birthDate="1981-05-01")
    slot, later = await a_slot(ward, service), await a_slot(ward, service, SOON + timedelta(hours=1))
    async with pages(ward, patient) as me, pages(ward, other) as them, pages(ward, patient, other) as meddling:
        id = (await act(me, f"/Slot/{slot}/$book", id=str(uuid4()))).json()["id"]
        assert (await them.post(f"/Appointment/{id}/$cancel")).status_code == 404
        assert (await act(them, f"/Appointment/{id}/$rebook", slot=later, id=str(uuid4()))).status_code == 404
        stated = await them.post(f"/Appointment/{id}/$cancel", headers={"fvm-patient": patient})
        assert stated.status_code == 403
        # A token for somebody else's record, without being their guardian or holding a mandate.
        assert (await meddling.post(f"/Appointment/{id}/$cancel")).status_code == 404
        assert reason(await act(meddling, f"/Slot/{later}/$book", id=str(uuid4()))) == (403, "care/not-yours")
        assert reason(await act(meddling, f"/Slot/{later}/$hold")) == (403, "care/not-yours")
        assert (await me.get(f"/Appointment/{id}")).json()["status"] == "booked"


async def test_a_guardian_books_for_a_child_under_thirteen_and_no_longer(ward: Any, service: str, engine: Any) -> None:
    today = datetime.now(UTC).date()
    born = date(today.year - 8, today.month, 1)
    child, teen = (
        await ward.patient(birthDate=f"{born}"),
        await ward.patient(birthDate=f"{born.replace(year=born.year - 6)}"),
    )
    parent = await ward.patient(birthDate="1980-05-01")
    since = datetime.now(UTC) - timedelta(days=100)
    async with engine.db.pool.acquire() as con:
        for one in (child, teen):
            known = Facts(1, acting=(Acting(parent, "guardian", since),))
            await put_facts(con, [engine.keys.of(f"Patient/{one}")], known)
    slot, later = await a_slot(ward, service), await a_slot(ward, service, SOON + timedelta(hours=1))
    async with pages(ward, child, parent) as for_child, pages(ward, teen, parent) as for_teen:
        made = await act(for_child, f"/Slot/{slot}/$book", id=str(uuid4()))
        assert made.status_code == 201, made.text
        assert made.json()["extension"][0]["valueReference"] == {"reference": f"Patient/{parent}"}
        assert bookings.patient(made.json()) == child
        assert reason(await act(for_teen, f"/Slot/{later}/$book", id=str(uuid4()))) == (403, "care/not-yours")
        assert (await for_child.post(f"/Appointment/{made.json()['id']}/$cancel")).status_code == 200


async def test_a_patient_calls_the_clinic_on_the_last_day(ward: Any, service: str, anna: Any) -> None:
    patient = await ward.patient(birthDate="1980-05-01")
    slot = await a_slot(ward, service, datetime.now(SWEDEN) + timedelta(hours=20))
    later = await a_slot(ward, service)
    async with pages(ward, patient) as me:
        id = (await act(me, f"/Slot/{slot}/$book", id=str(uuid4()))).json()["id"]
        refused = await me.post(f"/Appointment/{id}/$cancel")
        assert reason(refused) == (409, "care/not-now")
        assert "24 timmar" in refused.json()["issue"][0]["diagnostics"]
        moved = await act(me, f"/Appointment/{id}/$rebook", slot=later, id=str(uuid4()))
        assert reason(moved) == (409, "care/not-now")
    body = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueCode": "pat"}]}
    by_staff = await anna.post(f"/Appointment/{id}/$cancel", json=body, headers={"fvm-patient": patient})
    assert by_staff.status_code == 200


async def test_a_patient_has_no_two_times_at_once_but_may_move_one_to_a_time_beside(ward: Any, service: str) -> None:
    patient = await ward.patient(birthDate="1980-05-01")
    slot, beside = await a_slot(ward, service), await a_slot(ward, service, SOON + timedelta(minutes=15))
    async with pages(ward, patient) as me:
        id = (await act(me, f"/Slot/{slot}/$book", id=str(uuid4()))).json()["id"]
        refused = await act(me, f"/Slot/{beside}/$book", id=str(uuid4()))
        assert reason(refused) == (409, "care/not-now")
        assert "redan en bokad tid då" in refused.json()["issue"][0]["diagnostics"]
        moved = await act(me, f"/Appointment/{id}/$rebook", slot=beside, id=str(uuid4()))
        assert moved.status_code == 201, moved.text
        other = await a_slot(ward, service, SOON + timedelta(hours=3))
        second = await act(me, f"/Slot/{other}/$book", id=str(uuid4()))
        at_once = await a_slot(ward, await another(ward, service), SOON + timedelta(minutes=15))
        clash = await act(me, f"/Appointment/{second.json()['id']}/$rebook", slot=at_once, id=str(uuid4()))
        assert reason(clash) == (409, "care/not-now"), "nor by moving the second into the first"
        assert (await me.get(f"/Appointment/{second.json()['id']}")).json()["status"] == "booked"


async def another(ward: Any, service: str) -> str:
    """Another Schedule of the same clinic, by id: somebody else who receives there."""
    id, actor = str(uuid4()), {"reference": f"HealthcareService/{service}", "display": "Norrby"}
    await ward.add({"resourceType": "Schedule", "id": id, "active": True, "actor": [actor]})
    return id


async def test_a_destroyed_booking_leaves_no_trace_of_who_had_the_time(ward: Any, service: str, engine: Any) -> None:
    patient = await ward.patient(birthDate="1980-05-01")
    slot, held = await a_slot(ward, service), await a_slot(ward, service, SOON + timedelta(hours=1))
    async with pages(ward, patient) as me:
        await act(me, f"/Slot/{slot}/$book", id=str(uuid4()))
        await act(me, f"/Slot/{held}/$hold")
    key = engine.keys.of(f"Patient/{patient}")
    count = "select count(*) from booked where pat = $1"
    assert await engine.db.pool.fetchval(count, key) == 2
    order = Order(str(uuid4()), datetime.now(UTC), [patient])
    async with engine.db.pool.acquire() as con, con.transaction():
        await destroy(engine, con, order, ())
    assert await engine.db.pool.fetchval(count, key) == 0
