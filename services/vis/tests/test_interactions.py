"""create, read, vread, update, delete and history as FHIR R4 says (http://hl7.org/fhir/R4/http.html)."""

from typing import Any

import httpx2
import pytest

JSON = {"content-type": "application/fhir+json"}


async def test_what_is_created_can_be_read_and_says_its_version(ward: Any, bench: httpx2.AsyncClient) -> None:
    made = await bench.post("/Patient", json={"resourceType": "Patient", "active": True})
    assert made.status_code == 201
    assert made.headers["etag"] == 'W/"1"'
    id = made.json()["id"]
    assert made.headers["location"] == f"{str(bench.base_url).rstrip('/')}/Patient/{id}/_history/1"
    assert int(made.headers["fvm-position"]) > 0
    read = await bench.get(f"/Patient/{id}")
    assert (read.status_code, read.headers["etag"]) == (200, 'W/"1"')
    assert read.headers["content-type"] == "application/fhir+json;charset=utf-8"
    assert read.json() == made.json()
    assert read.json()["meta"]["versionId"] == "1"
    assert read.headers["last-modified"].endswith("GMT")


async def test_a_create_gets_an_id_of_ours_whatever_id_it_brings(bench: httpx2.AsyncClient) -> None:
    made = await bench.post("/Patient", json={"resourceType": "Patient", "id": "mine"})
    assert made.status_code == 201
    assert made.json()["id"] != "mine"


