"""PATCH: JSON Patch and FHIRPath Patch through the door (http://hl7.org/fhir/R4/http.html#patch)."""

import asyncio
import base64
import json
from typing import Any

import httpx2

JSON_PATCH = {"content-type": "application/json-patch+json"}
FHIR = {"content-type": "application/fhir+json"}


def parameters(*operations: dict[str, Any]) -> dict[str, Any]:
    def part(name: str, value: Any) -> dict[str, Any]:
        kind = {"type": "valueCode", "path": "valueString", "name": "valueString"}.get(name)
        return {"name": name, kind: value} if kind else {"name": name, **value}

    made = [{"name": "operation", "part": [part(*one) for one in operation.items()]} for operation in operations]
    return {"resourceType": "Parameters", "parameter": made}


async def test_a_json_patch_makes_a_new_version_and_keeps_every_digit(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    patient = await ward.patient()
    id = await ward.add({**an_observation_of(patient), "valueQuantity": {"value": 1}})
    raw = (await bench.get(f"/Observation/{id}")).text.replace('"value":1', '"value":1.500')
    await bench.put(f"/Observation/{id}", content=raw, headers=FHIR)
    change = [
        {"op": "test", "path": "/status", "value": "final"},
        {"op": "replace", "path": "/status", "value": "amended"},
    ]
    done = await bench.patch(f"/Observation/{id}", json=change, headers=JSON_PATCH)
    assert (done.status_code, done.headers["etag"]) == (200, 'W/"3"')
    assert '"value":1.500' in done.text
    read = await bench.get(f"/Observation/{id}")
    assert (read.json()["status"], read.text) == ("amended", done.text)


async def test_a_fhirpath_patch_comes_as_json_or_xml(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient(birthDate="1980-01-01")
    change = parameters({"type": "replace", "path": "Patient.birthDate", "value": {"valueDate": "1981-02-03"}})
    done = await bench.patch(f"/Patient/{id}", json=change, headers=FHIR)
    assert (done.status_code, done.json()["birthDate"]) == (200, "1981-02-03")
    xml = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/>'
        '<valueCode value="delete"/></part><part><name value="path"/><valueString value="Patient.birthDate"/></part>'
        "</parameter></Parameters>"
    )
    gone = await bench.patch(f"/Patient/{id}", content=xml, headers={"content-type": "application/fhir+xml"})
    assert (gone.status_code, "birthDate" in gone.json()) == (200, False)


async def test_a_patch_of_a_version_that_is_not_current_is_refused(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient(active=True)
    change = [{"op": "replace", "path": "/active", "value": False}]
    stale = await bench.patch(f"/Patient/{id}", json=change, headers={**JSON_PATCH, "if-match": 'W/"7"'})
    assert stale.status_code == 412
    assert (await bench.get(f"/Patient/{id}")).headers["etag"] == 'W/"1"'
    fresh = await bench.patch(f"/Patient/{id}", json=change, headers={**JSON_PATCH, "if-match": 'W/"1"'})
    assert (fresh.status_code, fresh.json()["active"]) == (200, False)


async def test_a_patch_that_cannot_be_done_changes_nothing(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient(active=True)
    cases: list[tuple[Any, dict[str, str], int]] = [
        ([{"op": "test", "path": "/active", "value": False}], JSON_PATCH, 409),
        ([{"op": "remove", "path": "/nothing"}], JSON_PATCH, 422),
        ([{"op": "nonsense"}], JSON_PATCH, 400),
        ({"op": "test"}, JSON_PATCH, 400),
        ([{"op": "add", "path": "/nonsense", "value": 1}], JSON_PATCH, 422),
        ([{"op": "replace", "path": "/id", "value": "other"}], JSON_PATCH, 422),
        ([{"op": "replace", "path": "", "value": 1}], JSON_PATCH, 422),
        (parameters({"type": "replace", "path": "Patient.birthDate", "value": {"valueDate": "x"}}), FHIR, 422),
        (parameters({"type": "nonsense", "path": "Patient.birthDate"}), FHIR, 400),
        ({"resourceType": "Patient"}, FHIR, 400),
        ([], {"content-type": "application/xml-patch+xml"}, 415),
        ([], {"content-type": "text/plain"}, 415),
    ]
    for change, headers, status in cases:
        answer = await bench.patch(f"/Patient/{id}", json=change, headers=headers)
        assert answer.status_code == status, (change, answer.text)
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert (await bench.patch(f"/Patient/{id}", content=b"{", headers=JSON_PATCH)).status_code == 400
    assert (await bench.get(f"/Patient/{id}")).headers["etag"] == 'W/"1"'


async def test_what_is_not_there_is_not_patched(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    assert (await bench.patch("/Patient/never", json=[], headers=JSON_PATCH)).status_code == 404
    await bench.delete(f"/Patient/{id}")
    assert (await bench.patch(f"/Patient/{id}", json=[], headers=JSON_PATCH)).status_code == 410
    hook = await bench.patch("/Subscription/x", json=[], headers=JSON_PATCH)
    assert (hook.status_code, "PUT" in hook.text) == (400, True)


async def test_a_patch_can_neither_move_nor_show_another_patients_resource(
    ward: Any, doctor: httpx2.AsyncClient, doctor_elsewhere: httpx2.AsyncClient
) -> None:
    one, other = await ward.patient(), await ward.patient()
    id = await ward.observation(one, "718-7", doctor)
    change = [{"op": "replace", "path": "/subject/reference", "value": f"Patient/{other}"}]
    for context in (one, other):
        moved = await doctor.patch(f"/Observation/{id}", json=change, headers={**JSON_PATCH, "fvm-patient": context})
        assert moved.status_code == 422
    assert (await doctor.patch(f"/Observation/{id}", json=[], headers=JSON_PATCH)).status_code == 403
    hidden = await doctor_elsewhere.patch(f"/Observation/{id}", json=[], headers={**JSON_PATCH, "fvm-patient": one})
    assert hidden.status_code == 404


async def test_patches_at_once_are_all_there_in_the_end(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient(name=[{"family": "Många"}])
    changes = [[{"op": "add", "path": "/name/-", "value": {"family": f"F{n}"}}] for n in range(24)]
    answers = await asyncio.gather(*(bench.patch(f"/Patient/{id}", json=one, headers=JSON_PATCH) for one in changes))
    assert {answer.status_code for answer in answers} == {200}
    families = {name["family"] for name in (await bench.get(f"/Patient/{id}")).json()["name"]}
    assert families == {"Många", *(f"F{n}" for n in range(24))}


async def test_patches_go_in_bundles_as_a_binary_or_as_parameters(ward: Any, bench: httpx2.AsyncClient) -> None:
    one, two = await ward.patient(active=True), await ward.patient(active=True)
    operations = json.dumps([{"op": "replace", "path": "/active", "value": False}]).encode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json",
              "data": base64.b64encode(operations).decode()}  # fmt: skip
    fhirpath = parameters({"type": "replace", "path": "Patient.active", "value": {"valueBoolean": False}})

    def entry(id: str, resource: dict[str, Any], **more: str) -> dict[str, Any]:
        return {"resource": resource, "request": {"method": "PATCH", "url": f"Patient/{id}", **more}}

    def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
        return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}

    stale = await bench.post("", json=bundle(entry(one, binary), entry(two, fhirpath, ifMatch='W/"9"')))
    assert (stale.status_code, stale.json()["issue"][0]["expression"]) == (412, ["Bundle.entry[1]"])
    for kind in ("transaction", "batch"):
        told = await bench.post("", json=bundle(entry(one, binary), entry(two, fhirpath), kind=kind))
        assert [e["response"]["status"][:3] for e in told.json()["entry"]] == ["200", "200"], told.text
    for id in (one, two):
        assert (await bench.get(f"/Patient/{id}")).json()["active"] is False
    twice = await bench.post("", json=bundle(entry(one, binary), entry(one, binary)))
    assert twice.status_code == 400
    wrong = {**binary, "contentType": "application/xml-patch+xml"}
    assert (await bench.post("", json=bundle(entry(one, wrong)))).status_code == 415
    damaged = {**binary, "data": "%"}
    assert (await bench.post("", json=bundle(entry(one, damaged)))).status_code == 400
