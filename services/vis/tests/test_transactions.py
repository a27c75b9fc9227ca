"""Transactions are all or nothing; batches are each for itself (http://hl7.org/fhir/R4/http.html#transaction)."""

from typing import Any

import httpx2
import pytest


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(
    method: str, url: str, resource: dict[str, Any] | None = None, full: str | None = None, **more: str
) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **more}}
    if resource is not None:
        made["resource"] = resource
    if full is not None:
        made["fullUrl"] = full
    return made


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **more}


def ids_of(answer: httpx2.Response) -> list[str]:
    return [e["response"]["location"].split("/")[-3] for e in answer.json()["entry"]]


async def test_placeholders_become_references_to_what_was_created(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    observation = {**an_observation_of(None), "subject": {"reference": "urn:uuid:p"}}
    elsewhere = {**an_observation_of(None), "subject": {"reference": "http://old.example/Patient/9"}}
    answer = await bench.post(
        "",
        json=bundle(
            entry("POST", "Observation", observation, "urn:uuid:o"),  # before what it refers to
            entry("POST", "Patient", patient(), "urn:uuid:p"),
            entry("POST", "Observation", elsewhere),
            entry("POST", "Patient", patient(), "http://old.example/Patient/9"),
        ),
    )
    assert (answer.status_code, answer.json()["type"]) == (200, "transaction-response")
    assert [e["response"]["status"] for e in answer.json()["entry"]] == ["201 Created"] * 4
    assert int(answer.headers["fvm-position"]) > 0
    o1, p1, o2, p2 = ids_of(answer)
    assert await ward.ids(f"/Observation?patient={p1}") == [o1]
    assert await ward.ids(f"/Observation?patient={p2}") == [o2]
    assert (await bench.get(f"/Observation/{o1}")).json()["subject"]["reference"] == f"Patient/{p1}"


async def test_post_put_and_delete_go_together(ward: Any, bench: httpx2.AsyncClient) -> None:
    old, gone = await ward.patient(active=True), await ward.patient()
    answer = await bench.post(
        "",
        json=bundle(
            entry("DELETE", f"Patient/{gone}"),
            entry("PUT", f"Patient/{old}", patient(id=old, active=False)),
            entry("POST", "Patient", patient()),
            entry("PUT", "Patient/mixed-new", patient(id="mixed-new")),
        ),
        headers={"prefer": "return=representation"},
    )
    told = answer.json()["entry"]
    assert [e["response"]["status"][:3] for e in told] == ["204", "200", "201", "201"]
    assert [e["response"]["etag"] for e in told] == ['W/"2"', 'W/"2"', 'W/"1"', 'W/"1"']
    assert told[1]["resource"]["active"] is False
    assert (await bench.get(f"/Patient/{gone}")).status_code == 410
    assert (await bench.get("/Patient/mixed-new")).status_code == 200


async def test_a_reference_to_what_is_put_in_the_same_transaction_is_rewritten(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    observation = {**an_observation_of(None), "subject": {"reference": "urn:uuid:x"}}
    await bench.post(
        "",
        json=bundle(
            entry("PUT", "Patient/put-ref", patient(id="put-ref"), "urn:uuid:x"),
            entry("POST", "Observation", observation),
        ),
    )
    assert len(await ward.ids("/Observation?patient=put-ref")) == 1


async def refused(client: httpx2.AsyncClient, *entries: dict[str, Any]) -> tuple[int, str]:
    """Status and place of the refusal of a transaction that also creates a marked patient, which must not be there."""
    marked = entry("POST", "Patient", patient(identifier=[{"system": "urn:mark", "value": "rolled-back"}]))
    answer = await client.post("", json=bundle(marked, *entries))
    assert answer.json()["resourceType"] == "OperationOutcome", answer.text
    found = await client.get("/Patient?identifier=urn:mark|rolled-back&_summary=count")
    assert found.json()["total"] == 0
    return answer.status_code, answer.json()["issue"][0].get("expression", [""])[0]


async def test_one_wrong_entry_and_nothing_is_stored(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    id = await ward.patient()
    here = "Bundle.entry[1]"
    cases: list[tuple[dict[str, Any], int, str]] = [
        (entry("POST", "Patient", patient(birthDate="x")), 422, f"{here}.resource.birthDate"),
        (entry("POST", "Patient", patient(nonsense=1)), 422, f"{here}.resource.nonsense"),
        (entry("POST", "Patient", {"resourceType": "Observation"}), 400, f"{here}.resource"),
        (entry("POST", "Nonsense", patient()), 400, f"{here}.request.url"),
        (entry("POST", "Patient/x", patient()), 400, f"{here}.request.url"),
        (entry("PUT", "Patient", patient(id="x")), 400, f"{here}.request.url"),
        (entry("PUT", "Patient/y", patient(id="x")), 400, f"{here}.resource.id"),
        (entry("PUT", "Patient?nonsense=x", patient()), 400, ""),
        (entry("PUT", "Patient/y?name=x", patient(id="y")), 400, f"{here}.request.url"),
        (entry("PATCH", "Patient?identifier=urn:none|1", {"resourceType": "Parameters"}), 404, here),
        (entry("PUT", f"Patient/{id}", patient(id=id), ifMatch='W/"5"'), 412, here),
        (entry("PUT", f"Patient/{id}", patient(id=id), ifMatch="five"), 400, here),
        (entry("PUT", f"Patient/{id}", patient(id=id), ifNoneExist="identifier=1"), 400, f"{here}.request.ifNoneExist"),
        (entry("PUT", f"Patient/{id}", patient(id=id), ifNoneMatch="*"), 412, here),
        (entry("PUT", f"Patient/{id}", patient(id=id), ifNoneMatch='W/"1"'), 400, f"{here}.request.ifNoneMatch"),
        (entry("DELETE", "Patient/never"), 404, here),
        (entry("GET", "Patient/never"), 404, here),
        (entry("GET", "Patient?nonsense=1"), 400, ""),
        (entry("GET", f"Patient/{id}/$meta"), 400, f"{here}.request.url"),
        (entry("GET", f"Patient/{id}", ifMatch='W/"1"'), 400, f"{here}.request.ifMatch"),
        (entry("PATCH", f"Patient/{id}", patient()), 400, f"{here}.resource"),
        (entry("SEARCH", f"Patient/{id}", patient()), 400, f"{here}.request.method"),
        (entry("POST", "ValueSet", {"resourceType": "ValueSet", "status": "active"}), 405, f"{here}.request.url"),
        ({"resource": patient()}, 400, f"{here}.request"),
        (entry("POST", "Patient"), 400, f"{here}.resource"),
        ({"request": {"method": "POST", "url": "Patient"}, "resource": [1]}, 400, f"{here}.resource"),
        (entry("POST", "Patient", patient(), ifNoneExist="nonsense=x"), 400, ""),
        (
            entry("POST", "Observation", {**an_observation_of(None), "subject": {"reference": "urn:uuid:nobody"}}),
            400,
            here,
        ),
    ]
    for wrong, status, place in cases:
        found = await refused(bench, wrong)
        assert found[0] == status, (wrong, found)
        assert found[1].startswith(place), (wrong, found)
    assert (await bench.get(f"/Patient/{id}")).headers["etag"] == 'W/"1"'


async def test_the_same_resource_twice_is_refused(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    put, gone = entry("PUT", f"Patient/{id}", patient(id=id)), entry("DELETE", f"Patient/{id}")
    assert await refused(bench, put, put) == (400, "Bundle.entry[2]")
    assert await refused(bench, put, gone) == (400, "Bundle.entry[2]")
    same = entry("POST", "Patient", patient(), "urn:uuid:same")
    assert await refused(bench, same, same) == (400, "Bundle.entry[2].fullUrl")


async def test_an_empty_transaction_is_answered(bench: httpx2.AsyncClient) -> None:
    for kind in ("transaction", "batch"):
        answer = await bench.post("", json={"resourceType": "Bundle", "type": kind})
        assert answer.status_code == 200
        assert "entry" not in answer.json()


async def test_what_is_no_bundle_to_carry_out_is_refused(bench: httpx2.AsyncClient) -> None:
    for body in (
        patient(),
        bundle(kind="collection"),
        {"resourceType": "Bundle"},
        [],
        {"resourceType": "Bundle", "entry": 1},
    ):
        answer = await bench.post("", json=body)
        assert answer.status_code == 400, body
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert (await bench.delete("")).status_code == 405


async def test_a_batch_does_what_can_be_done_and_says_what_cannot(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    answer = await bench.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient()),
            entry("POST", "Patient", patient(birthDate="x")),
            entry("PUT", f"Patient/{id}", patient(id=id), ifMatch='W/"9"'),
            entry("PUT", f"Patient/{id}", patient(id=id, active=True), ifMatch='W/"1"'),
            entry("DELETE", "Patient/never"),
            entry("GET", f"Patient/{id}"),
            {"resource": patient()},
            entry("POST", "Patient", patient(multipleBirthInteger=10**400)),
            kind="batch",
        ),
    )
    told = answer.json()
    assert told["type"] == "batch-response"
    assert [e["response"]["status"][:3] for e in told["entry"]] == [
        "201",
        "422",
        "412",
        "200",
        "404",
        "200",
        "400",
        "422",
    ]
    for n in (1, 2, 4, 6, 7):
        outcome = told["entry"][n]["response"]["outcome"]
        assert outcome["resourceType"] == "OperationOutcome"
        assert outcome["issue"][0]["expression"][0].startswith(f"Bundle.entry[{n}]"), outcome
    assert (await bench.get(f"/Patient/{id}")).json()["active"] is True


async def test_entries_of_a_batch_do_not_refer_to_each_other(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    observation = {**an_observation_of(None), "subject": {"reference": "urn:uuid:p"}}
    answer = await bench.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient(), "urn:uuid:p"), entry("POST", "Observation", observation), kind="batch"
        ),
    )
    read = await bench.get(answer.json()["entry"][1]["response"]["location"])
    assert read.json()["subject"]["reference"] == "urn:uuid:p"


async def test_a_transaction_of_20_000_entries_is_carried_out(ward: Any, bench: httpx2.AsyncClient) -> None:
    entries = [entry("POST", "Basic", {"resourceType": "Basic", "code": {"text": "x"}}) for _ in range(20_000)]
    answer = await bench.post("", json=bundle(*entries), timeout=120)
    assert answer.status_code == 200, answer.text[:300]
    assert len(answer.json()["entry"]) == 20_000


@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_a_resource_that_extraction_cannot_read_never_breaks_the_server(
    bench: httpx2.AsyncClient, kind: str
) -> None:
    odd = patient(birthDate="9999-12-31", deceasedDateTime="0001-01-01T00:00:00+14:00")
    answer = await bench.post("", json=bundle(entry("POST", "Patient", odd), kind=kind))
    assert answer.status_code < 500, answer.text
