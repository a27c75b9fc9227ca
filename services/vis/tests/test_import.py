"""$import: NDJSON with ids kept, every line checked, and no line twice when it is sent again."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from fhirserver.operations import intaking, storing

NDJSON = {"content-type": "application/fhir+ndjson"}
Make = Callable[..., dict[str, Any]]


def body(*resources: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in resources)


def a_patient(id: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, **more}


async def result(bench: httpx2.AsyncClient, answer: httpx2.Response) -> dict[str, Any]:
    """What the import says of itself when it has ended."""
    assert answer.status_code == 202, answer.text
    told = await bench.get(answer.headers["content-location"])
    assert told.status_code == 200, told.text
    return dict(told.json())


async def test_lines_are_stored_under_their_ids_and_found(
    bench: httpx2.AsyncClient, ward: Any, engine: Engine, an_observation_of: Make
) -> None:
    lines = body(a_patient("im-1", name=[{"family": "Import"}]), {**an_observation_of("im-1", "im"), "id": "im-2"})
    told = await result(bench, await bench.post("/$import", content=lines, headers=NDJSON))

    assert told["output"] == [{"type": "Observation", "count": 1}, {"type": "Patient", "count": 1}]
    assert told["error"] == []
    assert await ward.ids("/Observation?patient=im-1&code=im") == ["im-2"]
    assert (await bench.get("/Patient/im-1")).json()["meta"]["versionId"] == "1"
    logged = await engine.db.pool.fetchrow(
        "select * from access_log where activity = 'import' order by id desc limit 1"
    )
    assert logged["patients"] == [engine.keys.of("Patient/im-1")] * 2


async def test_a_line_that_cannot_be_taken_is_told_and_stops_no_other(
    bench: httpx2.AsyncClient, ward: Any, later: Any, an_observation_of: Make
) -> None:
    first, second = await ward.patient(), await ward.patient()
    mine = await ward.observation(first)
    lines = body(
        a_patient("bad-1"),
        a_patient("bad-2", nonsense=1),
        {"resourceType": "Nothing", "id": "x"},
        {"resourceType": "Patient"},
        {**an_observation_of(second), "id": mine},  # another patient's
        {"resourceType": "ValueSet", "id": "vs", "status": "active"},
        a_patient("bad-3"),
    )
    lines += b"{ not json\n\n" + b'{"resourceType":"Patient","id":"bad-4"}'
    told = await result(bench, await bench.post("/$import", content=lines, headers=NDJSON))

    assert told["output"] == [{"type": "Patient", "count": 3}]
    refused = await later.lines(bench, told, "error")
    places = sorted(one["issue"][0]["diagnostics"].partition(":")[0] for one in refused)
    assert places == ["Line 2", "Line 3", "Line 4", "Line 5", "Line 6", "Line 8"]
    for id in ("bad-1", "bad-3", "bad-4"):
        assert (await bench.get(f"/Patient/{id}")).status_code == 200


async def test_the_same_resource_twice_is_two_versions_in_the_order_of_the_lines(bench: httpx2.AsyncClient) -> None:
    lines = body(a_patient("tw", gender="male"), a_patient("tw", gender="female"), a_patient("tw", gender="other"))
    await result(bench, await bench.post("/$import", content=lines, headers=NDJSON))

    stands = (await bench.get("/Patient/tw")).json()
    assert (stands["gender"], stands["meta"]["versionId"]) == ("other", "3")


async def test_an_import_that_was_cut_off_goes_on_and_doubles_nothing(
    bench: httpx2.AsyncClient, ward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intaking, "_LINES", 5)
    patients = [a_patient(f"cut-{n}", name=[{"family": "Cut"}]) for n in range(23)]
    lines, headers = body(*patients), {**NDJSON, "idempotency-key": "cut"}
    calls, store = 0, storing.Importing._store

    async def dies(self: Any, *given: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError("the database went away")
        await store(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(storing.Importing, "_store", dies)
        assert (await bench.post("/$import", content=lines, headers=headers)).status_code == 503
    status = await bench.get("/$import", headers={"idempotency-key": "cut"})
    assert status.status_code == 202
    assert status.headers["x-progress"].startswith("cut off after 10 lines")

    other = await bench.post("/$import", content=body(a_patient("cut-x"), *patients[1:]), headers=headers)
    assert other.status_code == 422


async def test_sent_again_it_skips_what_is_stored(
    bench: httpx2.AsyncClient, ward: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intaking, "_LINES", 5)
    patients = [a_patient(f"again-{n}") for n in range(23)]
    lines, headers = body(*patients), {**NDJSON, "idempotency-key": "again"}
    calls, store = 0, storing.Importing._store

    async def dies(self: Any, *given: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError("the database went away")
        await store(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(storing.Importing, "_store", dies)
        assert (await bench.post("/$import", content=lines, headers=headers)).status_code == 503
    told = await result(bench, await bench.post("/$import", content=lines, headers=headers))
    once_more = await result(bench, await bench.post("/$import", content=lines, headers=headers))

    assert told["output"] == once_more["output"] == [{"type": "Patient", "count": 23}]
    for n in range(23):
        assert (await bench.get(f"/Patient/again-{n}")).json()["meta"]["versionId"] == "1"


async def test_two_requests_with_one_key_do_not_both_run(bench: httpx2.AsyncClient, engine: Engine) -> None:
    lines, headers = body(*[a_patient(f"both-{n}") for n in range(50)]), {**NDJSON, "idempotency-key": "both"}
    answers = await asyncio.gather(*(bench.post("/$import", content=lines, headers=headers) for _ in range(4)))

    assert {one.status_code for one in answers} <= {202, 409, 429}
    assert 202 in {one.status_code for one in answers}
    for n in range(50):
        assert (await bench.get(f"/Patient/both-{n}")).json()["meta"]["versionId"] == "1"


async def test_two_imports_of_the_same_resources_both_end(bench: httpx2.AsyncClient, ward: Any) -> None:
    lines = body(*[a_patient(f"same-{n}") for n in range(200)])
    back = body(*reversed([a_patient(f"same-{n}") for n in range(200)]))
    answers = await asyncio.gather(*(bench.post("/$import", content=one, headers=NDJSON) for one in (lines, back)))

    for answer in answers:
        assert (await result(bench, answer))["output"] == [{"type": "Patient", "count": 200}]
    versions = [(await bench.get(f"/Patient/same-{n}")).json()["meta"]["versionId"] for n in range(200)]
    assert set(versions) == {"2"}


async def test_what_is_imported_is_told(bench: httpx2.AsyncClient, engine: Engine) -> None:
    before = await engine.db.pool.fetchval("select count(*) from outbox where topic = 'vis.record.v1'")
    await bench.post("/$import", content=body(a_patient("told-1"), a_patient("told-2")), headers=NDJSON)

    keys = await engine.db.pool.fetch(
        "select key from outbox where topic = 'vis.record.v1' order by id offset $1", before
    )
    assert {row["key"] for row in keys} == {"told-1", "told-2"}


async def test_who_may_not_and_what_is_not_is_refused(
    bench: httpx2.AsyncClient, doctor: httpx2.AsyncClient, ward: Any, later: Any
) -> None:
    lines = body(a_patient("no-1"))
    assert (await doctor.post("/$import", content=lines, headers=NDJSON)).status_code == 403
    assert (await bench.post("/$import", json=a_patient("no-1"))).status_code == 415
    assert (
        await bench.post("/$import", content=lines, headers={**NDJSON, "content-encoding": "gzip"})
    ).status_code == 415
    assert (await bench.post("/$import?mode=x", content=lines, headers=NDJSON)).status_code == 400
    assert (await bench.get("/$import")).status_code == 400
    async with ward.client("system", scope="system/*.rs") as reader:
        told = await result(reader, await reader.post("/$import", content=lines, headers=NDJSON))
        assert told["output"] == []
        assert [one["issue"][0]["code"] for one in await later.lines(reader, told, "error")] == ["forbidden"]
    assert (await bench.get("/Patient/no-1")).status_code == 404


async def test_a_line_longer_than_the_limit_ends_it(bench: httpx2.AsyncClient, engine: Engine) -> None:
    engine_limit = engine.mount.body_limit
    long = body(a_patient("long", name=[{"family": "x" * (engine_limit + 1)}]))
    answer = await bench.post("/$import", content=long, headers={**NDJSON, "idempotency-key": "long"})

    assert answer.status_code == 413
    assert (await bench.get("/$import", headers={"idempotency-key": "long"})).status_code == 500
