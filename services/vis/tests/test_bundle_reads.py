"""GET and HEAD entries of bundles: answered after what is written, and as if asked alone (http://hl7.org/fhir/R4/http.html#trules)."""

from typing import Any

import httpx2

from fhirserver.engine import Engine


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def get(url: str, method: str = "GET", **more: str) -> dict[str, Any]:
    return {"request": {"method": method, "url": url, **more}}


def put(resource: dict[str, Any]) -> dict[str, Any]:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url}}


async def test_a_transaction_reads_what_it_has_written(ward: Any, bench: httpx2.AsyncClient) -> None:
    gone = await ward.patient(identifier=[{"system": "urn:br", "value": "1"}])
    patient = {"resourceType": "Patient", "id": "br-new", "identifier": [{"system": "urn:br", "value": "1"}]}
    answer = await bench.post(
        "",
        json=bundle(
            get("Patient?identifier=urn:br|1&_total=accurate"),
            get("Patient/br-new"),
            put(patient),
            {"request": {"method": "DELETE", "url": f"Patient/{gone}"}},
            get("Patient/br-new/_history/1"),
            get("Patient/br-new/_history"),
            get("Patient/br-new", "HEAD"),
            get("Patient/br-new", ifNoneMatch='W/"1"'),
        ),
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()["entry"]
    assert [e["response"]["status"][:3] for e in told] == ["200", "200", "201", "204", "200", "200", "200", "304"]
    assert [e["resource"]["id"] for e in told[0]["resource"]["entry"]] == ["br-new"]
    assert (told[1]["resource"]["id"], told[1]["response"]["etag"]) == ("br-new", 'W/"1"')
    assert told[5]["resource"]["type"] == "history"
    assert all("resource" not in told[n] for n in (6, 7))


async def test_a_read_that_fails_fails_the_transaction_and_not_the_batch(ward: Any, bench: httpx2.AsyncClient) -> None:
    patient = {"resourceType": "Patient", "id": "br-rolled-back"}
    whole = await bench.post("", json=bundle(put(patient), get("Patient/br-never")))
    assert (whole.status_code, whole.json()["issue"][0]["expression"]) == (404, ["Bundle.entry[1]"])
    assert (await bench.get("/Patient/br-rolled-back")).status_code == 404
    each = await bench.post(
        "", json=bundle(put(patient), get("Patient/br-never"), get("Patient/br-rolled-back"), kind="batch")
    )
    assert [e["response"]["status"][:3] for e in each.json()["entry"]] == ["201", "404", "200"]


async def test_reads_in_bundles_are_decided_and_logged_as_reads_alone(
    ward: Any, engine: Engine, doctor: httpx2.AsyncClient, doctor_elsewhere: httpx2.AsyncClient
) -> None:
    patient = await ward.patient()
    id = await ward.observation(patient, "718-7", doctor)
    asked = [get(f"Observation/{id}"), get(f"Observation?patient={patient}")]
    count = "select count(*), coalesce(sum(returned), 0), coalesce(sum(withheld), 0) from access_log where activity in ('read', 'search')"
    before = await engine.db.pool.fetchrow(count)
    for kind in ("transaction", "batch"):
        told = (await doctor.post("", json=bundle(*asked, kind=kind))).json()["entry"]
        assert told[0]["resource"]["id"] == id
        assert told[1]["resource"]["total"] == 1
    refused = await doctor_elsewhere.post("", json=bundle(*asked))
    assert refused.status_code == 404
    hidden = (await doctor_elsewhere.post("", json=bundle(*asked, kind="batch"))).json()["entry"]
    assert hidden[0]["response"]["status"].startswith("404")
    assert hidden[1]["resource"]["total"] == 0
    after = await engine.db.pool.fetchrow(count)
    assert [new - old for new, old in zip(after, before, strict=True)] == [7, 4, 2]


async def test_a_transaction_of_reads_alone_is_answered(ward: Any, doctor: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    base = str(doctor.base_url).rstrip("/")
    told = (await doctor.post("", json=bundle(get(f"{base}/Patient/{id}"), get(f"/Patient/{id}")))).json()
    assert [e["resource"]["id"] for e in told["entry"]] == [id, id]
    scopes = {"scope": "user/Observation.rs", "subject": "scoped"}
    async with ward.client("staff", **scopes) as narrow:
        assert (await narrow.post("", json=bundle(get(f"Patient/{id}")))).status_code == 403
