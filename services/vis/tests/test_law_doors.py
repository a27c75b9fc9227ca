"""The law at the door: what is withheld, with what reason, what opens it, and that nothing of it leaks (architecture D10)."""

import re
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from access import Block, Choice, Consent, Relation, Rules
from fhirserver.facts import put_rules
from fhirserver.testing import facts_of
from kit.caller import Commission

NORR, SJO = "SE0000000001-N", "SE0000000002-S"
WARD = Commission("c-w", f"{NORR}3", "Avdelning 3", NORR, "Region Norr", "Sjuksköterska")
OTHER = Commission("c-o", f"{NORR}4", "Avdelning 4", NORR, "Region Norr", "Läkare")
PRIVATE = Commission("c-p", f"{SJO}9", "Kliniken", SJO, "Hälsoakuten", "Läkare")
BEGUN, ENDS = datetime(2026, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
KNOWN = Relation(WARD.unit, BEGUN, ENDS)
CHOICE = Choice("session-1", ENDS)
CONSENT = Consent(NORR, WARD.unit, BEGUN)
_STATUS = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
ACTIVE = {"clinicalStatus": {"coding": [{"system": _STATUS, "code": "active"}]}}


@pytest.fixture
async def nurse(ward: Any) -> Any:
    async with ward.client("staff", commission=WARD, subject="nurse") as found:
        yield found


@pytest.fixture
async def patient(ward: Any) -> str:
    async with ward.engine.db.pool.acquire() as con:
        await put_rules(con, Rules(sharing=frozenset((NORR, SJO))))
        await ward.engine.law.refresh(con)
    id = await ward.patient(name=[{"family": "Lagman"}], birthDate="1961-02-03", address=[{"city": "Umeå"}])
    return str(id)


async def written_by(ward: Any, commission: Commission, patient: str, loinc: str = "law-1", **more: Any) -> str:
    async with ward.client("system", commission=commission, subject="s", client_id="s") as system:
        return str(await ward.observation(patient, loinc, system, **more))


def reasons(answer: httpx2.Response) -> set[str]:
    """The names of the reasons in a refusal, or in the notice of a searchset."""
    body = answer.json()
    outcomes = [body] if body["resourceType"] == "OperationOutcome" else [
        entry["resource"] for entry in body.get("entry", ()) if entry["search"]["mode"] == "outcome"
    ]  # fmt: skip
    return {
        coding["code"]
        for outcome in outcomes
        for issue in outcome["issue"]
        for coding in issue.get("details", {}).get("coding", ())
    }


async def test_each_reason_has_its_name_at_a_read_and_in_the_notice_of_a_search(
    ward: Any, nurse: httpx2.AsyncClient, patient: str
) -> None:
    mine = await written_by(ward, WARD, patient)
    other = await written_by(ward, OTHER, patient)
    private = await written_by(ward, PRIVATE, patient)
    steps = [
        ({}, {mine: "need-relation", other: "need-relation", private: "need-relation"}),
        ({"relations": (KNOWN,)}, {mine: "", other: "need-active-choice", private: "need-consent"}),
        ({"relations": (KNOWN,), "choices": (CHOICE,)}, {mine: "", other: "", private: "need-consent"}),
        ({"relations": (KNOWN,), "choices": (CHOICE,), "consents": (CONSENT,)}, {mine: "", other: "", private: ""}),
        (
            {"relations": (KNOWN,), "choices": (CHOICE,), "consents": (CONSENT,),
             "blocks": (Block("b", "inner", NORR, OTHER.unit), Block("c", "outer", SJO))},
            {mine: "", other: "blocked", private: "blocked"},
        ),
    ]  # fmt: skip
    for facts, expected in steps:
        await facts_of(ward.engine, patient, **facts)
        for id, reason in expected.items():
            for address in (f"/Observation/{id}", f"/Observation/{id}/_history/1"):
                answer = await nurse.get(address)
                assert answer.status_code == (403 if reason else 200), (facts, answer.text)
                assert not reason or reasons(answer) == {f"law/{reason}"}
        told = await nurse.get(f"/Observation?patient={patient}&_total=accurate")
        shown = (
            {e["resource"]["id"] for e in told.json()["entry"] if e["search"]["mode"] == "match"}
            if told.json()["total"]
            else set()
        )
        assert shown == {id for id, reason in expected.items() if not reason}
        assert told.json()["total"] == len(shown)
        assert reasons(told) == {f"law/{reason}" for reason in expected.values() if reason}


async def test_the_notice_depends_on_the_patient_alone(ward: Any, nurse: httpx2.AsyncClient, patient: str) -> None:
    await written_by(ward, OTHER, patient)
    await facts_of(ward.engine, patient, relations=(KNOWN,))
    for asked in ("Observation?code=nothing", "Condition?", "Goal?target-date=2020", "Observation?date=1901"):
        told = await nurse.get(f"/{asked}&patient={patient}")
        assert reasons(told) == {"law/need-active-choice"}, asked
    assert reasons(await nurse.get(f"/Patient/{patient}/$everything")) == {"law/need-active-choice"}
    assert reasons(await nurse.get("/Observation?code=law-1")) == set()
    other = await ward.patient()
    assert reasons(await nurse.get(f"/Observation?patient={patient},{other}")) == set()


async def test_of_who_does_not_share_nothing_is_said(ward: Any, nurse: httpx2.AsyncClient, patient: str) -> None:
    hidden = Commission("c-x", "SE0000000003-X1", "Dold", "SE0000000003-X", "Dold vård", "Läkare")
    id = await written_by(ward, hidden, patient)
    await facts_of(ward.engine, patient, relations=(KNOWN,), consents=(CONSENT,))
    assert (await nurse.get(f"/Observation/{id}")).status_code == 404
    told = await nurse.get(f"/Observation?patient={patient}&_total=accurate")
    assert (told.json()["total"], reasons(told)) == (0, set())


def _plain(answer: httpx2.Response, *ids: str) -> tuple[int, str, list[tuple[str, str]]]:
    """An answer without what is different each time: ids, sealed cursors, times."""
    text = answer.text
    for id in ids:
        text = text.replace(id, "ID")
    text = re.sub(r"_cursor=[^&\"]+", "_cursor=C", text)
    headers = sorted((n, v) for n, v in answer.headers.items() if n not in ("content-length", "traceparent", "etag"))
    return answer.status_code, text, headers


LOOKS = [
    "/Observation?code=law-h", "/Observation?code=law-h&_total=accurate", "/Observation?code=law-h&_summary=count",
    "/Observation?code=law-h&_sort=date&_count=1", "/Observation?_has:Provenance:target:agent=x&code=law-h",
    "/Patient?_has:Observation:patient:code=law-h", "/Observation?patient.family=Lagman&code=law-h",
    "/Observation?patient={p}&code=law-h", "/Observation?patient={p}&_total=estimate", "/Patient/{p}/Observation?code=law-h",
    "/Patient?_id={p}&_revinclude=Observation:subject", "/Patient/{p}/$everything", "/Observation/_history?_count=1000",
    "/Observation/$lastn?patient={p}", "/Observation?_lastUpdated=gt2020&code=law-h", "/?_type=Observation&code=law-h",
    "/Observation?identifier=urn:h|1", "/Observation?code:text=hidden",
]  # fmt: skip


async def test_no_way_of_looking_tells_whether_the_hidden_is_there(
    ward: Any, nurse: httpx2.AsyncClient, patient: str
) -> None:
    """The same questions before and after another unit wrote: only the notice, which one fact of that unit causes, stands."""
    await written_by(ward, OTHER, patient, "law-0")
    await facts_of(ward.engine, patient, relations=(KNOWN,))
    condition = {"if-none-exist": "identifier=urn:h|1", "fvm-patient": patient}
    before = {look: _plain(await nurse.get(look.format(p=patient))) for look in LOOKS}
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient/{patient}"}}  # fmt: skip
    hidden = await written_by(
        ward, OTHER, patient, "law-h", identifier=[{"system": "urn:h", "value": "1"}], code={"text": "hidden", "coding": [
            {"system": "http://loinc.org", "code": "law-h"}]},
    )  # fmt: skip
    after = {look: _plain(await nurse.get(look.format(p=patient)), hidden) for look in LOOKS}
    assert after == before
    made = await nurse.post("/Observation", json=body, headers=condition)
    assert made.status_code == 201


async def test_emg_03_an_emergency_opens_the_kinds_of_information_that_it_is_about_by_every_way(
    ward: Any, nurse: httpx2.AsyncClient, patient: str
) -> None:
    hidden = await written_by(ward, PRIVATE, patient)  # `und`
    async with ward.client("system", commission=PRIVATE, subject="s", client_id="s") as system:
        allergy = await ward.add(
            {"resourceType": "AllergyIntolerance", **ACTIVE, "patient": {"reference": f"Patient/{patient}"}}, system
        )
    relation = {"relations": (KNOWN,)}
    await facts_of(ward.engine, patient, **relation)
    before = [(await nurse.get(look)).json() for look in _ways(patient, hidden)]
    narrow = Consent(NORR, WARD.unit, BEGUN, info=("upp",))
    await facts_of(ward.engine, patient, **relation, consents=(narrow,))

    assert (await nurse.get(f"/AllergyIntolerance/{allergy}")).status_code == 200
    assert await ward.ids(f"/AllergyIntolerance?patient={patient}", nurse) == [allergy]
    assert (await nurse.get(f"/Observation/{hidden}")).status_code == 403
    assert await ward.ids(f"/Observation?patient={patient}", nurse) == []
    for look, was in zip(_ways(patient, hidden), before, strict=True):
        after = (await nurse.get(look)).json()
        for bundle in (was, after):
            assert f"Observation/{hidden}" not in str(bundle.get("entry", ""))
    await facts_of(ward.engine, patient, **relation, consents=(narrow, CONSENT))
    assert (await nurse.get(f"/Observation/{hidden}")).status_code == 200


def _ways(patient: str, hidden: str) -> list[str]:
    return [
        f"/Patient/{patient}/$everything", f"/Observation?patient={patient}&_total=accurate", f"/Observation?_id={hidden}",
        f"/Patient?_id={patient}&_revinclude=Observation:subject", f"/Patient/{patient}/Observation",
        f"/Observation/$lastn?patient={patient}", f"/Observation/{hidden}/_history",
    ]  # fmt: skip


async def test_without_a_relation_a_patient_is_found_by_name_number_and_birth_date_only(
    ward: Any, nurse: httpx2.AsyncClient, patient: str
) -> None:
    for asked in (f"_id={patient}&family=Lagman&birthdate=1961-02-03", f"_id={patient}&name=lagman"):
        (entry,) = (await nurse.get(f"/Patient?{asked}&_count=1")).json()["entry"]
        assert "address" not in entry["resource"]
        assert "SUBSETTED" in str(entry["resource"]["meta"])
    assert (await nurse.get(f"/Patient?_id={patient}&address-city=Umeå&_total=accurate")).json()["total"] == 0
    assert "address" not in (await nurse.get(f"/Patient/{patient}")).json()
    await facts_of(ward.engine, patient, relations=(KNOWN,))
    assert (await nurse.get(f"/Patient?_id={patient}&address-city=Umeå&_total=accurate")).json()["total"] == 1
    assert "address" in (await nurse.get(f"/Patient/{patient}")).json()


async def test_prt_03_protected_data_are_shown_to_nobody_in_care_and_found_by_nothing_else(
    ward: Any, nurse: httpx2.AsyncClient, patient: str
) -> None:
    system = "http://hl7.se/fhir/ig/base/CodeSystem/SecurityLabel"
    protected = await ward.patient(
        name=[{"family": "Skyddad"}], address=[{"city": "Umeå"}], telecom=[{"system": "phone", "value": "090-1"}],
        meta={"security": [{"system": system, "code": "sekretessmarkering"}]},
    )  # fmt: skip
    await facts_of(ward.engine, protected, relations=(KNOWN,))
    read = (await nurse.get(f"/Patient/{protected}")).json()
    assert {"address", "telecom"} & read.keys() == set()
    assert read["meta"]["security"][0]["code"] == "sekretessmarkering"
    assert (await nurse.get(f"/Patient?_id={protected}&address-city=Umeå&_total=accurate")).json()["total"] == 0
    assert (await nurse.get(f"/Patient?_id={protected}&family=Skyddad&_total=accurate")).json()["total"] == 1


async def test_a_visit_gives_its_unit_a_relation_and_one_that_never_was_takes_it_away(
    ward: Any, nurse: httpx2.AsyncClient, patient: str
) -> None:
    id = await written_by(ward, WARD, patient)
    assert (await nurse.get(f"/Observation/{id}")).status_code == 403
    visit: dict[str, Any] = {
        "resourceType": "Encounter", "status": "in-progress", "class": {"code": "IMP"},
        "subject": {"reference": f"Patient/{patient}"}, "period": {"start": f"{datetime.now(UTC):%Y-%m-%d}"},
    }  # fmt: skip
    async with ward.client("system", commission=WARD, subject="s", client_id="s") as system:
        encounter = await ward.add(visit, system)
        assert (await nurse.get(f"/Observation/{id}")).status_code == 200
        await ward.add({**visit, "id": encounter, "status": "entered-in-error"}, system)
        assert (await nurse.get(f"/Observation/{id}")).status_code == 403
        old = {**visit, "status": "finished", "period": {"start": "2019-01-01", "end": "2019-01-02"}}
        await ward.add(old, system)
        assert (await nurse.get(f"/Observation/{id}")).status_code == 403


async def test_a_search_that_finds_nobody_in_particular_is_over_the_patients_one_knows(
    ward: Any, nurse: httpx2.AsyncClient, patient: str
) -> None:
    for asked in ("", "_sort=birthdate", "_type=Patient"):
        told = (await nurse.get(f"/{'' if 'type' in asked else 'Patient'}?{asked}&_count=1000")).json()
        assert patient not in {entry["resource"]["id"] for entry in told.get("entry", ())}
    await facts_of(ward.engine, patient, relations=(KNOWN,))
    told = (await nurse.get("/Patient?_count=1000")).json()
    assert patient in {entry["resource"]["id"] for entry in told["entry"]}


async def test_a_patient_who_is_only_found_is_not_changed_and_gives_no_order(
    ward: Any, nurse: httpx2.AsyncClient, patient: str
) -> None:
    changed = {"resourceType": "Patient", "id": patient, "name": [{"family": "Lagman"}]}
    context = {"fvm-patient": patient}
    refused = await nurse.put(f"/Patient/{patient}", json=changed, headers=context)
    assert (refused.status_code, reasons(refused)) == (403, {"law/need-relation"})
    probe = [{"op": "test", "path": "/address/0/city", "value": "Umeå"}]
    patched = await nurse.patch(
        f"/Patient/{patient}", json=probe, headers={**context, "content-type": "application/json-patch+json"}
    )
    assert patched.status_code == 403
    assert (await nurse.get("/Patient?family=Lagman&_sort=address-city")).status_code == 403
    assert (await nurse.get("/Patient?family=Lagman&_sort=-birthdate")).status_code == 200
    await facts_of(ward.engine, patient, relations=(KNOWN,))
    assert (await nurse.put(f"/Patient/{patient}", json=changed, headers=context)).status_code == 200
