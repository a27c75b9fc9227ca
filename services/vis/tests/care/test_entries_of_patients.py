"""REC-07, REC-08, PAT-02: an entry is moved from the wrong patient, holds the patient's opinion, and is kept from their reading or shown."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from kit.caller import Commission
from vis.care import entries

HSA = "urn:oid:1.2.752.29.4.19"
NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
SJOVIK = Commission("c-2", "SE0000000002-S1", "Sjövik", "SE0000000002-S", "Hälsoakuten", "Läkare")
BORN = "1980-05-01"
WORDS = "SG9zdGEgc2VkYW4gdHbDpSB2ZWNrb3Iu"  # Hosta sedan två veckor.


def about(patient: str, type_name: str, **more: Any) -> dict[str, Any]:
    subject = {"reference": f"Patient/{patient}"}
    base: dict[str, dict[str, Any]] = {
        "DocumentReference": {
            "status": "current", "docStatus": "preliminary", "type": {"text": "Läkarbesök"}, "subject": subject,
            "author": [{"identifier": {"system": HSA, "value": "SE-ANNA"}}],
            "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": WORDS}}],
        },
        "Observation": {"status": "final", "code": {"text": "CRP"}, "subject": subject, "valueString": "12"},
        "Condition": {
            "code": {"text": "Astma"}, "subject": subject,
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        },
        "AllergyIntolerance": {
            "code": {"text": "Nötter"}, "patient": subject,
            "clinicalStatus": {"coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
        },
        "Procedure": {"status": "completed", "code": {"text": "Gips"}, "subject": subject},
        "Immunization": {"status": "completed", "vaccineCode": {"text": "TBE"}, "patient": subject, "occurrenceDateTime": "2026"},
        "DiagnosticReport": {"status": "final", "code": {"text": "Blodstatus"}, "subject": subject},
    }  # fmt: skip
    return {"resourceType": type_name, **base[type_name], **more}


def asked(**values: str) -> dict[str, Any]:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": said} for name, said in values.items()],
    }


def reason(answer: httpx2.Response) -> str:
    return str(answer.json()["issue"][0].get("details", {}).get("coding", [{}])[0].get("code", ""))


@pytest.fixture
async def anna(ward: Any) -> AsyncIterator[httpx2.AsyncClient]:
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


@pytest.fixture
async def elsewhere(ward: Any) -> AsyncIterator[httpx2.AsyncClient]:
    async with ward.client("staff", subject="SE-BO", scope="user/*.cruds", commission=SJOVIK) as found:
        yield found


class Entry:
    """Of a patient, written by Anna."""

    def __init__(self, ward: Any, patient: str, type_name: str, id: str) -> None:
        self.ward, self.patient, self.id, self.name = ward, patient, id, f"{type_name}/{id}"

    async def act(
        self, by: httpx2.AsyncClient, name: str, *, context: str | None = None, **values: str
    ) -> httpx2.Response:
        headers = {"fvm-patient": context or self.patient}
        return await by.post(f"/{self.name}/${name}", json=asked(**values), headers=headers)

    async def as_patient(self, path: str, patient: str = "", **values: str) -> httpx2.Response:
        """Read, or done, by the patient."""
        who = patient or self.patient
        async with self.ward.client("patient", subject=who, patient=who, scope="patient/*.rs") as me:
            if values:
                return httpx2.Response(200) if not path else await me.post(path, json=asked(**values))
            return await me.get(path)


async def an_entry(ward: Any, anna: httpx2.AsyncClient, type_name: str = "Observation", **more: Any) -> Entry:
    patient = await ward.patient(birthDate=BORN)
    id = await ward.add(about(patient, type_name, **more), anna, **{"fvm-patient": patient})
    return Entry(ward, patient, type_name, id)


@pytest.mark.parametrize("type_name", entries.TYPES)
async def test_rec_08_an_entry_is_moved_to_whom_it_is_about_with_a_trace_in_both_records(
    type_name: str, ward: Any, anna: httpx2.AsyncClient, engine: Engine
) -> None:
    entry, right = await an_entry(ward, anna, type_name), await ward.patient(birthDate=BORN)
    answer = await entry.act(anna, "move-to-patient", patient=right, reason="Fel patient vald")
    assert answer.status_code == 200, answer.text
    struck = answer.json()
    assert entries.is_struck(struck)
    assert struck[entries.subject_of(struck)]["reference"] == f"Patient/{entry.patient}"
    new_name = entries.where_it_went(struck)
    new = (await anna.get(f"/{new_name}")).json()
    assert new[entries.subject_of(new)]["reference"] == f"Patient/{right}"
    assert not entries.is_struck(new)
    [came] = entries.extensions(new, entries.MOVED_FROM)
    parts = {one["url"]: one for one in came["extension"]}
    assert parts["entry"]["valueReference"]["reference"] == entry.name
    assert (parts["reason"]["valueString"], parts["by"]["valueReference"]["identifier"]["value"]) == (
        "Fel patient vald",
        "SE-ANNA",
    )
    assert entry.patient not in (await anna.get(f"/{new_name}")).text, (
        "whose record it stood in is not said in the other"
    )
    said = {
        name: value
        for name, value in about(right, type_name).items()
        if name not in ("resourceType", "subject", "patient")
    }
    assert {name: new.get(name) for name in said} == said
    search = "patient" if entries.subject_of(new) == "patient" else "subject"
    assert await ward.ids(f"/{type_name}?{search}=Patient/{right}") == [new["id"]]
    again = await entry.act(anna, "move-to-patient", patient=right, reason="Fel patient vald")
    assert (again.status_code, again.json()["meta"]["versionId"]) == (200, struck["meta"]["versionId"])
    assert len((await anna.get(f"/{entry.name}/_history")).json()["entry"]) == 2, (
        "what it said before stays in its history"
    )
    topics = await engine.db.pool.fetch(
        "select key from outbox where topic = 'vis.record.v1' and key = any($1)", [entry.patient, right]
    )
    assert {row["key"] for row in topics} >= {entry.patient, right}, "the region is told of both"


async def test_rec_08_neither_patient_reads_what_is_about_the_other(ward: Any, anna: httpx2.AsyncClient) -> None:
    entry, right = await an_entry(ward, anna), await ward.patient(birthDate=BORN)
    assert (await entry.as_patient(f"/{entry.name}")).status_code == 200
    struck = (await entry.act(anna, "move-to-patient", patient=right, reason="Fel")).json()
    assert (await entry.as_patient(f"/{entry.name}")).status_code == 404
    assert (await entry.as_patient(f"/Observation?patient={entry.patient}")).json()["total"] == 0
    assert (await entry.as_patient(f"/{entries.where_it_went(struck)}", right)).status_code == 200


@pytest.mark.parametrize("act", ["move-to-patient", "withhold-from-patient"])
async def test_what_is_kept_from_a_patient_is_kept_in_its_earlier_versions_too(
    act: str, ward: Any, anna: httpx2.AsyncClient
) -> None:
    entry = await an_entry(ward, anna)
    more = {"patient": await ward.patient(birthDate=BORN)} if act == "move-to-patient" else {}
    earlier = (f"/{entry.name}/_history/1", f"/{entry.name}/_history")
    assert [(await entry.as_patient(one)).status_code for one in earlier] == [200, 200]
    assert (await entry.act(anna, act, reason="Fel patient vald", **more)).status_code == 200
    for path in (*earlier, "/Observation/_history"):
        answer = await entry.as_patient(path)
        assert answer.status_code == 404 or not answer.json().get("entry"), f"{path}: {answer.text[:300]}"
    assert len((await anna.get(f"/{entry.name}/_history")).json()["entry"]) == 2, "its unit reads all of it"


async def test_pat_02_what_was_kept_from_the_wrong_patient_is_kept_from_the_right_one_until_it_is_shown(
    ward: Any, anna: httpx2.AsyncClient
) -> None:
    entry, right = await an_entry(ward, anna), await ward.patient(birthDate=BORN)
    assert (await entry.act(anna, "withhold-from-patient", reason="Kan skada den som läser")).status_code == 200
    struck = (await entry.act(anna, "move-to-patient", patient=right, reason="Fel")).json()
    new = entries.where_it_went(struck)
    assert (await entry.as_patient(f"/{new}", right)).status_code == 404
    shown = await anna.post(f"/{new}/$release-to-patient", json=asked(reason="Bedömt"), headers={"fvm-patient": right})
    assert shown.status_code == 200
    assert (await entry.as_patient(f"/{new}", right)).status_code == 200


async def test_rec_08_what_was_moved_away_is_never_shown_to_the_wrong_patient_again(
    ward: Any, anna: httpx2.AsyncClient
) -> None:
    entry, right = await an_entry(ward, anna), await ward.patient(birthDate=BORN)
    assert (await entry.act(anna, "move-to-patient", patient=right, reason="Fel")).status_code == 200
    answer = await entry.act(anna, "release-to-patient", reason="Visa")
    assert (answer.status_code, reason(answer)) == (409, "care/not-now")
    assert (await entry.as_patient(f"/{entry.name}")).status_code == 404


async def test_rec_08_a_signed_note_is_moved_signed_and_what_it_owed_is_closed(
    ward: Any, anna: httpx2.AsyncClient
) -> None:
    entry, right = await an_entry(ward, anna, "DocumentReference"), await ward.patient(birthDate=BORN)
    assert (await entry.act(anna, "sign")).status_code == 200
    asked_of = {"resourceType": "Parameters", "parameter": [
        {"name": "who", "valueReference": {"type": "Practitioner", "identifier": {"system": HSA, "value": "SE-BO"}}}]}  # fmt: skip
    task = await anna.post(f"/{entry.name}/$request-countersign", json=asked_of, headers={"fvm-patient": entry.patient})
    assert task.status_code in (200, 201), task.text
    struck = (await entry.act(anna, "move-to-patient", patient=right, reason="Fel")).json()
    new = (await anna.get(f"/{entries.where_it_went(struck)}")).json()
    assert (new["docStatus"], new["relatesTo"][0]["target"]["reference"]) == ("final", entry.name)
    assert (await anna.get(f"/Task/{task.json()['id']}")).json()["status"] == "cancelled"
    over = {**new, "content": [{"attachment": {"contentType": "text/plain", "data": "QW5uYXQ="}}]}
    refused = await anna.put(f"/DocumentReference/{new['id']}", json=over, headers={"fvm-patient": right})
    assert refused.status_code == 409, "it is as locked as it was"


async def test_rec_08_what_may_not_be_moved(
    ward: Any, anna: httpx2.AsyncClient, elsewhere: httpx2.AsyncClient, engine: Engine
) -> None:
    entry, right = await an_entry(ward, anna), await ward.patient(birthDate=BORN)
    told = {"patient": right, "reason": "Fel"}
    for by, values, status, code in (
        (elsewhere, told, 404, ""),  # another provider's: it does not exist
        (anna, {**told, "patient": entry.patient}, 409, "care/not-now"),  # the same patient
        (anna, {**told, "patient": "nobody"}, 409, "care/not-now"),
        (anna, {"patient": right}, 400, ""),
        (anna, {**told, "reason": " "}, 400, ""),
    ):
        answer = await entry.act(by, "move-to-patient", **values)
        assert answer.status_code == status, answer.text
        assert code in reason(answer)
    await engine.db.pool.execute("delete from access_relation where pat = $1", engine.keys.of(f"Patient/{right}"))
    answer = await entry.act(anna, "move-to-patient", **told)
    assert (answer.status_code, reason(answer)) == (403, "care/not-yours"), "no relation to the other patient"
    third, target = await ward.patient(birthDate=BORN), await ward.patient(birthDate=BORN)
    other = await entry.act(anna, "move-to-patient", context=third, patient=target, reason="Fel")
    assert other.status_code == 422, other.text
    assert not entries.is_struck((await anna.get(f"/{entry.name}")).json()), "the patient in context is another"
    twice = await an_entry(ward, anna)
    body = (await anna.get(f"/{twice.name}")).json() | {"performer": [{"reference": f"Patient/{twice.patient}"}]}
    assert (await anna.put(f"/{twice.name}", json=body, headers={"fvm-patient": twice.patient})).status_code == 200
    assert reason(await twice.act(anna, "move-to-patient", patient=target, reason="Fel")) == "care/not-now"
    assert (await anna.get(f"/{twice.name}")).json()["status"] == "final", "nothing is done by halves"
    struck = await an_entry(ward, anna, status="entered-in-error")
    assert reason(await struck.act(anna, "move-to-patient", patient=target, reason="Fel")) == "care/not-now"


@pytest.mark.parametrize("type_name", ["DocumentReference", "Condition"])
async def test_rec_07_the_patients_opinion_is_noted_in_the_entry_by_staff_or_by_the_patient(
    type_name: str, ward: Any, anna: httpx2.AsyncClient
) -> None:
    entry = await an_entry(ward, anna, type_name)
    if type_name == "DocumentReference":
        assert (await entry.act(anna, "sign")).status_code == 200
    first = await entry.act(anna, "note-opinion", text="Jag har aldrig haft det <b>här</b>")
    assert first.status_code == 200, first.text
    second = await entry.as_patient(f"/{entry.name}/$note-opinion", text="Det stämmer inte")
    assert second.status_code == 200, second.text
    shown = (await anna.get(f"/{entry.name}")).json()
    said = [{part["url"]: part for part in one["extension"]} for one in entries.extensions(shown, entries.OPINION)]
    assert [one["text"]["valueString"] for one in said] == ["Jag har aldrig haft det <b>här</b>", "Det stämmer inte"]
    assert said[0]["by"]["valueReference"]["identifier"]["value"] == "SE-ANNA"
    assert "identifier" not in said[1]["by"]["valueReference"]
    kept = {name: value for name, value in about(entry.patient, type_name).items() if name not in ("docStatus",)}
    assert {name: shown.get(name) for name in kept} == kept, "the entry itself says what it said"
    twice = await entry.as_patient(f"/{entry.name}/$note-opinion", text="Det stämmer inte")
    assert (twice.status_code, reason(twice)) == (409, "care/not-now")


async def test_rec_07_an_opinion_is_nobody_elses_and_stays_in_a_signed_note(
    ward: Any, anna: httpx2.AsyncClient
) -> None:
    entry, other = await an_entry(ward, anna, "DocumentReference"), await ward.patient(birthDate=BORN)
    assert (await entry.as_patient(f"/{entry.name}/$note-opinion", other, text="Fel")).status_code in (403, 404)
    assert (await entry.act(anna, "note-opinion", text="")).status_code == 400
    assert (await entry.act(anna, "note-opinion", text="x" * 4_001)).status_code == 400
    noted = (await entry.act(anna, "note-opinion", text="Fel")).json()
    without = {name: value for name, value in noted.items() if name != "extension"}
    refused = await anna.put(f"/{entry.name}", json=without, headers={"fvm-patient": entry.patient})
    assert (refused.status_code, reason(refused)) == (409, "care/not-now"), "a plain write does not take it away"


async def test_pat_02_who_wrote_it_keeps_an_entry_from_the_patient_and_shows_it_again(
    ward: Any, anna: httpx2.AsyncClient, elsewhere: httpx2.AsyncClient, engine: Engine
) -> None:
    entry = await an_entry(ward, anna)
    beside = await ward.add(about(entry.patient, "Observation"), anna, **{"fvm-patient": entry.patient})
    ways = (
        f"/Observation?patient={entry.patient}",
        f"/Patient/{entry.patient}/$everything",
        f"/Observation?patient={entry.patient}&_summary=count",
    )
    before = [(await entry.as_patient(way)).json()["total"] for way in ways if "everything" not in way]
    assert before == [2, 2]
    answer = await entry.act(anna, "withhold-from-patient", reason="Väntar på besked")
    assert answer.status_code == 200, answer.text
    assert (await entry.as_patient(f"/{entry.name}")).status_code == 404
    for way in ways:
        found = (await entry.as_patient(way)).json()
        assert entry.id not in str(found), way
        assert "everything" in way or found["total"] == 1
    assert (await anna.get(f"/{entry.name}")).json()["valueString"] == "12", "staff read it"
    assert await ward.ids(f"/Observation?patient={entry.patient}", anna) != [beside]
    assert reason(await entry.act(anna, "withhold-from-patient", reason="Igen")) == "care/not-now"
    assert (await entry.act(elsewhere, "release-to-patient", reason="x")).status_code == 404
    updated = (await anna.get(f"/{entry.name}")).json() | {"valueString": "13"}
    assert (await anna.put(f"/{entry.name}", json=updated, headers={"fvm-patient": entry.patient})).status_code == 200
    assert (await entry.as_patient(f"/{entry.name}")).status_code == 404, "an update does not show it"
    assert (await entry.act(anna, "release-to-patient", reason="Patienten har fått besked")).status_code == 200
    assert (await entry.as_patient(f"/{entry.name}")).json()["valueString"] == "13"
    assert (await entry.as_patient(ways[0])).json()["total"] == 2
