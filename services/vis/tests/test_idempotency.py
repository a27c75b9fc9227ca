"""A write sent again with its Idempotency-Key is done once and answered alike (architecture D6)."""

import asyncio
from typing import Any

import httpx2
import pytest

from fhirserver import performing
from kit.caller import Commission

KEY = "idempotency-key"
BODY = {"resourceType": "Patient", "identifier": [{"system": "urn:idem", "value": "x"}]}


def body(value: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:idem", "value": value}]}


async def test_the_same_again_gets_the_same_answer_and_is_done_once(ward: Any, bench: httpx2.AsyncClient) -> None:
    first = await bench.post("/Patient", json=body("a"), headers={KEY: "a"})
    again = await bench.post("/Patient", json=body("a"), headers={KEY: "a"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    for name in ("location", "etag", "fvm-position", "last-modified"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(await ward.ids("/Patient?identifier=urn:idem|a")) == 1


async def test_updates_deletes_and_transactions_too(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    put = {"resourceType": "Patient", "id": id, "active": True}
    for _ in range(2):
        changed = await bench.put(f"/Patient/{id}", json=put, headers={KEY: "put"})
        assert changed.headers["etag"] == 'W/"2"'
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": body("t"), "request": {"method": "POST", "url": "Patient"}}],
    }
    answers = [await bench.post("", json=bundle, headers={KEY: "bundle"}) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert len(await ward.ids("/Patient?identifier=urn:idem|t")) == 1
    for _ in range(2):
        gone = await bench.delete(f"/Patient/{id}", headers={KEY: "delete"})
        assert (gone.status_code, gone.headers["etag"]) == (204, 'W/"3"')


async def test_the_same_key_for_something_else_is_refused(ward: Any, bench: httpx2.AsyncClient) -> None:
    await bench.post("/Patient", json=body("b"), headers={KEY: "b"})
    for answer in (
        await bench.post("/Patient", json=body("b2"), headers={KEY: "b"}),
        await bench.post("/Organization", json={"resourceType": "Organization", "name": "x"}, headers={KEY: "b"}),
        await bench.post("/Patient", json=body("b"), headers={KEY: "b", "if-none-exist": "identifier=urn:idem|b"}),
    ):
        assert answer.status_code == 422
        assert "Idempotency-Key" in answer.text
    assert len(await ward.ids("/Patient?identifier=urn:idem|b2")) == 0


async def test_keys_of_another_client_or_person_are_not_shared(ward: Any, bench: httpx2.AsyncClient) -> None:
    await bench.post("/Patient", json=body("c"), headers={KEY: "c"})
    unit = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
    async with ward.client("system", commission=unit, client_id="other") as other:
        answer = await other.post("/Patient", json=body("c"), headers={KEY: "c"})
        assert (answer.status_code, "idempotency-replayed" in answer.headers) == (201, False)
    async with ward.client("staff", commission=unit, subject="somebody-else") as person:  # by the same client
        assert (await person.post("/Patient", json=body("c"), headers={KEY: "c"})).status_code == 422


async def test_a_refusal_is_not_kept(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    put = {"resourceType": "Patient", "id": id, "active": True}
    headers = {KEY: "later", "if-match": 'W/"2"'}
    assert (await bench.put(f"/Patient/{id}", json=put, headers=headers)).status_code == 412
    await bench.put(f"/Patient/{id}", json=put)
    assert (await bench.put(f"/Patient/{id}", json=put, headers=headers)).status_code == 200


@pytest.mark.parametrize("key", ["", "k" * 201])
async def test_a_key_that_is_none_is_refused(bench: httpx2.AsyncClient, key: str) -> None:
    answer = await bench.post("/Patient", json=BODY, headers={KEY: key})
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["Idempotency-Key"])


async def test_a_batch_says_that_it_takes_no_key(bench: httpx2.AsyncClient) -> None:
    batch = {"resourceType": "Bundle", "type": "batch", "entry": []}
    assert (await bench.post("", json=batch, headers={KEY: "x"})).status_code == 400


async def test_while_the_first_is_running_the_second_is_told_so(
    ward: Any, bench: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()
    as_before = performing._resolved

    async def waits(*arguments: Any) -> Any:
        inside.set()
        await go_on.wait()
        return await as_before(*arguments)

    monkeypatch.setattr(performing, "_resolved", waits)
    first = asyncio.create_task(bench.post("/Patient", json=body("d"), headers={KEY: "d"}))
    await asyncio.wait_for(inside.wait(), 10)
    second = await bench.post("/Patient", json=body("d"), headers={KEY: "d"})
    assert second.status_code == 409
    go_on.set()
    assert (await first).status_code == 201
    third = await bench.post("/Patient", json=body("d"), headers={KEY: "d"})
    assert third.headers["idempotency-replayed"] == "true"


async def test_many_at_once_are_done_once(ward: Any, bench: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(bench.post("/Patient", json=body("e"), headers={KEY: "e"}) for _ in range(16)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.headers["location"] for answer in answers if answer.status_code == 201}) == 1
    assert len(await ward.ids("/Patient?identifier=urn:idem|e")) == 1
