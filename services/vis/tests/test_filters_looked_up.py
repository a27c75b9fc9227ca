"""Searches that are carried out by jobs: value sets, hierarchies and what is missing are looked up there too."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from fhirserver.engine import Engine
from fhirserver.operations.working import Jobs

STATUS = "http://hl7.org/fhir/ValueSet/observation-status"
NOWHERE = "http://example.org/ValueSet/nowhere"


@pytest.fixture(scope="module", autouse=True)
async def working(engine: Engine) -> AsyncIterator[None]:
    task = asyncio.create_task(Jobs(engine, lease=1).run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("search", "wanted"),
    [
        (f"status:in={STATUS}", "ab"),
        (f"status:not-in={STATUS}", ""),
        ("value-quantity:missing=true", "b"),
        ("code:text=hemoglobin", "a"),
        (f"_filter={quote('value-quantity pr true and status in ' + STATUS)}", "a"),
        (f"subject:Patient._has:Observation:patient:status:in={STATUS}", "ab"),
    ],
)
async def test_a_search_answered_later_finds_what_the_search_finds(
    ward: Any, bench: httpx2.AsyncClient, later: Any, search: str, wanted: str
) -> None:
    patient = await ward.patient()
    code = {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin"}]}
    ids = {
        "a": await ward.observation(patient, code=code, valueQuantity={"value": 1}),
        "b": await ward.observation(patient, "8310-5"),
    }
    address = f"/Observation?subject=Patient/{patient}&{search}"
    manifest = await later.exported(bench, address)
    assert sorted(await later.refs(bench, manifest)) == sorted(f"Observation/{ids[one]}" for one in wanted)
    assert sorted(await ward.ids(address)) == sorted(ids[one] for one in wanted)


@pytest.mark.parametrize("address", ["/Observation?status:in={}", "/$export?_type=Observation&_typeFilter={}"])
async def test_what_cannot_be_looked_up_is_refused_before_there_is_a_job(
    bench: httpx2.AsyncClient, later: Any, address: str
) -> None:
    asked = NOWHERE if "typeFilter" not in address else quote(f"Observation?status:in={NOWHERE}", safe="")
    answer = await bench.get(address.format(asked), headers=later.headers)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "invalid")
