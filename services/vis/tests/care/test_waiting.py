"""A clinic's queue: one place for each patient, which a booking or the patient ends."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fhircore.moments import SWEDEN
from kit.caller import Commission

UNIT, PROVIDER = "SE0000000001-N1", "SE0000000001-N"
NORRBY = Commission("c-1", UNIT, "Norrby", PROVIDER, "Region Norr", "Läkare")
SJOVIK = Commission("c-2", "SE0000000002-S1", "Sjövik", "SE0000000002-S", "Hälsoakuten", "Läkare")
OPEN = {"system": "urn:fvm:slot", "code": "open-to-patients"}
SOON = (datetime.now(SWEDEN) + timedelta(days=5)).replace(hour=9, minute=0, second=0, microsecond=0)


async def a_clinic(ward: Any, *, open: bool = True) -> str:
    """A HealthcareService with a Schedule and a Slot, all of one id."""
    id = str(uuid4())
    unit, above = {"reference": f"Organization/{UNIT}"}, {"reference": f"Organization/{PROVIDER}"}
    tags = {"meta": {"tag": [OPEN]}} if open else {}
    end = (SOON + timedelta(minutes=30)).isoformat()
    for one in (
        {"resourceType": "Organization", "id": PROVIDER, "name": "Region Norr"},
        {"resourceType": "Organization", "id": UNIT, "name": "Norrby", "partOf": above},
        {"resourceType": "HealthcareService", "id": id, "name": "Norrby", "active": True, "providedBy": unit, **tags},
        {"resourceType": "Schedule", "id": id, "actor": [{"reference": f"HealthcareService/{id}"}]},
        {
            "resourceType": "Slot", "id": id, "status": "free", "schedule": {"reference": f"Schedule/{id}"},
            "start": SOON.isoformat(), "end": end, **tags,
        },
    ):  # fmt: skip
        await ward.add(one)
    return id


@pytest.fixture
async def anna(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


async def act(who: httpx2.AsyncClient, address: str, patient: str = "", **values: str) -> httpx2.Response:
    named = [{"name": name, "valueString": value} for name, value in values.items()]
    headers = {"fvm-patient": patient} if patient else {}
    return await who.post(address, json={"resourceType": "Parameters", "parameter": named}, headers=headers)


def reason(answer: httpx2.Response) -> tuple[int, str]:
    coding = answer.json()["issue"][0].get("details", {}).get("coding", [{}])
    return answer.status_code, str(coding[0].get("code", ""))


async def test_a_patient_waits_once_and_staff_give_a_time_from_the_queue(ward: Any, anna: Any) -> None:
    clinic, patient = await a_clinic(ward), await ward.patient(birthDate="1980-05-01")
    async with ward.client("patient", subject=patient, patient=patient, scope="patient/*.rs") as me:
        made = await act(me, f"/HealthcareService/{clinic}/$wait", id=str(uuid4()), reason="Yrsel sedan i våras")
        assert (made.status_code, made.json()["status"], made.json()["description"]) == (
            201, "waitlist", "Yrsel sedan i våras",
        )  # fmt: skip
        again = await act(me, f"/HealthcareService/{clinic}/$wait", id=str(uuid4()), reason="Igen")
        assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
        assert (await act(me, f"/HealthcareService/{clinic}/$wait")).status_code == 400
    id = made.json()["id"]
    listed = await anna.get("/Appointment?status=waitlist&_include=Appointment:patient")
    assert id in {one["resource"]["id"] for one in listed.json()["entry"]}
    given = await act(anna, f"/Appointment/{id}/$rebook", patient, slot=clinic, id=str(uuid4()))
    assert (given.status_code, given.json()["status"], given.json()["description"]) == (
        201,
        "booked",
        "Yrsel sedan i våras",
    )
    assert (await anna.get(f"/Appointment/{id}")).json()["status"] == "cancelled"


async def test_the_patient_leaves_the_queue_and_may_stand_in_it_again(ward: Any) -> None:
    clinic, patient = await a_clinic(ward), await ward.patient(birthDate="1980-05-01")
    async with ward.client("patient", subject=patient, patient=patient, scope="patient/*.rs") as me:
        made = await act(me, f"/HealthcareService/{clinic}/$wait", id=str(uuid4()), reason="Yrsel")
        assert (await me.post(f"/Appointment/{made.json()['id']}/$cancel")).status_code == 200
        anew = await act(me, f"/HealthcareService/{clinic}/$wait", id=str(uuid4()), reason="Yrsel")
        assert (anew.status_code, anew.json()["id"] != made.json()["id"]) == (201, True)


async def test_the_same_press_twice_is_one_place(ward: Any) -> None:
    clinic, patient, id = await a_clinic(ward), await ward.patient(birthDate="1980-05-01"), str(uuid4())
    async with ward.client("patient", subject=patient, patient=patient, scope="patient/*.rs") as me:
        for _ in range(2):
            answer = await act(me, f"/HealthcareService/{clinic}/$wait", id=id, reason="Yrsel")
            assert answer.json()["id"] == id


async def test_a_queue_is_the_unit_s_own_and_patients_stand_in_open_ones_only(ward: Any, anna: Any) -> None:
    closed, patient = await a_clinic(ward, open=False), await ward.patient(birthDate="1980-05-01")
    async with ward.client("patient", subject=patient, patient=patient, scope="patient/*.rs") as me:
        refused = await act(me, f"/HealthcareService/{closed}/$wait", id=str(uuid4()), reason="Yrsel")
        assert reason(refused) == (403, "care/not-yours")
        assert (await act(me, "/HealthcareService/none/$wait", reason="Yrsel")).status_code == 404
    async with ward.client("staff", subject="SE-SVEN", scope="user/*.cruds", commission=SJOVIK) as sven:
        theirs = await act(sven, f"/HealthcareService/{closed}/$wait", patient, id=str(uuid4()), reason="Yrsel")
        assert reason(theirs) == (403, "care/not-yours")
        own = await act(anna, f"/HealthcareService/{closed}/$wait", patient, id=str(uuid4()), reason="Yrsel")
        assert own.status_code == 201
        cancelling = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueCode": "pat"}]}
        address, about = f"/Appointment/{own.json()['id']}/$cancel", {"fvm-patient": patient}
        assert (await sven.post(address, json=cancelling, headers=about)).status_code in (403, 404)
        assert (await anna.post(address, json=cancelling, headers=about)).status_code == 200
