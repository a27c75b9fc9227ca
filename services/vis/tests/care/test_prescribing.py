"""Medicines are prescribed by one signature, renewed, paused and stopped; a patient asks for a renewal: at VIS's own door."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from access import Acting
from fhirserver.testing import facts_of
from kit.caller import Commission
from vis.care import tasks

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
ATC = "http://www.whocc.no/atc"
UNCHECKED = ("duplicate", "allergy", "interaction")


@pytest.fixture
async def anna(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


@pytest.fixture
async def nurse(ward: Any) -> Any:
    held = replace(NORRBY, id="c-9", role="Sjuksköterska")
    async with ward.client("staff", subject="SE-MALIN", scope="user/*.cruds", commission=held) as found:
        yield found


@pytest.fixture
async def patient(ward: Any) -> str:
    """A grown patient who was asked about allergies and has none."""
    id = await ward.patient(active=True, birthDate="1980-01-01")
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}], "text": "Ingen känd"}
    active = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]
    }
    await ward.add({"resourceType": "AllergyIntolerance", "patient": {"reference": f"Patient/{id}"}, "code": code,
                    "clinicalStatus": active})  # fmt: skip
    return str(id)


@pytest.fixture
async def me(ward: Any, patient: str) -> Any:
    token = {"patient": patient, "subject": patient, "commission": None, "scope": "patient/*.rs"}
    async with ward.client("patient", **token) as found:
        yield found


def a_draft(patient: str, name: str = "Metformin tablett 500 mg", code: str = "A10BA02", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest", "id": str(uuid.uuid4()), "status": "draft", "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": {"coding": [{"system": ATC, "code": code}], "text": name},
        "dosageInstruction": [{"text": "1 tablett 2 gånger per dag"}], "reasonCode": [{"text": "Diabetes typ 2"}], **more,
    }  # fmt: skip


def an_answer(draft: str, check: str, reason: str, about: str = "") -> dict[str, Any]:
    said = {"draft": draft, "check": check, "reason": reason} | ({"about": about} if about else {})
    kinds = {"check": "valueCode", "reason": "valueCode"}
    part = [{"name": name, kinds.get(name, "valueString"): value} for name, value in said.items()]
    return {"name": "answer", "part": part}


def a_basket(*drafts: Any, answers: Any = ()) -> dict[str, Any]:
    listed = [*({"name": "draft", "resource": one} for one in drafts), *answers]
    return {"resourceType": "Parameters", "parameter": listed}


def checked_by_hand(*drafts: Any) -> list[dict[str, Any]]:
    return [an_answer(one["id"], check, "checked") for one in drafts for check in UNCHECKED]


async def act(client: Any, patient: str, address: str, body: Any = None, **headers: str) -> httpx2.Response:
    return await client.post(f"/MedicationRequest{address}", json=body, headers={"fvm-patient": patient, **headers})  # type: ignore[no-any-return]


def asked(**values: str) -> dict[str, Any]:
    listed = [
        {"name": name, ("valueCode" if name == "reason" else "valueString"): value} for name, value in values.items()
    ]
    return {"resourceType": "Parameters", "parameter": listed}


def reason(answer: httpx2.Response) -> str:
    return str(answer.json()["issue"][0]["details"]["coding"][0]["code"])


async def prescribed(client: Any, patient: str, **more: Any) -> str:
    draft = a_draft(patient, **more)
    done = await act(client, patient, "/$prescribe", a_basket(draft, answers=checked_by_hand(draft)))
    assert done.status_code == 200, done.text
    return str(draft["id"])


async def test_two_medicines_are_prescribed_by_one_signature_and_sent_twice_once(
    ward: Any, anna: Any, patient: str, engine: Any
) -> None:
    drafts = [a_draft(patient), a_draft(patient, "Apixaban tablett 5 mg", "B01AF02")]
    body = a_basket(*drafts, answers=checked_by_hand(*drafts))
    first, second = await asyncio.gather(*(act(anna, patient, "/$prescribe", body) for _ in range(2)))
    assert (first.status_code, second.status_code) == (200, 200), first.text + second.text
    again = await act(anna, patient, "/$prescribe", body)
    made = [one["resource"] for one in again.json()["entry"]]
    assert [(one["id"], one["status"], one["meta"]["versionId"]) for one in made] == [
        (one["id"], "active", "1") for one in drafts
    ]
    assert {one["requester"]["identifier"]["value"] for one in made} == {"SE-ANNA"}
    found = await anna.get(f"/MedicationRequest?patient=Patient/{patient}", headers={"fvm-patient": patient})
    assert len(found.json()["entry"]) == 2
    words = await engine.db.pool.fetch("select activity from access_log where activity = 'sign'")
    assert words


async def test_what_was_not_answered_is_not_signed_and_nothing_is_stored(ward: Any, anna: Any, patient: str) -> None:
    await ward.add(a_draft(patient, status="active"))
    draft = a_draft(patient)
    told = await act(anna, patient, "/$check", a_basket(draft))
    [parts] = [one["part"] for one in told.json()["parameter"]]
    states = [[x.get("valueCode") for x in one["part"][:2]] for one in parts if one["name"] == "check"]
    assert states == [["duplicate", "hit"], ["allergy", "clear"], ["interaction", "unchecked"]]
    bare = await act(anna, patient, "/$prescribe", a_basket(draft))
    assert (bare.status_code, reason(bare)) == (422, "care/unanswered")
    by_hand = await act(anna, patient, "/$prescribe", a_basket(draft, answers=checked_by_hand(draft)))
    assert (by_hand.status_code, "har redan Metformin" in by_hand.text) == (422, True)
    assert (await anna.get(f"/MedicationRequest/{draft['id']}")).status_code == 404


async def test_a_hit_is_signed_with_its_reason_which_stays_with_the_prescription(
    ward: Any, anna: Any, patient: str
) -> None:
    old = await ward.add(a_draft(patient, status="active"))
    draft = a_draft(patient)
    answers = [
        an_answer(draft["id"], "duplicate", "intended", f"MedicationRequest/{old}"),
        an_answer(draft["id"], "interaction", "checked"),
    ]
    done = await act(anna, patient, "/$prescribe", a_basket(draft, answers=answers))
    assert done.status_code == 200, done.text
    kept = [one for one in done.json()["entry"][0]["resource"]["extension"] if one["url"] == "urn:fvm:overridden"]
    assert [{x["url"]: x.get("valueCode") or x.get("valueString") for x in one["extension"]} for one in kept] == [
        {"check": "duplicate", "about": f"MedicationRequest/{old}", "reason": "intended"},
        {"check": "interaction", "reason": "checked"},
    ]
    checked = [an_answer(draft["id"], "duplicate", "checked", f"MedicationRequest/{old}"), answers[1]]
    other = a_draft(patient) | {"id": str(uuid.uuid4())}
    refused = await act(anna, patient, "/$prescribe", a_basket(other, answers=checked))
    assert refused.status_code == 422


async def test_an_unclear_dose_or_no_cause_is_refused_with_what_to_write(anna: Any, patient: str) -> None:
    draft = a_draft(patient, "Levotyroxin tablett 75 µg", "H03AA01", dosageInstruction=[{"text": "1,0 tablett"}])
    del draft["reasonCode"]
    told = await act(anna, patient, "/$prescribe", a_basket(draft, answers=checked_by_hand(draft)))
    assert (told.status_code, reason(told)) == (422, "care/incomplete")
    said = " ".join(one["diagnostics"] for one in told.json()["issue"])
    for words in ("Skriv mikrogram", "utan nolla sist", "Ange ordinationsorsak"):
        assert words in said
    checked = await act(anna, patient, "/$check", a_basket(draft))
    assert "Ange ordinationsorsak" in checked.text


async def test_a_nurse_does_not_prescribe_nor_does_a_system_or_a_patient(
    ward: Any, anna: Any, nurse: Any, system: Any, me: Any, patient: str
) -> None:
    draft = a_draft(patient)
    body = a_basket(draft, answers=checked_by_hand(draft))
    for somebody in (nurse, system):
        told = await act(somebody, patient, "/$prescribe", body)
        assert (told.status_code, reason(told)) == (403, "care/not-yours")
    assert (await act(me, patient, "/$prescribe", body)).status_code == 403
    id = await prescribed(anna, patient)
    for address, values in (
        ("$stop", asked(reason="finished")),
        ("$hold", asked(comment="x")),
        ("$renew", asked(id="n")),
    ):
        assert (await act(nurse, patient, f"/{id}/{address}", values)).status_code == 403


async def test_nothing_is_prescribed_to_the_dead_or_to_another_than_the_patient_in_context(
    ward: Any, anna: Any
) -> None:
    dead = await ward.patient(deceasedDateTime="2026-11-01")
    draft = a_draft(dead)
    told = await act(anna, dead, "/$prescribe", a_basket(draft, answers=checked_by_hand(draft)))
    assert (told.status_code, reason(told)) == (409, "care/not-now")
    one, other = await ward.patient(), await ward.patient()
    draft = a_draft(one)
    wrong = await act(anna, other, "/$prescribe", a_basket(draft, answers=checked_by_hand(draft)))
    assert (wrong.status_code, "annan patient" in wrong.text) == (422, True)
    unsaid = await anna.post("/MedicationRequest/$prescribe", json=a_basket(draft))
    assert unsaid.status_code == 403


async def test_another_basket_under_a_used_id_is_refused(anna: Any, patient: str) -> None:
    draft = a_draft(patient)
    await act(anna, patient, "/$prescribe", a_basket(draft, answers=checked_by_hand(draft)))
    other = a_draft(patient, "Apixaban tablett 5 mg", "B01AF02") | {"id": draft["id"]}
    told = await act(anna, patient, "/$prescribe", a_basket(other, answers=checked_by_hand(other)))
    assert (told.status_code, reason(told)) == (409, "care/not-now")
    some = a_draft(patient, "Apixaban tablett 5 mg", "B01AF02")
    told = await act(anna, patient, "/$prescribe", a_basket(draft, some, answers=checked_by_hand(some)))
    assert (told.status_code, reason(told)) == (409, "care/not-now")


async def test_a_renewal_is_a_new_prescription_and_the_old_one_ends(anna: Any, patient: str) -> None:
    old, new = await prescribed(anna, patient), str(uuid.uuid4())
    body = asked(id=new)
    body["parameter"] += [an_answer("", "interaction", "checked")]
    for _ in range(2):
        done = await act(anna, patient, f"/{old}/$renew", body)
        assert done.status_code == 200, done.text
    [entry] = done.json()["entry"]
    assert entry["resource"]["priorPrescription"]["reference"] == f"MedicationRequest/{old}"
    assert entry["resource"]["dosageInstruction"] == [{"text": "1 tablett 2 gånger per dag"}]
    before = (await anna.get(f"/MedicationRequest/{old}")).json()
    assert (before["status"], before["statusReason"]["text"]) == ("completed", "Förnyad")
    twice = await act(anna, patient, f"/{old}/$renew", asked(id=str(uuid.uuid4())))
    assert (twice.status_code, "redan förnyat" in twice.text) == (409, True)


async def test_a_medicine_is_paused_taken_up_and_stopped_once_each(anna: Any, patient: str) -> None:
    id = await prescribed(anna, patient)
    assert (await act(anna, patient, f"/{id}/$hold")).status_code == 400
    for name, values, status, version in (
        ("hold", asked(comment="Inför operation"), "on-hold", "2"),
        ("release", None, "active", "3"),
        ("stop", asked(reason="side-effect", comment="Yrsel"), "stopped", "4"),
    ):
        for _ in range(2):
            done = await act(anna, patient, f"/{id}/${name}", values)
            assert (done.status_code, done.json()["status"], done.json()["meta"]["versionId"]) == (200, status, version)
    late = await act(anna, patient, f"/{id}/$hold", asked(comment="x"))
    assert (late.status_code, reason(late)) == (409, "care/not-now")
    assert (await act(anna, patient, f"/{id}/$stop", asked(reason="because"))).status_code == 400
    stale = await act(
        anna, patient, f"/{await prescribed(anna, patient)}/$stop", asked(reason="finished"), **{"if-match": 'W/"9"'}
    )
    assert stale.status_code == 412


async def test_a_patient_asks_once_and_the_unit_that_prescribed_owes_an_answer(
    ward: Any, anna: Any, me: Any, patient: str, engine: Any
) -> None:
    id = await prescribed(anna, patient)
    answers = await asyncio.gather(
        *(act(me, patient, f"/{id}/$request-renewal", asked(comment="Räcker en vecka")) for _ in range(3))
    )
    assert {one.status_code for one in answers} <= {200, 201}, [one.text for one in answers]
    task = (await anna.get(f"/Task/{tasks.id_of('renewal', f'MedicationRequest/{id}')}")).json()
    assert (task["status"], task["owner"]["reference"], task["focus"]["display"], task["meta"]["versionId"]) == (
        "requested", f"Organization/{NORRBY.unit}", "Metformin tablett 500 mg", "1",
    )  # fmt: skip
    assert [(one["authorString"], one["text"]) for one in task["note"]] == [("Test Testsson", "Räcker en vecka")]
    assert (await me.get(f"/Task/{task['id']}")).status_code == 200
    row = await engine.db.pool.fetchrow(
        "select actor, activity from access_log where activity = 'create' order by id desc limit 1"
    )
    assert patient in str(dict(row))


async def test_a_renewal_answers_what_the_patient_asked_and_the_new_one_may_be_asked_for_again(
    anna: Any, me: Any, patient: str
) -> None:
    old, new = await prescribed(anna, patient), str(uuid.uuid4())
    task = (await act(me, patient, f"/{old}/$request-renewal")).json()["id"]
    body = asked(id=new)
    body["parameter"] += [an_answer("", "interaction", "checked")]
    assert (await act(anna, patient, f"/{old}/$renew", body)).status_code == 200
    done = (await anna.get(f"/Task/{task}")).json()
    assert (done["status"], done["output"][0]["valueCode"], done["note"][-1]["text"]) == (
        "completed",
        "renewed",
        "Förnyat",
    )
    again = await act(me, patient, f"/{old}/$request-renewal")
    assert (again.status_code, reason(again)) == (409, "care/not-now")
    assert (await act(me, patient, f"/{new}/$request-renewal")).status_code == 201


async def test_the_unit_says_no_with_words_and_the_patient_may_ask_anew(
    anna: Any, nurse: Any, me: Any, patient: str
) -> None:
    id = await prescribed(anna, patient)
    task = (await act(me, patient, f"/{id}/$request-renewal")).json()["id"]
    no = {"resourceType": "Parameters", "parameter": [{"name": "outcome", "valueCode": "declined"}]}
    context = {"fvm-patient": patient}
    assert (await nurse.post(f"/Task/{task}/$complete", json=no, headers=context)).status_code == 400
    no["parameter"].append({"name": "comment", "valueString": "Boka ett besök först"})  # type: ignore[attr-defined]
    done = await nurse.post(f"/Task/{task}/$complete", json=no, headers=context)
    assert (done.status_code, done.json()["output"][0]["valueCode"]) == (200, "declined")
    again = await act(me, patient, f"/{id}/$request-renewal", asked(comment="Jag har varit på besök"))
    assert (again.status_code, again.json()["status"], again.json()["id"]) == (200, "requested", task)
    assert [one["text"] for one in again.json()["note"]] == [
        "Begär förnyelse",
        "Boka ett besök först",
        "Jag har varit på besök",
    ]


async def test_a_patient_asks_for_their_own_only_and_not_for_what_has_ended(
    ward: Any, anna: Any, me: Any, patient: str
) -> None:
    other = await ward.patient(birthDate="1970-01-01")
    theirs = await prescribed(anna, other)
    assert (await act(me, patient, f"/{theirs}/$request-renewal")).status_code == 404
    id = await prescribed(anna, patient)
    await act(anna, patient, f"/{id}/$stop", asked(reason="finished"))
    told = await act(me, patient, f"/{id}/$request-renewal")
    assert (told.status_code, "avslutat" in told.text) == (409, True)
    by_staff = await act(anna, patient, f"/{id}/$request-renewal")
    assert (by_staff.status_code, reason(by_staff)) == (403, "care/not-yours")


async def test_a_guardian_asks_for_a_small_child_and_not_for_one_of_fourteen(ward: Any, anna: Any, engine: Any) -> None:
    year = datetime.now(UTC).year
    for born, status in ((f"{year - 7}-01-01", 201), (f"{year - 14}-01-01", 404)):
        child, guardian = await ward.patient(birthDate=born), await ward.patient(birthDate="1985-01-01")
        await facts_of(engine, child, acting=(Acting(guardian, "guardian", datetime(2026, 1, 1, tzinfo=UTC)),))
        id = await prescribed(anna, child)
        token = {"patient": child, "subject": guardian, "commission": None, "scope": "patient/*.rs"}
        async with ward.client("patient", **token) as client:
            told = await act(client, child, f"/{id}/$request-renewal")
            assert told.status_code == status
            if status == 201:
                assert told.json()["note"][0]["authorString"] == "Test Testsson, för patienten"


async def test_another_dose_under_the_same_id_is_not_taken_for_the_one_that_stands(anna: Any, patient: str) -> None:
    draft = a_draft(patient)
    await act(anna, patient, "/$prescribe", a_basket(draft, answers=checked_by_hand(draft)))
    other = draft | {"dosageInstruction": [{"text": "2 tabletter 2 gånger per dag"}]}
    told = await act(anna, patient, "/$prescribe", a_basket(other, answers=checked_by_hand(draft)))
    assert (told.status_code, reason(told)) == (409, "care/not-now")
    old, new = draft["id"], str(uuid.uuid4())
    body = asked(id=new, dose="1 tablett 3 gånger per dag")
    body["parameter"] += [an_answer("", "interaction", "checked")]
    assert (await act(anna, patient, f"/{old}/$renew", body)).status_code == 200
    assert (await act(anna, patient, f"/{old}/$renew", body)).status_code == 200
    changed = asked(id=new, dose="9 tabletter 3 gånger per dag")
    assert (await act(anna, patient, f"/{old}/$renew", changed)).status_code == 409


@pytest.mark.parametrize("way", ["put", "patch", "bundle", "delete"])
async def test_what_is_signed_is_not_changed_by_a_plain_write_whatever_door(
    ward: Any, anna: Any, bench: Any, patient: str, way: str
) -> None:
    id = await prescribed(anna, patient)
    address, context = f"/MedicationRequest/{id}", {"fvm-patient": patient}
    held = (await anna.get(address)).json()
    changed = held | {"dosageInstruction": [{"text": "9 tabletter 2 gånger per dag"}]}
    if way == "put":
        told = await anna.put(address, json=changed, headers=context)
    elif way == "patch":
        patch = [{"op": "replace", "path": "/status", "value": "completed"}]
        told = await anna.patch(address, json=patch, headers={**context, "content-type": "application/json-patch+json"})
    elif way == "bundle":
        entry = {"resource": changed, "request": {"method": "PUT", "url": address[1:]}}
        told = await bench.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    else:
        told = await bench.delete(address)
    assert (told.status_code, reason(told)) == (409, "care/not-now"), told.text
    assert (await anna.get(address)).json()["meta"]["versionId"] == "1"


async def test_a_signed_prescription_may_be_marked_as_entered_in_error_and_others_are_free(
    ward: Any, anna: Any, patient: str
) -> None:
    id = await prescribed(anna, patient)
    held = (await anna.get(f"/MedicationRequest/{id}")).json()
    context = {"fvm-patient": patient}
    wrong = await anna.put(f"/MedicationRequest/{id}", json=held | {"status": "entered-in-error"}, headers=context)
    assert wrong.status_code == 200
    imported = await ward.add(a_draft(patient, status="active"))
    other = a_draft(patient, status="completed") | {"id": imported}
    assert (await anna.put(f"/MedicationRequest/{imported}", json=other, headers=context)).status_code == 200


async def test_who_has_a_mandate_asks_for_a_grown_patient(ward: Any, anna: Any, patient: str, engine: Any) -> None:
    id, other = await prescribed(anna, patient), await ward.patient(birthDate="1985-01-01")
    token = {"patient": patient, "subject": other, "commission": None, "scope": "patient/*.rs"}
    async with ward.client("patient", **token) as client:
        assert (await act(client, patient, f"/{id}/$request-renewal")).status_code == 404
        await facts_of(engine, patient, acting=(Acting(other, "mandate", datetime(2026, 1, 1, tzinfo=UTC)),))
        assert (await act(client, patient, f"/{id}/$request-renewal")).status_code == 201