async def test_an_update_makes_a_new_version_and_the_old_one_stays_readable(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    id = await ward.patient(active=True)
    changed = await bench.put(f"/Patient/{id}", json={"resourceType": "Patient", "id": id, "active": False})
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    assert (await bench.get(f"/Patient/{id}")).json()["active"] is False
    first = await bench.get(f"/Patient/{id}/_history/1")
    assert (first.status_code, first.headers["etag"], first.json()["active"]) == (200, 'W/"1"', True)
    second = await bench.get(f"/Patient/{id}/_history/2")
    assert second.json()["meta"]["versionId"] == "2"
    assert (await bench.get(f"/Patient/{id}/_history/3")).status_code == 404


async def test_a_put_to_a_free_id_creates_it(bench: httpx2.AsyncClient) -> None:
    for id in ("a", "B" * 64, "x.y-Z9"):
        made = await bench.put(f"/Patient/{id}", json={"resourceType": "Patient", "id": id})
        assert (made.status_code, made.headers["etag"]) == (201, 'W/"1"')
        assert (await bench.get(f"/Patient/{id}")).json()["id"] == id


@pytest.mark.parametrize("id", ["B" * 65, "a_b", "a b", "å", "a%2Fb", "%00"])
async def test_an_id_that_is_none_is_refused(bench: httpx2.AsyncClient, id: str) -> None:
    for answer in (
        await bench.get(f"/Patient/{id}"),
        await bench.put(f"/Patient/{id}", json={"resourceType": "Patient", "id": "a"}),
    ):
        assert 400 <= answer.status_code < 500
        assert answer.json()["resourceType"] == "OperationOutcome"


async def test_a_put_whose_body_has_another_id_is_refused(bench: httpx2.AsyncClient) -> None:
    for body in ({"resourceType": "Patient", "id": "other"}, {"resourceType": "Patient"}):
        answer = await bench.put("/Patient/this", json=body)
        assert answer.status_code == 400
        assert answer.json()["issue"][0]["expression"] == ["Patient.id"]


async def test_if_match_of_another_version_is_refused_and_nothing_changes(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient(active=True)
    body = {"resourceType": "Patient", "id": id, "active": False}
    assert (await bench.put(f"/Patient/{id}", json=body, headers={"if-match": 'W/"7"'})).status_code == 412
    assert (await bench.get(f"/Patient/{id}")).headers["etag"] == 'W/"1"'
    for form in ('W/"1"', '"2"'):
        assert (await bench.put(f"/Patient/{id}", json=body, headers={"if-match": form})).status_code == 200
    assert (await bench.put(f"/Patient/{id}", json=body, headers={"if-match": "yesterday"})).status_code == 400
    gone = {"resourceType": "Patient", "id": "never-was"}
    assert (await bench.put("/Patient/never-was", json=gone, headers={"if-match": 'W/"1"'})).status_code == 412


async def test_a_read_that_knows_the_version_is_answered_without_a_body(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    same = await bench.get(f"/Patient/{id}", headers={"if-none-match": 'W/"1"'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", 'W/"1"')
    assert (await bench.get(f"/Patient/{id}", headers={"if-none-match": 'W/"3", W/"4"'})).status_code == 200


async def test_head_answers_as_get_without_the_body(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    full, head = await bench.get(f"/Patient/{id}"), await bench.head(f"/Patient/{id}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(full.content))


async def test_what_never_was_is_404_and_what_was_deleted_is_410(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    assert (await bench.get("/Patient/never")).status_code == 404
    assert (await bench.delete("/Patient/never")).status_code == 404
    assert (await bench.get("/Patient/never/_history")).status_code == 404
    deleted = await bench.delete(f"/Patient/{id}")
    assert (deleted.status_code, deleted.headers["etag"]) == (204, 'W/"2"')
    gone = await bench.get(f"/Patient/{id}")
    assert (gone.status_code, gone.json()["issue"][0]["code"]) == (410, "deleted")
    assert (await bench.get(f"/Patient/{id}/_history/1")).status_code == 200
    assert (await bench.get(f"/Patient/{id}/_history/2")).status_code == 410
    assert (await bench.delete(f"/Patient/{id}")).status_code == 204  # again: it is gone, as asked
    assert await ward.ids(f"/Patient?_id={id}") == []


async def test_version_numbers_go_on_after_a_deletion(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.add({"resourceType": "Patient", "id": "back-again"})
    await bench.delete(f"/Patient/{id}")
    again = await bench.put(f"/Patient/{id}", json={"resourceType": "Patient", "id": id})
    assert (again.status_code, again.headers["etag"]) == (201, 'W/"3"')
    versions = [e["response"]["etag"] for e in (await bench.get(f"/Patient/{id}/_history")).json()["entry"]]
    assert versions == ['W/"3"', 'W/"2"', 'W/"1"']
    assert await ward.ids(f"/Patient?_id={id}") == [id]


async def test_a_delete_with_if_match_of_another_version_is_refused(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    assert (await bench.delete(f"/Patient/{id}", headers={"if-match": 'W/"9"'})).status_code == 412
    assert (await bench.delete(f"/Patient/{id}", headers={"if-match": 'W/"1"'})).status_code == 204


async def test_people_do_not_delete_they_mark_as_entered_in_error(ward: Any, doctor: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    answer = await doctor.delete(f"/Patient/{id}")
    assert answer.status_code == 405
    assert "entered-in-error" in answer.json()["issue"][0]["diagnostics"]


async def test_history_tells_each_version_newest_first(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient(active=True)
    await bench.put(f"/Patient/{id}", json={"resourceType": "Patient", "id": id, "active": False})
    await bench.delete(f"/Patient/{id}")
    told = (await bench.get(f"/Patient/{id}/_history")).json()
    assert (told["type"], told["total"]) == ("history", 3)
    assert [e["request"]["method"] for e in told["entry"]] == ["DELETE", "PUT", "POST"]
    assert "resource" not in told["entry"][0]
    assert [e["resource"]["active"] for e in told["entry"][1:]] == [False, True]
    assert len((await bench.get(f"/Patient/{id}/_history?_count=1")).json()["entry"]) == 1


@pytest.mark.parametrize(
    "query", ["_count=²", "_count=-1", "_since=2020", "_at=x", "_list=1", "_sort=_lastUpdated", "_count=" + "9" * 5000]
)
async def test_a_history_parameter_that_is_not_served_is_refused(
    ward: Any, bench: httpx2.AsyncClient, query: str
) -> None:
    id = await ward.patient()
    answer = await bench.get(f"/Patient/{id}/_history?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.text


async def test_prefer_return_says_what_a_write_answers(ward: Any, bench: httpx2.AsyncClient) -> None:
    body = {"resourceType": "Patient"}
    minimal = await bench.post("/Patient", json=body, headers={"prefer": "return=minimal"})
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert minimal.headers["location"]
    told = await bench.post("/Patient", json=body, headers={"prefer": "return=OperationOutcome"})
    assert told.json()["resourceType"] == "OperationOutcome"
    full = await bench.post("/Patient", json=body, headers={"prefer": "respond-async; return=representation"})
    assert full.json()["resourceType"] == "Patient"
    id = full.json()["id"]
    changed = await bench.put(f"/Patient/{id}", json={**body, "id": id}, headers={"prefer": "return=minimal"})
    assert (changed.status_code, changed.content, changed.headers["etag"]) == (200, b"", 'W/"2"')


@pytest.mark.parametrize("query", ["_summary=count", "_summary=some", "_elements=a-b", "_sort=name", "_nonsense=1"])
async def test_a_read_does_not_pass_over_a_parameter_it_does_not_do(
    ward: Any, bench: httpx2.AsyncClient, query: str
) -> None:
    id = await ward.patient()
    answer = await bench.get(f"/Patient/{id}?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["issue"][0]["diagnostics"]
    assert (await bench.get(f"/Patient/{id}?_format=json&_pretty=true")).status_code == 200


async def test_knowledge_is_not_written_at_this_door(bench: httpx2.AsyncClient) -> None:
    answer = await bench.post("/ValueSet", json={"resourceType": "ValueSet", "status": "active"})
    assert answer.status_code == 405
    assert "/fhir" in answer.json()["issue"][0]["diagnostics"]
    assert answer.headers["allow"] == "GET"


async def test_an_update_can_neither_move_a_resource_to_another_patient_nor_take_the_patient_out(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    one, other = await ward.patient(), await ward.patient()
    id = await ward.observation(one)
    for body in (an_observation_of(other), an_observation_of(None)):
        answer = await bench.put(f"/Observation/{id}", json={**body, "id": id})
        assert answer.status_code == 422
    assert (await bench.get(f"/Observation/{id}")).headers["etag"] == 'W/"1"'


async def test_a_reference_by_our_own_full_address_is_a_reference_to_the_resource_here(
    ward: Any, bench: httpx2.AsyncClient, an_observation_of: Any
) -> None:
    patient = await ward.patient()
    base = str(bench.base_url).rstrip("/")
    id = await ward.add({**an_observation_of(None), "subject": {"reference": f"{base}/Patient/{patient}"}})
    assert await ward.ids(f"/Observation?patient={patient}") == [id]
    assert await ward.ids(f"/Observation?subject={base}/Patient/{patient}") == [id]


@pytest.mark.parametrize(("name", "value"), [("if-none-match", 'W/"1"'), ("if-none-exist", "name=x")])
async def test_an_update_does_not_pass_over_a_condition_it_does_not_do(
    ward: Any, bench: httpx2.AsyncClient, name: str, value: str
) -> None:
    id = await ward.patient()
    body = {"resourceType": "Patient", "id": id}
    answer = await bench.put(f"/Patient/{id}", json=body, headers={name: value})
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, [name])


async def test_a_history_of_no_entries_has_no_empty_list(ward: Any, bench: httpx2.AsyncClient) -> None:
    told = (await bench.get(f"/Patient/{await ward.patient()}/_history?_count=0")).json()
    assert (told["total"], "entry" in told) == (1, False)
