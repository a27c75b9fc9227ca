"""Profiles, tags and security labels: asked of one resource, a type and everything, added and taken away."""

from typing import Any

import httpx2
import pytest

TAG = {"system": "http://example.org/tags", "code": "studie-7"}
LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


def parameters(**meta: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def told(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    (one,) = answer.json()["parameter"]
    assert one["name"] == "return"
    return dict(one["valueMeta"])


async def test_what_is_added_makes_a_version_and_is_found(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient(name=[{"family": "Märkt"}])
    added = told(await bench.post(f"/Patient/{patient}/$meta-add", json=parameters(tag=[TAG], security=[LABEL])))
    assert added["versionId"] == "2"
    assert (added["tag"], added["security"]) == ([TAG], [LABEL])
    assert told(await bench.get(f"/Patient/{patient}/$meta")) == added
    assert patient in await ward.ids(f"/Patient?_tag={TAG['system']}|{TAG['code']}")
    assert "tag" not in told(await bench.get(f"/Patient/{patient}/_history/1/$meta"))
    read = (await bench.get(f"/Patient/{patient}")).json()
    assert read["name"] == [{"family": "Märkt"}]


async def test_adding_what_is_there_and_removing_what_is_not_change_nothing(
    bench: httpx2.AsyncClient, ward: Any
) -> None:
    patient = await ward.patient(meta={"tag": [TAG]})
    assert told(await bench.post(f"/Patient/{patient}/$meta-add", json=parameters(tag=[TAG])))["versionId"] == "1"
    other = {"system": TAG["system"], "code": "annan"}
    assert told(await bench.post(f"/Patient/{patient}/$meta-delete", json=parameters(tag=[other])))["versionId"] == "1"
    gone = told(await bench.post(f"/Patient/{patient}/$meta-delete", json=parameters(tag=[TAG])))
    assert gone["versionId"] == "2"
    assert "tag" not in gone


async def test_a_type_and_everything_tell_what_is_in_use(
    bench: httpx2.AsyncClient, ward: Any, doctor: httpx2.AsyncClient, doctor_elsewhere: httpx2.AsyncClient
) -> None:
    patient = await ward.patient()
    mine = {"system": "http://example.org/tags", "code": "bara-norrby"}
    await ward.observation(patient, by=doctor, meta={"tag": [mine], "profile": ["http://example.org/profil"]})
    at_type = told(await bench.get("/Observation/$meta"))
    assert mine in at_type["tag"]
    assert "http://example.org/profil" in at_type["profile"]
    assert mine in told(await bench.get("/$meta"))["tag"]
    assert mine in told(await doctor.get("/Observation/$meta"))["tag"]
    assert mine not in told(await doctor_elsewhere.get("/Observation/$meta")).get("tag", [])


async def test_digits_and_words_of_the_resource_stay(bench: httpx2.AsyncClient) -> None:
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":2.500}}'
    made = (await bench.post("/Observation", content=body, headers={"content-type": "application/fhir+json"})).json()
    told(await bench.post(f"/Observation/{made['id']}/$meta-add", json=parameters(tag=[TAG])))
    assert b"2.500" in (await bench.get(f"/Observation/{made['id']}")).content


@pytest.mark.parametrize(
    ("address", "body", "status"),
    [
        ("$meta-add", parameters(lastUpdated="2026-01-01T00:00:00Z"), 400),
        ("$meta-add", {"resourceType": "Parameters"}, 400),
        ("$meta-add", parameters(tag=["text"]), 422),
        ("$meta-add", {"resourceType": "Patient"}, 400),
        ("_history/1/$meta-add", parameters(tag=[TAG]), 405),
    ],
)
async def test_what_is_wrong_is_refused(
    bench: httpx2.AsyncClient, ward: Any, address: str, body: dict[str, Any], status: int
) -> None:
    patient = await ward.patient()
    answer = await bench.post(f"/Patient/{patient}/{address}", json=body)
    assert answer.status_code == status, answer.text
    assert (await bench.get(f"/Patient/{patient}")).json()["meta"]["versionId"] == "1"


async def test_the_law_holds_for_meta_as_for_reads(
    ward: Any, doctor: httpx2.AsyncClient, doctor_elsewhere: httpx2.AsyncClient
) -> None:
    patient = await ward.patient()
    observation = await ward.observation(patient, by=doctor)
    assert (await doctor_elsewhere.get(f"/Observation/{observation}/$meta")).status_code == 404
    refused = await doctor_elsewhere.post(
        f"/Observation/{observation}/$meta-add", json=parameters(tag=[TAG]), headers={"fvm-patient": patient}
    )
    assert refused.status_code == 404
    assert (await doctor.post(f"/Observation/{observation}/$meta-add", json=parameters(tag=[TAG]))).status_code == 403
    stale = await doctor.post(
        f"/Observation/{observation}/$meta-add",
        json=parameters(tag=[TAG]),
        headers={"fvm-patient": patient, "if-match": 'W/"7"'},
    )
    assert stale.status_code == 412
