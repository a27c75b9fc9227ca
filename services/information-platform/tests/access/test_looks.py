"""One decision and one row of the log for what lies in another service's store, and for whom somebody acts (PAT-04, PAT-11)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2

from fhirserver.door import FhirDoor
from information_platform import record
from information_platform.log import api
from information_platform.log.testing import hears, tells
from kit.telemetry import TraceContext
from kit.web import new_app

YEAR = datetime.now(UTC).year
Body = Callable[..., dict[str, Any]]


async def looked(client: Any, what: str, *patients: str) -> Any:
    return await client.post("/looks", json={"what": what, "patients": list(patients)})


async def test_a_patient_looks_at_their_own_and_it_stands_in_the_log(ward: Any) -> None:
    patient = await ward.patient()
    async with ward.as_patient(patient) as own:
        answer = await looked(own, "messages-read", patient)
    assert (answer.status_code, answer.json()) == (200, {"role": "self"})
    assert await ward.log(patient) == ["messages-read"]


async def test_another_patients_id_is_refused_and_logged(ward: Any) -> None:
    patient, other = await ward.patient(), await ward.patient()
    async with ward.as_patient(patient) as own, ward.as_patient(patient, other) as posing:
        answers = [await looked(client, "own-write", other) for client in (own, posing)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert await ward.log(other) == ["denied", "denied"]


async def test_staff_read_what_is_sent_to_their_unit_and_need_a_relation_for_the_patients_own(ward: Any) -> None:
    patient = await ward.patient()
    async with ward.staff(ward.norrby) as staff:
        before = [
            (await looked(staff, what, patient)).status_code for what in ("messages-read", "own-read", "own-write")
        ]
        await ward.relate(patient, ward.norrby)
        after = [(await looked(staff, what, patient)).status_code for what in ("own-read", "own-write", "download")]
    assert (before, after) == ([200, 403, 403], [200, 403, 403])
    assert (await ward.log(patient)).count("denied") == 4


async def test_pat_04_a_guardian_acts_until_the_thirteenth_birthday(ward: Any, act: Body) -> None:
    child, mother = await ward.patient(f"{YEAR - 8}-01-01"), await ward.patient()
    teen = await ward.patient(f"{YEAR - 14}-01-01")
    for one in (child, teen):
        async with ward.staff(ward.chief) as chief:
            body = act(who=mother, reason="Folkbokföring")
            assert (await chief.post(f"/patients/{one}/guardians", json=body)).status_code == 201
    async with ward.as_patient(mother) as own, ward.as_patient(mother, child) as acting:
        listed = (await own.get("/acting")).json()
        role = (await looked(acting, "messages-write", child)).json()["role"]
        await ward.tell({"resourceType": "Patient", "id": child, "birthDate": f"{YEAR - 13}-01-01"}, version=2)
        grown = (await own.get("/acting")).json()
        refused = await looked(acting, "messages-write", child)
    assert (listed, role) == ([{"patient": child, "role": "guardian"}], "guardian")
    assert (grown, refused.status_code) == ([], 404)


async def test_pat_11_a_mandate_shows_until_it_is_ended(ward: Any, act: Body) -> None:
    old, son = await ward.patient(), await ward.patient()
    async with ward.as_patient(old) as own, ward.as_patient(son) as acting, ward.staff() as staff:
        given = await own.post(f"/patients/{old}/mandates", json=act(who=son, reason="Min son hjälper mig"))
        assert given.status_code == 201, given.text
        assert (await acting.get("/acting")).json() == [{"patient": old, "role": "mandate"}]
        ended = await own.post(f"/patients/{old}/acts/{given.json()['id']}/end", json=act(reason="Behövs inte"))
        assert ended.status_code == 201, ended.text
        assert (await acting.get("/acting")).json() == []
        assert (await staff.get("/acting")).status_code == 403


async def own_extract(ward: Any, patient: str) -> list[dict[str, Any]]:
    """What the patient reads in the region's log about themselves, newest first."""
    engine, verifier = ward.engine, ward.issuer.verifier(record.PATH)
    await hears(engine, *await tells(engine))
    inner = new_app("x", db=engine.db, verifier=verifier, routers=[api.router(engine)], fhir_base=record.PATH)
    door = TraceContext(FhirDoor(inner, engine, verifier, record.PATH))
    token = ward.issuer.headers("patient", subject=patient, patient=patient, audience=[record.PATH], commission=None)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=door), base_url="http://localhost:8080") as client:
        answer = await client.get("/information/log/mine", headers=token)
    found: list[dict[str, Any]] = answer.json()["accesses"]
    return found


async def test_who_read_messages_and_own_values_stands_in_the_patients_own_extract(ward: Any) -> None:
    """LOG-12: a look into the portal's own tables is told like any other reading."""
    patient = await ward.patient()
    async with ward.as_patient(patient) as own:
        await looked(own, "own-write", patient)
    await ward.relate(patient, ward.norrby)
    async with ward.staff(ward.norrby) as staff:
        for what in ("messages-read", "own-read"):
            assert (await looked(staff, what, patient)).status_code == 200
    told = [
        (one["activity"], one["careUnit"]["name"], bool(one.get("self"))) for one in await own_extract(ward, patient)
    ]
    assert told[:2] == [
        ("Läste patientens egna uppgifter", "Norrby", False),
        ("Läste meddelanden", "Norrby", False),
    ]
    assert ("Skrev egna uppgifter", "", True) in told
