"""Histories of one resource, a type and everything, paged and narrowed (http://hl7.org/fhir/R4/http.html#history)."""

from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine


async def pages(client: httpx2.AsyncClient, address: str) -> list[list[dict[str, Any]]]:
    """The entries of every page, followed by their links."""
    found = []
    while address:
        answer = await client.get(address)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        found.append(told.get("entry", []))
        address = next((link["url"] for link in told["link"] if link["relation"] == "next"), "")
    return found


def named(entries: list[dict[str, Any]]) -> list[str]:
    return [f"{e['fullUrl'].rsplit('/', 1)[-1]}/{e['response']['etag'][3:-1]}" for e in entries]


async def test_a_history_of_more_than_a_thousand_versions_is_had_in_pages(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    for _ in range(12):
        await bench.put(f"/Patient/{id}", json={"resourceType": "Patient", "id": id})
    found = await pages(bench, f"/Patient/{id}/_history?_count=5")
    assert [len(page) for page in found] == [5, 5, 3]
    assert named([e for page in found for e in page]) == [f"{id}/{n}" for n in range(13, 0, -1)]
    assert (await bench.get(f"/Patient/{id}/_history?_count=5")).json()["total"] == 13


async def test_pages_of_a_type_neither_miss_nor_repeat_while_others_write(ward: Any, bench: httpx2.AsyncClient) -> None:
    start = (await bench.get("/Location/_history")).json()
    assert "entry" not in start
    ids = [await ward.add({"resourceType": "Location", "name": f"L{n}"}) for n in range(7)]
    address, met = "/Location/_history?_count=2", []
    while address:
        told = (await bench.get(address)).json()
        met += named(told["entry"])
        address = next((link["url"] for link in told["link"] if link["relation"] == "next"), "")
        await bench.put(
            f"/Location/{ids[0]}", json={"resourceType": "Location", "id": ids[0]}
        )  # becomes an old version
    assert met == [f"{id}/1" for id in reversed(ids)]


async def test_the_history_of_everything_tells_deletions_and_is_narrowed_by_since(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    before = await ward.patient()
    since = (await bench.get(f"/Patient/{before}")).json()["meta"]["lastUpdated"]
    id = await ward.add({"resourceType": "Organization", "name": "H"})
    await bench.delete(f"/Organization/{id}")
    told = (await bench.get("/_history", params={"_since": since})).json()
    assert told["type"] == "history"
    assert "total" not in told
    assert named(told["entry"]) == [f"{id}/2", f"{id}/1", f"{before}/1"]
    assert [e["request"]["method"] for e in told["entry"]] == ["DELETE", "POST", "POST"]
    later = (await bench.get("/_history", params={"_since": "2999-01-01T00:00:00Z"})).json()
    assert "entry" not in later


async def test_at_tells_what_was_current_then(ward: Any, bench: httpx2.AsyncClient, engine: Engine) -> None:
    id = await ward.patient()
    for _ in range(2):
        await bench.put(f"/Patient/{id}", json={"resourceType": "Patient", "id": id})
    key = engine.keys.of(f"Patient/{id}")
    times = "'2020-01-01T10:00:00Z'", "'2020-02-01T10:00:00Z'", "'2020-03-01T10:00:00Z'"
    await engine.db.pool.execute(f"update hist set upd = {times[0]} where key = {key} and ver = 1")
    await engine.db.pool.execute(f"update hist set upd = {times[1]} where key = {key} and ver = 2")
    await engine.db.pool.execute(f"update res set upd = {times[2]} where key = {key}")
    await engine.db.pool.execute("update region set born_at = '2019-12-01'")  # nothing is looked for before
    for at, versions in (
        ("2019", []), ("2020-01-15", [1]), ("2020-01", [1]), ("2020-02", [2, 1]), ("2020-02-02", [2]), ("2020", [3, 2, 1]),
        ("2020-03-01T10:00:00Z", [3]), ("2024-01-01", [3]),
    ):  # fmt: skip
        told = (await bench.get(f"/Patient/{id}/_history?_at={at}")).json()
        assert named(told.get("entry", [])) == [f"{id}/{n}" for n in versions], at
    of_type = (await bench.get("/Patient/_history?_at=2020-01-15")).json()
    assert named(of_type["entry"]) == [f"{id}/1"]


async def test_a_history_shows_only_what_may_be_seen(
    ward: Any, doctor: httpx2.AsyncClient, doctor_elsewhere: httpx2.AsyncClient
) -> None:
    patient = await ward.patient()
    id = await ward.observation(patient, "718-7", doctor)
    assert id in str((await doctor.get("/Observation/_history")).json())
    assert id not in str((await doctor_elsewhere.get("/Observation/_history")).json())
    assert id not in str((await doctor_elsewhere.get("/_history?_count=1000")).json())
    assert (await doctor_elsewhere.get(f"/Observation/{id}/_history")).status_code == 404
    async with ward.client("staff", scope="user/Observation.rs", subject="narrow") as narrow:
        assert (await narrow.get("/Patient/_history")).status_code == 403
        types = {e["request"]["url"].split("/")[0] for e in (await narrow.get("/_history")).json().get("entry", [])}
        assert types <= {"Observation"}


async def test_a_history_of_nothing_since_is_empty_and_not_absent(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    told = await bench.get(f"/Patient/{id}/_history", params={"_since": "2999-01-01T00:00:00Z"})
    assert (told.status_code, told.json()["total"]) == (200, 0)
    assert (await bench.get("/Patient/never/_history", params={"_since": "2999-01-01T00:00:00Z"})).status_code == 404


@pytest.mark.parametrize("address", ["/_history", "/Patient/_history"])
@pytest.mark.parametrize("query", ["_list=1", "_nonsense=1", "_since=2020", "_at=x", "_count=x", "_cursor=abc"])
async def test_what_a_history_does_not_do_is_refused_by_name(
    bench: httpx2.AsyncClient, address: str, query: str
) -> None:
    answer = await bench.get(f"{address}?{query}")
    assert (answer.status_code, query.split("=")[0] in answer.text) == (400, True)
