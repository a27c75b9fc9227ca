"""Definitions that are written at /fhir are in force there: $validate knows them, and knowledge is held to what it claims."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from fhirserver.knowledge import Knowledge, OwnRecord
from fhirserver.profiling import IN_FORCE

URL = "http://example.org/fhir/StructureDefinition/described"
PROFILE: dict[str, Any] = {
    "resourceType": "StructureDefinition",
    "id": "described",
    "url": URL,
    "name": "described",
    "status": "active",
    "kind": "resource",
    "abstract": False,
    "type": "ValueSet",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/ValueSet",
    "derivation": "constraint",
    "differential": {"element": [{"id": "ValueSet.description", "path": "ValueSet.description", "min": 1}]},
}
CLAIMS = {"resourceType": "ValueSet", "meta": {"profile": [URL]}, "status": "draft"}


@pytest.fixture
async def knowledge(engine: Engine) -> AsyncIterator[Knowledge]:
    yield Knowledge(OwnRecord(engine))
    IN_FORCE.profiles.replace([])


async def test_a_profile_is_in_force_when_it_is_stored_and_out_of_it_when_it_is_gone(
    bench: httpx2.AsyncClient, knowledge: Knowledge
) -> None:
    await knowledge.look()
    (before,) = (await bench.post("/ValueSet/$validate", json=CLAIMS)).json()["issue"]
    assert before["code"] == "not-found"
    assert (await bench.put("/StructureDefinition/described", json=PROFILE)).status_code == 201

    await knowledge.look()
    (found,) = (await bench.post("/ValueSet/$validate", json=CLAIMS)).json()["issue"]
    assert (found["severity"], found["expression"]) == ("error", ["ValueSet.description"])
    assert (await bench.post("/ValueSet", json=CLAIMS)).status_code == 422
    assert (await bench.post("/ValueSet", json={**CLAIMS, "description": "what it is for"})).status_code == 201

    assert (await bench.delete("/StructureDefinition/described")).status_code == 204
    await knowledge.look()
    assert (await bench.post("/ValueSet", json=CLAIMS)).status_code == 201


async def test_facts_can_be_validated_at_the_regions_record_though_they_are_written_elsewhere(
    bench: httpx2.AsyncClient,
) -> None:
    patient = {"resourceType": "Patient", "active": True}
    assert (await bench.post("/Patient/$validate", json=patient)).json()["issue"][0]["diagnostics"] == "All OK"
    (found,) = (await bench.post("/Patient/$validate?mode=create", json=patient)).json()["issue"]
    assert "/vis/fhir" in found["diagnostics"]
