"""`_has` of a main code finds the same patients whether the code's rows are gathered or each patient is asked."""

from typing import Any

import httpx2
import pytest

from fhirserver.search import commonness

_RARE = "select false where $1::smallint is not null or $2::bigint[] is null"
_OFTEN = "select true where $1::smallint is not null or $2::bigint[] is null"


@pytest.fixture(params=[_RARE, _OFTEN], ids=["gathered", "each asked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(commonness, "_COMMON", request.param)
    return str(request.param)


def ref(type_name: str, id: str) -> dict[str, str]:
    return {"reference": f"{type_name}/{id}"}


async def test_the_way_is_the_one_that_was_weighed(ward: Any, bench: httpx2.AsyncClient, way: str) -> None:
    told = await bench.get("/Patient?_has:Observation:patient:code=http://loinc.org|718-7&_explain=true")
    statement = told.json()["parameter"][0]["valueString"]
    assert ("offset 0" in statement) is (way == _OFTEN)
    assert ("hr.pat = r.key" in statement) is (way == _OFTEN)


async def test_who_has_the_code_is_found_and_counted(ward: Any, bench: httpx2.AsyncClient, way: str) -> None:
    code = f"zcommon-{len(way)}"
    patients = [await ward.patient(name=[{"family": "Zc"}]) for _ in range(3)]
    for patient in (*patients, patients[0]):
        await ward.observation(patient, code)
    search = f"/Patient?_has:Observation:patient:code=http://loinc.org|{code}"
    assert sorted(await ward.ids(search)) == sorted(patients)
    assert (await bench.get(f"{search}&_summary=count")).json()["total"] == 3
    assert await ward.ids(f"{search}&_id={patients[1]}") == [patients[1]]
    assert await ward.ids(f"/Patient?_has:Observation:patient:code=http://loinc.org|{code}-not") == []


async def test_further_subjects_and_further_codes_count_and_other_roles_do_not(ward: Any, way: str) -> None:
    code = f"zfurther-{len(way)}"
    one, two, recorder = [await ward.patient() for _ in range(3)]
    codings = [{"system": "urn:t", "code": f"{code}-x"}, {"system": "urn:t", "code": f"{code}-y"}]
    account = {"resourceType": "Account", "status": "active", "type": {"coding": codings}}
    await ward.add({**account, "subject": [ref("Patient", one), ref("Patient", two)]})
    for which in ("x", "y"):
        found = await ward.ids(f"/Patient?_has:Account:subject:type=urn:t|{code}-{which}")
        assert sorted(found) == sorted([one, two]), which
    status = {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
    allergy = {"resourceType": "AllergyIntolerance", "code": {"coding": [codings[0]]}, "patient": ref("Patient", one)}
    allergy["clinicalStatus"] = {"coding": [status]}
    await ward.add({**allergy, "recorder": ref("Patient", recorder)})
    assert await ward.ids(f"/Patient?_has:AllergyIntolerance:patient:code=urn:t|{code}-x") == [one]
