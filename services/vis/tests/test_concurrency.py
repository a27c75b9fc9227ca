"""Many writers at once: no update is lost, nothing is made twice, nobody waits for ever."""

import asyncio
import base64
import os
from collections import Counter
from typing import Any

import asyncpg
import httpx2
import pytest

from fhirserver.engine import Engine


def patient(id: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, **more}


async def test_of_many_updates_with_the_same_if_match_exactly_one_wins(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    answers = await asyncio.gather(
        *(
            bench.put(f"/Patient/{id}", json=patient(id, multipleBirthInteger=n), headers={"if-match": 'W/"1"'})
            for n in range(1, 33)
        )
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 31}
    (won,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert (await bench.get(f"/Patient/{id}")).json() == won


async def test_updates_without_if_match_come_one_after_the_other(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    answers = await asyncio.gather(*(bench.put(f"/Patient/{id}", json=patient(id)) for _ in range(24)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(int(answer.headers["etag"][3:-1]) for answer in answers) == list(range(2, 26))
    told = (await bench.get(f"/Patient/{id}/_history")).json()
    assert [e["response"]["etag"] for e in told["entry"]] == [f'W/"{n}"' for n in range(25, 0, -1)]


async def test_of_many_puts_to_a_free_id_one_creates_and_none_is_lost(ward: Any, bench: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(bench.put("/Patient/race", json=patient("race")) for _ in range(24)))
    codes = Counter(answer.status_code for answer in answers)
    assert codes[201] == 1
    assert set(codes) <= {200, 201, 409}
    versions = [answer.headers["etag"] for answer in answers if answer.status_code < 300]
    assert len(set(versions)) == len(versions)
    history = (await bench.get("/Patient/race/_history")).json()
    assert history["total"] == len(versions)


async def test_updates_and_deletes_at_once_leave_an_unbroken_history(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    calls = [
        bench.put(f"/Patient/{id}", json=patient(id)) if n % 2 else bench.delete(f"/Patient/{id}") for n in range(16)
    ]
    codes = {answer.status_code for answer in await asyncio.gather(*calls)}
    assert codes <= {200, 201, 204, 409}
    told = (await bench.get(f"/Patient/{id}/_history")).json()["entry"]
    versions = [int(e["response"]["etag"][3:-1]) for e in told]
    assert versions == list(range(len(versions), 0, -1))
    assert len(await ward.ids(f"/Patient?_id={id}")) == (told[0]["request"]["method"] != "DELETE")


async def test_transactions_that_touch_the_same_resources_in_other_orders_all_get_an_answer(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    ids = [await ward.patient() for _ in range(6)]

    def bundle(order: list[str]) -> dict[str, Any]:
        entries = [{"resource": patient(id), "request": {"method": "PUT", "url": f"Patient/{id}"}} for id in order]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    orders = [ids, ids[::-1], ids[3:] + ids[:3]] * 4
    answers = await asyncio.wait_for(asyncio.gather(*(bench.post("", json=bundle(order)) for order in orders)), 60)
    assert {answer.status_code for answer in answers} == {200}
    for id in ids:
        assert (await bench.get(f"/Patient/{id}")).headers["etag"] == 'W/"13"'


async def test_a_create_that_cannot_be_told_is_refused_and_its_neighbours_are_stored(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    noise = base64.b64encode(os.urandom(3_000_000)).decode()
    contents = [{"attachment": {"contentType": "text/plain", "data": noise}}]
    big = {"resourceType": "DocumentReference", "status": "current", "content": contents}
    small = {"resourceType": "Patient"}
    answers = await asyncio.wait_for(
        asyncio.gather(
            bench.post("/DocumentReference", json=big), *(bench.post("/Patient", json=small) for _ in range(8))
        ),
        30,
    )
    assert [answer.status_code for answer in answers[1:]] == [201] * 8
    assert answers[0].status_code in (201, 413), answers[0].text


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("gone"),
        asyncpg.ConnectionDoesNotExistError("gone"),
        RuntimeError("a bug"),
        OSError(),
    ],
)
async def test_whatever_goes_wrong_with_the_log_nobody_reads_unlogged_or_waits_for_ever(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    patient_id = await ward.patient()

    async def breaks(*_: Any) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(type(engine.log), "append", breaks)
        reads = await asyncio.wait_for(asyncio.gather(*(bench.get(f"/Patient/{patient_id}") for _ in range(5))), 10)
        assert {answer.status_code for answer in reads} == {503}
        write = await asyncio.wait_for(bench.post("/Patient", json={"resourceType": "Patient"}), 10)
        assert write.status_code in (500, 503)
        search = await asyncio.wait_for(bench.get(f"/Patient?_id={patient_id}"), 10)
        assert search.status_code in (500, 503)
        for text in (write.text, search.text):
            assert "a bug" not in text
    assert (await bench.get(f"/Patient/{patient_id}")).status_code == 200
