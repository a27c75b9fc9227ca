"""References, chains, _has, includes, and resources about several patients."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest


def ref(type_name: str, id: str) -> dict[str, str]:
    return {"reference": f"{type_name}/{id}"}


async def entries(client: httpx2.AsyncClient, search: str, mode: str) -> list[str]:
    answer = await client.get(search)
    assert answer.status_code == 200, answer.text
    return sorted(
        f"{e['resource']['resourceType']}/{e['resource']['id']}"
        for e in answer.json().get("entry", [])
        if e["search"]["mode"] == mode
    )


async def test_a_reference_is_found_by_id_by_type_and_id_and_by_address(ward: Any, bench: httpx2.AsyncClient) -> None:
    patient = await ward.patient()
    practitioner = await ward.add({"resourceType": "Practitioner"})
    a = await ward.observation(patient, performer=[ref("Practitioner", practitioner)])
    base = str(bench.base_url).rstrip("/")
    for value in (patient, f"Patient/{patient}", f"{base}/Patient/{patient}", f"Patient/{patient}/_history/1"):
        assert await ward.ids(f"/Observation?subject={value}") == [a], value
        assert await ward.ids(f"/Observation?patient={value}") == [a], value
    assert await ward.ids(f"/Observation?subject:Patient={patient}") == [a]
    assert await ward.ids(f"/Observation?subject:Group={patient}") == []
    assert await ward.ids(f"/Observation?subject=Group/{patient}") == []
    for value in (practitioner, f"Practitioner/{practitioner}"):
        assert await ward.ids(f"/Observation?performer={value}") == [a], value
    assert await ward.ids(f"/Observation?performer=Organization/{practitioner}") == []
    assert await ward.ids(f"/Observation?subject=http://elsewhere/Patient/{patient}") == []


async def test_references_to_elsewhere_and_logical_references_are_found(ward: Any, an_observation_of: Any) -> None:
    url = "http://elsewhere.example/fhir/Patient/77"
    a = await ward.add({**an_observation_of(None), "subject": {"reference": url}})
    assert await ward.ids(f"/Observation?subject={url}") == [a]
    assert await ward.ids("/Observation?subject=Patient/77") == []
    b = await ward.add({**an_observation_of(None), "subject": {"identifier": {"system": "urn:zz", "value": "4711"}}})
    assert await ward.ids("/Observation?subject:identifier=urn:zz|4711") == [b]
    assert await ward.ids("/Observation?subject:identifier=4711") == [b]
    assert await ward.ids("/Observation?subject:identifier=urn:zz|4712") == []


async def test_a_resource_about_several_patients_is_found_under_each(ward: Any, bench: httpx2.AsyncClient) -> None:
    one, two = await ward.patient(name=[{"family": "Zett"}]), await ward.patient(name=[{"family": "Ztva"}])
    account = {"resourceType": "Account", "status": "active", "subject": [ref("Patient", one), ref("Patient", two)],
               "type": {"coding": [{"system": "urn:t", "code": "x"}, {"system": "urn:t", "code": "y"}]}}  # fmt: skip
    a = await ward.add(account)
    for patient, family in ((one, "zett"), (two, "ztva")):
        for search in (
            f"/Account?subject=Patient/{patient}",
            f"/Account?patient={patient}",
            f"/Account?subject={patient}",
            f"/Account?patient={patient}&type=urn:t|x",
            f"/Account?patient={patient}&type=urn:t|y",
            f"/Account?patient={patient}&type=y",
            f"/Account?patient={patient}&status=active",
            f"/Account?patient={one},{two}",
            f"/Account?subject:Patient.family={family}",
            f"/Account?patient._id={patient}",
        ):
            assert await ward.ids(search) == [a], search
            counted = (await bench.get(search + "&_summary=count")).json()["total"]
            assert counted == 1, search
        assert await ward.ids(f"/Patient?_has:Account:subject:status=active&_id={patient}") == [patient]
        assert await entries(bench, f"/Patient?_id={patient}&_revinclude=Account:subject", "include") == [
            f"Account/{a}"
        ]
        told = await bench.get(f"/Patient/{patient}/$everything")
        assert f"Account/{a}" in {
            f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in told.json()["entry"]
        }
    both = await entries(bench, f"/Account?_id={a}&_include=Account:subject", "include")
    assert both == sorted([f"Patient/{one}", f"Patient/{two}"])


async def test_a_patient_who_is_not_the_subject_is_not_found_as_one(ward: Any, bench: httpx2.AsyncClient) -> None:
    subject, recorder = await ward.patient(), await ward.patient()
    allergy = {
        "resourceType": "AllergyIntolerance", "patient": ref("Patient", subject), "recorder": ref("Patient", recorder),
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                                       "code": "active"}]},
    }  # fmt: skip
    a = await ward.add(allergy)
    assert await ward.ids(f"/AllergyIntolerance?patient={subject}") == [a]
    assert await ward.ids(f"/AllergyIntolerance?patient={recorder}") == []
    assert await ward.ids(f"/AllergyIntolerance?recorder={recorder}") == [a]
    assert await ward.ids(f"/AllergyIntolerance?recorder=Patient/{subject}") == []


async def test_chains_lead_through_references(ward: Any) -> None:
    patient = await ward.patient(
        name=[{"family": "Zkedja"}], gender="female", identifier=[{"system": "urn:k", "value": "1"}]
    )
    organization = await ward.add({"resourceType": "Organization", "name": "Zkliniken"})
    encounter = await ward.add(
        {
            "resourceType": "Encounter", "status": "finished", "class": {"system": "urn:c", "code": "AMB"},
            "subject": ref("Patient", patient), "serviceProvider": ref("Organization", organization),
        }
    )  # fmt: skip
    a = await ward.observation(patient, encounter=ref("Encounter", encounter))
    for search in (
        "subject:Patient.family=zkedja", "patient.family=zked", "patient.identifier=urn:k|1", "subject.identifier=urn:k|1",
        "patient.family=zkedja&patient.gender=female", "encounter.service-provider.name=zklin",
        "encounter.class=AMB&patient.family=zkedja", f"encounter.patient={patient}", "encounter.patient.family=zkedja",
        "encounter.service-provider:Organization.name=zklin&code=http://loinc.org|718-7",
        f"patient._id={patient}&_sort=date",
    ):  # fmt: skip
        assert await ward.ids(f"/Observation?{search}") == [a], search
        assert (await ward.bench.get(f"/Observation?{search}&_total=accurate")).json()["total"] == 1, search
    for search in (
        "patient.family=zked&patient.gender=male",
        "encounter.service-provider.name=other",
        "patient.family=x9",
    ):
        assert await ward.ids(f"/Observation?{search}") == [], search


async def test_has_finds_what_is_referred_to(ward: Any) -> None:
    patient = await ward.patient(name=[{"family": "Zhas"}])
    practitioner = await ward.add({"resourceType": "Practitioner", "name": [{"family": "Zhas"}]})
    encounter = await ward.add(
        {
            "resourceType": "Encounter",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": ref("Patient", patient),
        }
    )
    await ward.observation(
        patient, "zhas-1", performer=[ref("Practitioner", practitioner)], encounter=ref("Encounter", encounter)
    )
    assert await ward.ids("/Patient?_has:Observation:patient:code=zhas-1") == [patient]
    assert await ward.ids("/Patient?_has:Observation:subject:code=http://loinc.org|zhas-1") == [patient]
    assert await ward.ids("/Patient?_has:Observation:patient:code=zhas-2") == []
    assert await ward.ids("/Practitioner?_has:Observation:performer:code=zhas-1") == [practitioner]
    assert await ward.ids("/Encounter?_has:Observation:encounter:code=zhas-1") == [encounter]
    assert await ward.ids("/Patient?_has:Encounter:patient:_has:Observation:encounter:code=zhas-1") == [patient]
    assert await ward.ids("/Encounter?patient._has:Observation:patient:code=zhas-1") == [encounter]


async def test_includes_bring_what_is_referred_to_and_what_refers(ward: Any, bench: httpx2.AsyncClient) -> None:
    patient = await ward.patient()
    practitioner = await ward.add({"resourceType": "Practitioner"})
    organization = await ward.add({"resourceType": "Organization", "name": "O"})
    performer = [ref("Practitioner", practitioner), ref("Organization", organization)]
    a = await ward.observation(patient, performer=performer)
    b = await ward.observation(patient)
    of, p = f"/Observation?_id={a}", f"Patient/{patient}"
    org, pra = f"Organization/{organization}", f"Practitioner/{practitioner}"
    include = "include"
    assert await entries(bench, f"{of}&_include=Observation:subject", include) == [p]
    assert await entries(bench, f"{of}&_include=Observation:patient", include) == [p]
    assert await entries(bench, f"{of}&_include=Observation:performer", include) == [org, pra]
    assert await entries(bench, f"{of}&_include=Observation:performer:Practitioner", include) == [pra]
    mixed = f"{of}&_include=Observation:performer:Practitioner&_include=Observation:subject"
    assert await entries(bench, mixed, include) == sorted([p, pra])
    assert await entries(bench, f"{of}&_include=*", include) == sorted([org, p, pra])
    assert await entries(bench, f"{of}&_include=Observation:*", include) == sorted([org, p, pra])
    assert await entries(bench, f"{of},{b}&_include=Observation:subject", include) == [p]  # each once
    both = sorted([f"Observation/{a}", f"Observation/{b}"])
    assert await entries(bench, f"/Patient?_id={patient}&_revinclude=Observation:subject", include) == both
    assert await entries(bench, f"/Patient?_id={patient}&_revinclude=Observation:patient", include) == both
    assert await entries(bench, f"/Patient?_id={patient}&_revinclude=Observation:*", include) == both
    assert await entries(bench, f"/Practitioner?_id={practitioner}&_revinclude=Observation:performer", include) == both[
        :0
    ] + [f"Observation/{a}"]
    total = (await bench.get(f"/Patient?_id={patient}&_revinclude=Observation:subject&_total=accurate")).json()["total"]
    assert total == 1  # what is included is not counted


@pytest.mark.parametrize(
    "search",
    [
        "_include:other=Observation:subject",
        "_include=Observation:nonsense",
        "_revinclude=Nonsense:*",
        "_include=Nonsense:x",
    ],
)
async def test_an_include_that_is_not_done_is_refused_by_name(
    bench: httpx2.AsyncClient, ward: Any, search: str
) -> None:
    await ward.observation(await ward.patient())
    answer = await bench.get(f"/Observation?{search}")
    assert answer.status_code == 400
    assert quote(search.split("=")[0].split(":")[0]) in answer.text


async def test_everything_brings_the_compartment_and_its_registers_page_by_page(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    patient, other = await ward.patient(), await ward.patient()
    practitioner = await ward.add({"resourceType": "Practitioner"})
    mine = {
        f"Observation/{await ward.observation(patient, performer=[ref('Practitioner', practitioner)])}"
        for _ in range(5)
    }
    await ward.observation(other)
    told = (await bench.get(f"/Patient/{patient}/$everything")).json()
    found = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in told["entry"]}
    assert found == {*mine, f"Patient/{patient}", f"Practitioner/{practitioner}"}
    pages, url = [], f"/Patient/{patient}/$everything?_count=2"
    while url:
        page = (await bench.get(url)).json()
        pages += [e["resource"]["id"] for e in page["entry"] if e["search"]["mode"] == "match"]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert len(pages) == len(set(pages)) == 6
    assert (await bench.get("/Patient/never/$everything")).status_code == 404
    for query in ("_count=²", "_count=0", "_cursor=abc", "_cursor=ä"):
        assert (await bench.get(f"/Patient/{patient}/$everything?{query}")).status_code == 400, query
