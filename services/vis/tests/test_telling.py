"""What is written is told: record events per patient, in order, with the very bytes that were stored (architecture D5)."""

import json
from typing import Any

import httpx2
import msgspec
import pytest

from fhirserver import telling
from fhirserver.engine import Engine
from fhirserver.telling import Record, opened
from kit.events import from_headers
from kit.outbox import read_headers


@pytest.fixture
async def told(engine: Engine) -> Any:
    """What has been told since the test began: (topic, key, event) in order."""
    start = await engine.db.pool.fetchval("select coalesce(max(id), 0) from outbox")

    async def since() -> list[tuple[str, str, Any]]:
        rows = await engine.db.pool.fetch("select * from outbox where id > $1 order by id", start)
        sent = [from_headers(read_headers(row["headers"]), row["key"], row["value"]) for row in rows]
        events = await engine.codec.told(engine.db.pool, sent)  # as they were before they were sealed
        return [(row["topic"], row["key"], event) for row, event in zip(rows, events, strict=True)]

    return since


def records(events: list[tuple[str, str, Any]]) -> list[tuple[str, Record]]:
    return [(key, opened(event)) for topic, key, event in events if topic == "vis.record.v1"]


async def test_a_create_tells_the_body_that_is_stored_with_its_label(
    ward: Any, bench: httpx2.AsyncClient, told: Any
) -> None:
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"\\u00e5"},"valueQuantity":{"value":1.10}}'
    made = await bench.post("/Observation", content=body, headers={"content-type": "application/fhir+json"})
    id = made.json()["id"]
    ((key, record),) = records(await told())
    (entry,) = record.entries
    assert key == f"Observation/{id}"  # about no patient: its own key
    assert (record.part, record.parts, entry.op, entry.type, entry.id, entry.version) == (
        1,
        1,
        "put",
        "Observation",
        id,
        1,
    )
    assert bytes(entry.resource) == (await bench.get(f"/Observation/{id}")).content
    assert (entry.label.provider, entry.label.unit) == ("", "")  # withheld: it names no patient
    position = int(made.headers["fvm-position"])
    assert position == await ward.engine.db.pool.fetchval("select max(id) from outbox")


async def test_a_transaction_is_one_event_per_patient_and_one_per_resource_without(
    ward: Any, bench: httpx2.AsyncClient, told: Any, an_observation_of: Any
) -> None:
    def post(resource: dict[str, Any], url: str) -> dict[str, Any]:
        return {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}

    of = [{**an_observation_of(None), "subject": {"reference": f"urn:uuid:p{n}"}} for n in (1, 2, 1)]
    answer = await bench.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [
        post({"resourceType": "Organization", "name": "x"}, "urn:uuid:o1"),
        post(of[0], "urn:uuid:a"), post({"resourceType": "Patient"}, "urn:uuid:p1"), post(of[1], "urn:uuid:b"),
        post({"resourceType": "Patient"}, "urn:uuid:p2"), post(of[2], "urn:uuid:c"),
        post({"resourceType": "Organization", "name": "y"}, "urn:uuid:o2"),
    ]})  # fmt: skip
    ids = [e["response"]["location"].split("/")[-3] for e in answer.json()["entry"]]
    events = await told()
    by_key = {key: [entry.id for entry in record.entries] for key, record in records(events)}
    assert by_key == {
        f"Organization/{ids[0]}": [ids[0]],
        ids[2]: [ids[1], ids[2], ids[5]],
        ids[4]: [ids[3], ids[4]],
        f"Organization/{ids[6]}": [ids[6]],
    }
    assert len({record.transaction for _, record in records(events)}) == 1
    changed = [(key, msgspec.json.decode(event.data)) for topic, key, event in events if topic == "vis.changed.v1"]
    assert {key: len(data["resources"]) for key, data in changed} == {ids[2]: 3, ids[4]: 2}
    assert all(set(data) == {"patients", "resources"} for _, data in changed)  # ids only


async def test_versions_and_deletions_are_told_in_their_order(
    ward: Any, bench: httpx2.AsyncClient, told: Any, an_observation_of: Any
) -> None:
    patient = await ward.patient()
    id = await ward.observation(patient)
    await bench.put(f"/Observation/{id}", json={**an_observation_of(patient), "id": id, "status": "amended"})
    await bench.delete(f"/Observation/{id}")
    await bench.delete(f"/Observation/{id}")  # nothing happens, nothing is told
    of_patient = [entry for key, record in records(await told()) if key == patient for entry in record.entries]
    assert [(entry.op, entry.type, entry.version) for entry in of_patient] == [
        ("put", "Patient", 1), ("put", "Observation", 1), ("put", "Observation", 2), ("delete", "Observation", 3),
    ]  # fmt: skip
    assert json.loads(bytes(of_patient[2].resource))["status"] == "amended"
    assert of_patient[3].label.provider == "SE0000000001-N"


async def test_what_is_refused_or_found_standing_tells_nothing(ward: Any, bench: httpx2.AsyncClient, told: Any) -> None:
    body = {"resourceType": "Organization", "name": "x", "identifier": [{"system": "urn:t", "value": "1"}]}
    await bench.post("/Organization", json=body, headers={"if-none-exist": "identifier=urn:t|1"})
    before = len(await told())
    await bench.post("/Organization", json=body, headers={"if-none-exist": "identifier=urn:t|1"})
    await bench.post("/Patient", json={"resourceType": "Patient", "birthDate": "x"})
    await bench.put("/Patient/t1", json={"resourceType": "Patient", "id": "t1"}, headers={"if-match": 'W/"3"'})
    assert len(await told()) == before == 1


async def test_a_large_transaction_is_told_in_parts_under_one_key(
    ward: Any, bench: httpx2.AsyncClient, told: Any, an_observation_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "PART_LIMIT", 2_000)
    patient = await ward.patient()
    entries = [
        {"resource": an_observation_of(patient, f"part-{n}"), "request": {"method": "POST", "url": "Observation"}}
        for n in range(30)
    ]
    await bench.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    parts = [(key, record) for key, record in records(await told()) if record.parts > 1]
    assert {key for key, _ in parts} == {patient}
    assert [record.part for _, record in parts] == list(range(1, len(parts) + 1))
    assert {record.parts for _, record in parts} == {len(parts)}
    assert len({record.transaction for _, record in parts}) == 1
    codes = [json.loads(bytes(e.resource))["code"]["coding"][0]["code"] for _, record in parts for e in record.entries]
    assert codes == [f"part-{n}" for n in range(30)]


async def test_a_resource_about_several_patients_is_told_once_and_its_change_to_each(
    ward: Any, bench: httpx2.AsyncClient, told: Any
) -> None:
    one, two = await ward.patient(), await ward.patient()
    subject = [{"reference": f"Patient/{one}"}, {"reference": f"Patient/{two}"}]
    id = await ward.add({"resourceType": "Account", "status": "active", "subject": subject})
    events = await told()
    assert [key for key, record in records(events) for entry in record.entries if entry.id == id] == [one]
    changed = {key for topic, key, event in events if topic == "vis.changed.v1" and id.encode() in event.data}
    assert changed == {one, two}
