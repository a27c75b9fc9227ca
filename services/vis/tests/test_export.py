"""$export: what a system may see, once each, true of one moment, in files that are made when they are fetched."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from fhirserver.operations import planning
from fhirserver.operations.working import Jobs


@pytest.fixture(scope="module", autouse=True)
async def working(engine: Engine) -> AsyncIterator[None]:
    task = asyncio.create_task(Jobs(engine, lease=1).run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def refs(resources: list[dict[str, Any]]) -> list[str]:
    return sorted(f"{one['resourceType']}/{one['id']}" for one in resources)


async def test_a_system_export_has_every_resource_once_as_it_is_stored(
    later: Any, bench: httpx2.AsyncClient, ward: Any
) -> None:
    patient = await ward.patient(name=[{"family": "Hel"}])
    ids = [await ward.observation(patient) for _ in range(7)]
    manifest = await later.exported(bench, "/$export?_type=Patient,Observation")

    found = await later.lines(bench, manifest)
    got = refs(found)
    assert len(got) == len(set(got))
    assert {f"Patient/{patient}", *(f"Observation/{id}" for id in ids)} <= set(got)
    assert manifest["requiresAccessToken"] is True
    assert manifest["request"].endswith("/vis/fhir/$export?_type=Patient,Observation")
    assert manifest["error"] == []
    assert datetime.fromisoformat(manifest["transactionTime"]).tzinfo is not None
    one = next(o for o in found if o["id"] == ids[0])
    assert one == (await bench.get(f"/Observation/{ids[0]}")).json()


async def test_while_others_write_each_resource_comes_once_and_as_it_was(
    later: Any, bench: httpx2.AsyncClient, ward: Any
) -> None:
    patient = await ward.patient()
    ids = [await ward.observation(patient, "w-1", valueString="before") for _ in range(30)]
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            for id in ids:
                await ward.observation(patient, "w-1", id=id, valueString="after")
            await ward.observation(patient, "w-2")

    kicked = await bench.get("/$export?_type=Observation", headers=later.headers)
    writers = [asyncio.create_task(write()) for _ in range(2)]
    manifest = (await later.finished(bench, kicked)).json()
    await bench.delete(f"/Observation/{ids[0]}")
    got = await later.lines(bench, manifest)
    stop.set()
    await asyncio.gather(*writers)

    mine = [one for one in got if one["id"] in ids]
    assert refs(mine) == sorted(f"Observation/{id}" for id in ids)
    assert {one["valueString"] for one in mine} == {"before"}
    moment = datetime.fromisoformat(manifest["transactionTime"])
    assert all(datetime.fromisoformat(one["meta"]["lastUpdated"]) <= moment for one in got)


async def test_another_providers_facts_are_absent(
    later: Any,
    system: httpx2.AsyncClient,
    doctor_elsewhere: httpx2.AsyncClient,
    doctor: httpx2.AsyncClient,
    ward: Any,
    engine: Engine,
) -> None:
    patient = await ward.patient()
    ours = await ward.observation(patient, "law", doctor)
    theirs = await ward.observation(patient, "law", doctor_elsewhere)

    manifest = await later.exported(system, "/$export?_type=Observation")
    got = refs(await later.lines(system, manifest))

    assert f"Observation/{ours}" in got
    assert f"Observation/{theirs}" not in got


async def test_a_file_is_decided_again_when_it_is_fetched(
    later: Any, ward: Any, bench: httpx2.AsyncClient, doctor_elsewhere: Any
) -> None:
    patient = await ward.patient()
    theirs = await ward.observation(patient, "again", doctor_elsewhere)
    token: dict[str, Any] = {"subject": "robot", "client_id": "robot"}
    async with ward.client("system", scope="system/*.rs fvm/everything", **token) as wide:
        manifest = await later.exported(wide, "/$export?_type=Observation")
    async with ward.client("system", scope="system/*.rs", **token) as narrow:
        assert f"Observation/{theirs}" not in refs(await later.lines(narrow, manifest))
    async with ward.client("system", scope="system/Patient.rs", **token) as other:
        assert (await other.get(manifest["output"][0]["url"])).status_code == 403


async def test_a_job_is_its_owners_only(
    later: Any, bench: httpx2.AsyncClient, system: httpx2.AsyncClient, ward: Any
) -> None:
    await ward.patient()
    manifest = await later.exported(bench, "/$export?_type=Patient")
    file = manifest["output"][0]["url"]

    for address in (file, file.rpartition("/")[0]):
        assert (await system.get(address)).status_code == 404
    assert (await bench.get(file.rpartition("/")[0] + "/999")).status_code == 404


async def test_each_file_is_logged_with_whom_it_is_about(
    later: Any, bench: httpx2.AsyncClient, ward: Any, engine: Engine
) -> None:
    patient = await ward.patient()
    await ward.observation(patient)
    manifest = await later.exported(bench, "/Patient/$export?_type=Observation")
    before = await engine.db.pool.fetchval("select count(*) from access_log where activity = 'export'")
    await later.lines(bench, manifest)
    rows = await engine.db.pool.fetch("select * from access_log where activity = 'export' order by id")

    assert len(rows) - before == len(manifest["output"])
    assert engine.keys.of(f"Patient/{patient}") in rows[-1]["patients"]
    assert rows[-1]["returned"] == manifest["output"][-1]["count"]


async def test_since_gives_what_changed_and_what_was_deleted(later: Any, bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient()
    old, gone = await ward.observation(patient), await ward.observation(patient)
    moment = (await later.exported(bench, "/$export?_type=Observation"))["transactionTime"]
    new = await ward.observation(patient)
    await bench.delete(f"/Observation/{gone}")

    manifest = await later.exported(bench, f"/$export?_type=Observation&_since={moment}")

    assert f"Observation/{new}" in refs(await later.lines(bench, manifest))
    assert f"Observation/{old}" not in refs(await later.lines(bench, manifest))
    told = await later.lines(bench, manifest, "deleted")
    assert [one["entry"][0]["request"] for one in told] == [{"method": "DELETE", "url": f"Observation/{gone}"}]
    again = await later.exported(bench, f"/$export?_type=Observation&_since={moment}&_until={moment}")
    assert again["output"] == []


async def test_a_group_export_is_about_its_members(later: Any, bench: httpx2.AsyncClient, ward: Any) -> None:
    members = [await ward.patient() for _ in range(3)]
    outsider = await ward.patient()
    seen = [await ward.observation(one) for one in members[:2]]
    await ward.observation(outsider)
    group = await ward.add({
        "resourceType": "Group", "type": "person", "actual": True,
        "member": [{"entity": {"reference": f"Patient/{one}"}, "inactive": one == members[2]} for one in members],
    })  # fmt: skip

    found = refs(
        await later.lines(bench, await later.exported(bench, f"/Group/{group}/$export?_type=Patient,Observation"))
    )
    one = refs(
        await later.lines(
            bench, await later.exported(bench, f"/Group/{group}/$export?_type=Patient&patient={members[0]}")
        )
    )
    not_in = await bench.get(f"/Group/{group}/$export?patient=Patient/{outsider}", headers=later.headers)

    assert found == sorted([f"Patient/{id}" for id in members[:2]] + [f"Observation/{id}" for id in seen])
    assert one == [f"Patient/{members[0]}"]
    assert not_in.status_code == 400
    assert (await bench.get("/Group/nobody/$export", headers=later.headers)).status_code == 404


async def test_a_patient_export_leaves_out_what_is_about_nobody(
    later: Any, bench: httpx2.AsyncClient, ward: Any
) -> None:
    patient = await ward.patient()
    about = await ward.observation(patient)
    nobody = await ward.observation(None)

    found = refs(await later.lines(bench, await later.exported(bench, "/Patient/$export?_type=Patient,Observation")))

    assert {f"Patient/{patient}", f"Observation/{about}"} <= set(found)
    assert f"Observation/{nobody}" not in found


async def test_type_filters_are_searches_and_several_are_alternatives(
    later: Any, bench: httpx2.AsyncClient, ward: Any
) -> None:
    patient = await ward.patient(name=[{"family": "Ostman"}])
    first, second, third = [await ward.observation(patient, code) for code in ("f-1", "f-2", "f-3")]
    filters = "_typeFilter=Observation%3Fcode%3Dhttp://loinc.org%7Cf-1&_typeFilter=Observation%3Fcode%3Df-2"

    manifest = await later.exported(bench, f"/$export?_type=Observation,Patient&{filters}")
    found = refs(await later.lines(bench, manifest))

    assert {f"Observation/{first}", f"Observation/{second}", f"Patient/{patient}"} <= set(found)
    assert f"Observation/{third}" not in found
    for wrong in ("_sort=date", "nothing=1", "_include=Observation:subject"):
        answer = await bench.get("/$export", params={"_typeFilter": f"Observation?{wrong}"}, headers=later.headers)
        assert answer.status_code == 400
        assert wrong.partition("=")[0] in answer.text


async def test_parameters_may_be_posted(later: Any, bench: httpx2.AsyncClient, ward: Any) -> None:
    first, second = await ward.patient(), await ward.patient()
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "_outputFormat", "valueString": "ndjson"},
        {"name": "_type", "valueString": "Patient"},
        {"name": "patient", "valueReference": {"reference": f"Patient/{first}"}},
    ]}  # fmt: skip
    answer = await later.finished(bench, await bench.post("/Patient/$export", json=body, headers=later.headers))

    found = refs(await later.lines(bench, answer.json()))
    assert found == [f"Patient/{first}"]
    assert second


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("_elements=id", "_elements"), ("includeAssociatedData=x", "includeAssociatedData"), ("nonsense=1", "nonsense"),
        ("_outputFormat=csv", "_outputFormat"), ("_since=yesterday", "_since"), ("_since=2026-01-01", "_since"),
        ("_type=Nothing", "_type"), ("_typeFilter=Observation", "_typeFilter"), ("patient=Patient/1", "patient"),
        ("organizeOutputBy=Patient", "organizeOutputBy"), ("allowPartialManifests=true", "allowPartialManifests"),
        ("_type=Patient&_typeFilter=Observation%3Fcode%3D1", "_typeFilter"),
    ],
)  # fmt: skip
async def test_what_is_not_done_is_refused_by_name(
    later: Any, bench: httpx2.AsyncClient, query: str, name: str
) -> None:
    answer = await bench.get(f"/$export?{query}", headers=later.headers)

    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [name]


async def test_leniency_leaves_out_and_tells_in_the_error_file(
    later: Any, bench: httpx2.AsyncClient, ward: Any
) -> None:
    await ward.patient()
    headers = {"prefer": "respond-async, handling=lenient"}
    kicked = await bench.get("/$export?_type=Patient&nonsense=1", headers=headers)
    manifest = (await later.finished(bench, kicked)).json()

    told = await later.lines(bench, manifest, "error")
    assert [one["issue"][0]["severity"] for one in told] == ["warning"]
    assert "nonsense" in json.dumps(told)


async def test_who_may_not_is_told_so(
    later: Any, bench: httpx2.AsyncClient, doctor: httpx2.AsyncClient, ward: Any
) -> None:
    assert (await bench.get("/$export")).status_code == 400  # without Prefer
    assert (await doctor.get("/$export", headers=later.headers)).status_code == 403
    async with ward.client("system", scope="system/Patient.r") as blind:
        assert (await blind.get("/$export", headers=later.headers)).status_code == 403
    async with ward.client("system", scope="system/Patient.rs") as narrow:
        assert (await narrow.get("/$export?_type=Observation", headers=later.headers)).status_code == 403
        await ward.patient()
        manifest = await later.exported(narrow, "/$export")
        assert {file["type"] for file in manifest["output"]} == {"Patient"}
    assert (await bench.get("/Observation/$export", headers=later.headers)).status_code == 404
    assert (await bench.put("/$export", json={}, headers=later.headers)).status_code == 405


async def test_a_cancelled_export_is_not_there_any_more(
    later: Any, bench: httpx2.AsyncClient, ward: Any, engine: Engine
) -> None:
    await ward.patient()
    kicked = await bench.get("/$export", headers=later.headers)
    status = kicked.headers["content-location"]

    assert (await bench.delete(status)).status_code == 202
    assert (await bench.get(status)).status_code == 404
    await asyncio.sleep(1.5)  # the work ends at its next step
    parts = await engine.db.pool.fetchval("select count(*) from job_part where job = $1", status.rpartition("/")[2])
    assert parts == 0


async def test_a_client_has_a_bounded_number_of_open_jobs(later: Any, ward: Any, engine: Engine) -> None:
    async with ward.client("system", scope="system/Patient.rs", client_id="greedy") as greedy:
        kicked = [await greedy.get("/$export", headers=later.headers) for _ in range(21)]
        assert kicked[-1].status_code == 429
        assert kicked[-1].headers["retry-after"]
        for one in kicked[:-1]:
            await greedy.delete(one.headers["content-location"])


async def test_large_results_are_cut_into_files(
    later: Any, bench: httpx2.AsyncClient, ward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MOST", 3)
    patient = await ward.patient()
    ids = [await ward.observation(patient, "cut") for _ in range(8)]

    manifest = await later.exported(bench, "/$export?_typeFilter=Observation%3Fcode%3Dcut&_type=Observation")

    assert [file["count"] for file in manifest["output"]] == [3, 3, 2]
    assert refs(await later.lines(bench, manifest)) == sorted(f"Observation/{id}" for id in ids)


async def test_a_file_is_packed_for_who_takes_gzip(later: Any, bench: httpx2.AsyncClient, ward: Any) -> None:
    await ward.patient()
    manifest = await later.exported(bench, "/$export?_type=Patient")
    url = manifest["output"][0]["url"]
    async with bench.stream("GET", url, headers={"accept-encoding": "gzip"}) as answer:
        packed = b"".join([chunk async for chunk in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == "gzip"
    plain = await bench.get(url, headers={"accept-encoding": "identity"})

    assert gzip.decompress(packed) == plain.content


async def test_what_was_erased_since_is_not_delivered(
    later: Any, bench: httpx2.AsyncClient, ward: Any, engine: Engine
) -> None:
    patient = await ward.patient()
    kept, erased = await ward.observation(patient, "er"), await ward.observation(patient, "er")
    manifest = await later.exported(bench, "/$export?_type=Observation&_typeFilter=Observation%3Fcode%3Der")
    await engine.db.pool.execute("delete from res where key = $1", engine.keys.of(f"Observation/{erased}"))

    assert refs(await later.lines(bench, manifest)) == [f"Observation/{kept}"]


async def test_a_search_may_be_answered_later(
    later: Any, bench: httpx2.AsyncClient, doctor: httpx2.AsyncClient, ward: Any
) -> None:
    patient = await ward.patient()
    ids = [await ward.observation(patient, "later", doctor) for _ in range(3)]
    kicked = await doctor.get(f"/Observation?patient={patient}&code=later", headers=later.headers)
    manifest = (await later.finished(doctor, kicked)).json()

    assert refs(await later.lines(doctor, manifest)) == sorted(f"Observation/{id}" for id in ids)
    assert (await doctor.get("/Observation?_sort=date", headers=later.headers)).status_code == 400
    assert (await doctor.get("/Observation?nonsense=1", headers=later.headers)).status_code == 400
