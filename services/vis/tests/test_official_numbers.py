"""In a demo region a person is registered with an official test number; whose number it may be is refused, and told kindly."""

from collections.abc import Iterator
from typing import Any

import pytest

from fhirserver.profiling import IN_FORCE
from vis import main, official_numbers
from vis.settings import Settings

PNR = "http://electronichealth.se/identifier/personnummer"
RESERVE = "urn:oid:1.2.752.97.3.1.3"
REAL = "198507099805"  # formally right and in no list of test numbers


@pytest.fixture
def guarded() -> Iterator[None]:
    before, IN_FORCE.house = IN_FORCE.house, official_numbers.faults
    yield
    IN_FORCE.house = before


def a_patient(value: str, system: str = PNR, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": system, "value": value}], **more}


async def test_a_number_that_somebody_may_have_is_refused_with_what_to_use_instead(guarded: None, bench: Any) -> None:
    for value in (REAL, "19850709-9805", "850709-9805"):
        answer = await bench.post("/Patient", json=a_patient(value))
        [issue] = answer.json()["issue"]
        assert (answer.status_code, issue["code"]) == (422, "business-rule")
        assert issue["expression"] == ["Patient.identifier[0].value"]
        assert "191212121212" in issue["diagnostics"]
        assert "9805" not in issue["diagnostics"]
    assert (await bench.get("/Patient", params={"identifier": REAL})).json()["total"] == 0


async def test_an_update_a_patch_and_a_bundle_are_held_to_the_same(guarded: None, bench: Any) -> None:
    made = (await bench.post("/Patient", json=a_patient("196101182803"))).json()
    address = f"/Patient/{made['id']}"
    assert (await bench.put(address, json=a_patient(REAL, id=made["id"]))).status_code == 422
    patch = [{"op": "replace", "path": "/identifier/0/value", "value": REAL}]
    headers = {"content-type": "application/json-patch+json"}
    assert (await bench.patch(address, json=patch, headers=headers)).status_code == 422
    entry = {"resource": a_patient(REAL), "request": {"method": "POST", "url": "Patient"}}
    answer = await bench.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[0].resource.identifier[0].value"]


async def test_validate_says_beforehand_what_a_write_would_be_told(guarded: None, bench: Any) -> None:
    answer = await bench.post("/Patient/$validate", json=a_patient(REAL))
    assert "business-rule" in [issue["code"] for issue in answer.json()["issue"]]


@pytest.mark.parametrize(
    ("value", "system"),
    [
        ("189002029800", PNR),  # published
        ("201709012393", PNR),  # birth number 239
        ("198507099806", PNR),  # a wrong check digit: nobody's
        ("991981000028", RESERVE),  # a region's own series
        ("198507099805", "urn:example:own"),
    ],
)
async def test_what_nobody_alive_has_is_taken(guarded: None, bench: Any, value: str, system: str) -> None:
    assert (await bench.post("/Patient", json=a_patient(value, system))).status_code == 201


def no_rule(_type_name: str, _resource: Any) -> list[Any]:
    return []


@pytest.mark.parametrize(("mode", "is_guarded"), [("demo", True), ("production", False)])
def test_only_a_demo_region_has_this_rule(mode: str, is_guarded: bool) -> None:
    before, IN_FORCE.house = IN_FORCE.house, no_rule
    try:
        main.build(Settings(database_url="postgresql://nobody@127.0.0.1:1/none", mode=mode))
        assert (IN_FORCE.house is official_numbers.faults) is is_guarded
    finally:
        IN_FORCE.house = before


async def test_a_resource_of_another_type_than_the_address_is_named_plainly(bench: Any) -> None:
    answer = await bench.post("/Patient", json={"resourceType": "Observation"})
    told = "A resource of type Patient was expected, this is one of type Observation"
    assert answer.json()["issue"][0]["diagnostics"] == told


@pytest.mark.parametrize("asked", [PNR, "urn:oid:1.2.752.129.2.1.3.1", "1.2.752.129.2.1.3.1"])
async def test_a_mistyped_number_is_found_as_it_was_sent_under_every_name_of_its_system(bench: Any, asked: str) -> None:
    made = await bench.post("/Patient", json=a_patient("196101182804", "urn:oid:1.2.752.129.2.1.3.1"))
    assert made.status_code == 201
    found = (await bench.get("/Patient", params={"identifier": f"{asked}|196101182804"})).json()
    await bench.delete(f"/Patient/{made.json()['id']}")
    assert [entry["resource"]["id"] for entry in found.get("entry", ())] == [made.json()["id"]]
