"""What the portal's pages ask as a patient, and as a guardian, against the region's record: shown, and logged with both persons."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from information_platform import record
from information_platform.log import api
from information_platform.log.testing import hears, tells
from kit.telemetry import TraceContext
from kit.testing import TestIssuer
from kit.web import new_app

YEAR = datetime.now(UTC).year
SCOPE = "patient/*.rs"


@pytest.fixture
def record_of(engine: Engine, issuer: TestIssuer) -> Callable[..., httpx2.AsyncClient]:
    """A client at /fhir for a patient's token: `subject` reads, `patient` is whose record."""
    verifier = issuer.verifier(record.PATH)
    inner = new_app("Information platform", db=engine.db, verifier=verifier, fhir_base=record.PATH)
    app = TraceContext(FhirDoor(inner, engine, verifier, record.PATH))

    def made(subject: str, patient: str) -> httpx2.AsyncClient:
        headers = issuer.headers("patient", subject=subject, patient=patient, audience=[record.PATH], scope=SCOPE)
        url = "http://localhost:8080/fhir"
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=url, headers=headers)

    return made


async def told(ward: Any, patient: str) -> dict[str, dict[str, Any]]:
    """A note in two versions, an acknowledged answer, a booking and a warning, as VIS tells of them; by type."""
    subject = {"reference": f"Patient/{patient}"}
    label = {"provider": ward.norrby.provider, "unit": ward.norrby.unit, "type": "voo"}
    data = base64.b64encode(b"Ett.").decode()
    note = {
        "resourceType": "DocumentReference", "id": f"note-{patient}", "status": "current", "docStatus": "final",
        "subject": subject, "content": [{"attachment": {"contentType": "text/plain", "data": data}}],
    }  # fmt: skip
    task = {
        "resourceType": "Task", "id": f"task-{patient}", "status": "completed", "intent": "order", "for": subject,
        "code": {"coding": [{"system": "urn:fvm:task", "code": "result"}]}, "focus": {"reference": "DiagnosticReport/r"},
    }  # fmt: skip
    visit = {
        "resourceType": "Appointment", "id": f"visit-{patient}", "status": "booked",
        "start": "2026-11-30T10:00:00Z", "end": "2026-11-30T10:30:00Z", "participant": [{"actor": subject, "status": "accepted"}],
    }  # fmt: skip
    flag = {
        "resourceType": "Flag",
        "id": f"flag-{patient}",
        "status": "active",
        "code": {"text": "Smitta"},
        "subject": subject,
    }
    for one in (note, task, visit, flag):
        await ward.tell(one, label)
    await ward.tell({**note, "docStatus": "amended", "description": "rättad"}, label, version=2)
    return {str(one["resourceType"]): one for one in (note, task, visit, flag)}


async def ids(client: httpx2.AsyncClient, type: str, **asked: str) -> list[str]:
    answer = await client.post(f"/{type}/_search", data=asked)
    assert answer.status_code == 200, answer.text
    return [one["resource"]["id"] for one in answer.json().get("entry", ()) if one["resource"]["resourceType"] == type]


async def test_pat_01_every_search_of_the_house_is_answered_to_the_patient(ward: Any, record_of: Any) -> None:
    patient = await ward.patient()
    held = await told(ward, patient)
    about = {"patient": f"Patient/{patient}"}
    async with record_of(patient, patient) as own:
        assert await ids(own, "Task", **about, code="urn:fvm:task|result") == [held["Task"]["id"]]
        assert await ids(own, "Appointment", **about, _sort="-date") == [held["Appointment"]["id"]]
        assert await ids(own, "Flag", **about) == [held["Flag"]["id"]]
        assert await ids(own, "DocumentReference", **about, _id=held["DocumentReference"]["id"]) != []
        for type in ("ServiceRequest", "Immunization", "AllergyIntolerance", "Condition", "MedicationRequest"):
            assert await ids(own, type, **about) == []


async def test_rec_04_both_texts_of_a_corrected_note_are_the_patients(ward: Any, record_of: Any) -> None:
    patient = await ward.patient()
    note = (await told(ward, patient))["DocumentReference"]["id"]
    async with record_of(patient, patient) as own:
        history = (await own.get(f"/DocumentReference/{note}/_history")).json()
    assert [one["resource"]["docStatus"] for one in history["entry"]] == ["amended", "final"]


async def test_pat_13_the_whole_record_is_paged_to_its_patient_and_to_nobody_else(ward: Any, record_of: Any) -> None:
    patient, other = await ward.patient(), await ward.patient()
    held, _ = await told(ward, patient), await told(ward, other)
    found: list[str] = []
    async with record_of(patient, patient) as own, record_of(other, other) as another:
        address = f"/Patient/{patient}/$everything?_count=2"
        while address:
            page = (await own.get(address)).json()
            found += [one["resource"]["id"] for one in page.get("entry", ())]
            address = next((one["url"] for one in page["link"] if one["relation"] == "next"), "")
        assert (await another.get(f"/Patient/{patient}/$everything")).status_code == 404
    assert sorted(found) == sorted([patient, *(one["id"] for one in held.values())])


async def test_pat_11_what_a_guardian_reads_stands_in_the_childs_extract_by_name(
    ward: Any, record_of: Any, engine: Engine, issuer: TestIssuer, act: Callable[..., dict[str, Any]]
) -> None:
    child, mother = await ward.patient(f"{YEAR - 8}-01-01"), await ward.patient()
    note = (await told(ward, child))["DocumentReference"]["id"]
    async with ward.staff(ward.chief) as chief:
        body = act(who=mother, reason="Folkbokföring")
        assert (await chief.post(f"/patients/{child}/guardians", json=body)).status_code == 201
    async with record_of(mother, child) as guardian:
        assert (await guardian.get(f"/DocumentReference/{note}")).status_code == 200
        assert (await guardian.get(f"/Patient/{child}/$everything")).status_code == 200
    await hears(engine, *await tells(engine))
    app = new_app("Log", db=engine.db, verifier=issuer.verifier(record.PATH), routers=[api.router(engine)])
    headers = issuer.headers("patient", subject=mother, patient=child, audience=[record.PATH], name="Maj Ek")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost:8080") as client:
        accesses = (await client.get("/information/log/mine", headers=headers)).json()["accesses"]
    mothers = [one for one in accesses if one["proxy"]]
    assert {one["activity"] for one in mothers} >= {"Läste en uppgift"}
    assert all(one["userName"] and not one["self"] for one in mothers)
