"""$everything of a patient: in a time, since a time, of some types, page by page (operation Patient/$everything)."""

from typing import Any

import httpx2
import pytest

ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]}


@pytest.fixture
async def patient(ward: Any) -> str:
    """A patient with an observation of March and one of May, and an allergy without a date."""
    id = await ward.patient()
    await ward.observation(id, effectiveDateTime="2026-03-01T08:00:00+01:00")
    await ward.observation(id, effectiveDateTime="2026-05-01")
    await ward.add(
        {"resourceType": "AllergyIntolerance", "clinicalStatus": ACTIVE, "patient": {"reference": f"Patient/{id}"}}
    )
    return str(id)


async def found(bench: httpx2.AsyncClient, address: str) -> list[tuple[str, str]]:
    """Type and time of everything, all pages of it."""
    rows: list[tuple[str, str]] = []
    while address:
        answer = await bench.get(address)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        kept = [entry["resource"] for entry in told.get("entry", ())]
        rows += [(one["resourceType"], one.get("effectiveDateTime", "")[:7]) for one in kept]
        address = next((link["url"] for link in told["link"] if link["relation"] == "next"), "")
        address = address.partition("/vis/fhir")[2]
    return sorted(rows)


async def test_all_of_a_patient_is_there_on_any_number_of_pages(bench: httpx2.AsyncClient, patient: str) -> None:
    whole = [("AllergyIntolerance", ""), ("Observation", "2026-03"), ("Observation", "2026-05"), ("Patient", "")]
    for count in (1, 3, 100):
        assert await found(bench, f"/Patient/{patient}/$everything?_count={count}") == whole


@pytest.mark.parametrize(
    ("asked", "months"),
    [("start=2026-04-01", ["2026-05"]), ("end=2026-04-01", ["2026-03"]), ("start=2026-03&end=2026-03", ["2026-03"]),
     ("start=2027", []), ("_since=2020-01-01T00:00:00Z", ["2026-03", "2026-05"]), ("_since=2199-01-01T00:00:00Z", [])],
)  # fmt: skip
async def test_a_period_is_of_care_and_since_is_of_storing(
    bench: httpx2.AsyncClient, patient: str, asked: str, months: list[str]
) -> None:
    rows = await found(bench, f"/Patient/{patient}/$everything?{asked}&_count=2")
    assert [month for name, month in rows if name == "Observation"] == months
    undated = {name for name, _ in rows if name != "Observation"}
    assert undated == (set() if "2199" in asked else {"AllergyIntolerance", "Patient"})


async def test_some_types_are_asked_for_by_name(bench: httpx2.AsyncClient, patient: str) -> None:
    rows = await found(bench, f"/Patient/{patient}/$everything?_type=AllergyIntolerance,Patient")
    assert [name for name, _ in rows] == ["AllergyIntolerance", "Patient"]
    assert await found(bench, f"/Patient/{patient}/$everything?_type=Goal") == []


@pytest.mark.parametrize("asked", ["start=x", "_type=Goat", "_count=0", "color=red"])
async def test_what_cannot_be_read_is_refused_by_name(bench: httpx2.AsyncClient, patient: str, asked: str) -> None:
    answer = await bench.get(f"/Patient/{patient}/$everything?{asked}")
    assert (answer.status_code, asked.partition("=")[0] in answer.text) == (400, True)


async def test_a_patient_who_is_not_there_is_not_found(bench: httpx2.AsyncClient) -> None:
    assert (await bench.get("/Patient/nobody/$everything")).status_code == 404
