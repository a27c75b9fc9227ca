"""$purge leaves nothing behind but the log, is told as deletions, and is not for people."""

from typing import Any

import httpx2

from fhirserver.engine import Engine
from fhirserver.telling import opened
from kit.events import from_headers
from kit.outbox import read_headers

TABLES = ("res", "hist", "alt", "idt", "str", "rng", "txt")


async def left(engine: Engine, *names: str) -> dict[str, int]:
    """Rows of these resources by table, those with any."""
    keys = [engine.keys.of(name) for name in names]
    counts = {
        table: await engine.db.pool.fetchval(f"select count(*) from {table} where key = any($1::bigint[])", keys)
        for table in TABLES
    }
    return {table: count for table, count in counts.items() if count}


async def told(engine: Engine) -> list[tuple[str, str]]:
    """(op, Type/id) of all records that wait to be told."""
    rows = await engine.db.pool.fetch("select headers, value from outbox where topic = 'vis.record.v1' order by id")
    sent = [from_headers(read_headers(row["headers"]), None, row["value"]) for row in rows]
    events = await engine.codec.told(engine.db.pool, sent)
    return [(one.op, f"{one.type}/{one.id}") for event in events for one in opened(event).entries]


async def test_a_purged_patient_leaves_nothing_behind(bench: httpx2.AsyncClient, ward: Any, engine: Engine) -> None:
    patient = await ward.patient(name=[{"family": "Borta"}], identifier=[{"system": "urn:x", "value": "1"}])
    await bench.put(f"/Patient/{patient}", json={"resourceType": "Patient", "id": patient, "birthDate": "1950-01-01"})
    observation = await ward.observation(patient)
    deleted = await ward.observation(patient)
    await bench.delete(f"/Observation/{deleted}")
    keyed = {"resourceType": "Observation", "status": "final", "code": {"text": "k"},
             "subject": {"reference": f"Patient/{patient}"}}  # fmt: skip
    await bench.post("/Observation", json=keyed, headers={"idempotency-key": f"purge-{patient}"})
    bystander = await ward.patient()
    theirs = await ward.observation(bystander)
    answer = await bench.post(f"/Patient/{patient}/$purge")
    assert answer.status_code == 200, answer.text
    assert "4 resources and 6 versions" in answer.json()["issue"][0]["diagnostics"]
    names = [f"Patient/{patient}", f"Observation/{observation}", f"Observation/{deleted}"]
    assert await left(engine, *names) == {}
    assert (await bench.get(f"/Patient/{patient}")).status_code == 404
    assert (await bench.get(f"/Observation/{deleted}")).status_code == 404
    assert (await bench.get(f"/Observation/{theirs}")).status_code == 200
    waiting = await told(engine)
    assert {op for op, name in waiting if name in names} == {"delete"}
    assert ("put", f"Observation/{theirs}") in waiting
    kept = await engine.db.pool.fetchval("select count(*) from idempotency where key = $1", f"purge-{patient}")
    assert kept == 0
    key = engine.keys.of(f"Patient/{patient}")
    activities = await engine.db.pool.fetch("select distinct activity from access_log where $1 = any(patients)", key)
    assert {"create", "purge"} <= {row["activity"] for row in activities}


async def test_one_resource_goes_out_of_an_event_that_told_several(
    bench: httpx2.AsyncClient, ward: Any, engine: Engine
) -> None:
    patient = await ward.patient()
    entries = [
        {
            "resource": {"resourceType": "Observation", "status": "final", "code": {"text": text},
                         "subject": {"reference": f"Patient/{patient}"}},
            "request": {"method": "POST", "url": "Observation"},
        }
        for text in ("en", "två")
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = (await bench.post("", json=bundle)).json()
    first, second = (entry["response"]["location"].split("/")[-3] for entry in answer["entry"])
    assert (await bench.post(f"/Observation/{first}/$purge")).status_code == 200
    waiting = await told(engine)
    assert [op for op, name in waiting if name == f"Observation/{first}"] == ["delete"]
    assert [op for op, name in waiting if name == f"Observation/{second}"] == ["put"]
    assert (await bench.get(f"/Observation/{second}")).status_code == 200


async def test_what_is_first_about_somebody_else_stays(bench: httpx2.AsyncClient, ward: Any, engine: Engine) -> None:
    mother, child = await ward.patient(), await ward.patient()
    note = await ward.add(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "amning"},
            "subject": {"reference": f"Patient/{mother}"},
            "performer": [{"reference": f"Patient/{child}"}],
        }
    )
    answer = await bench.post(f"/Patient/{child}/$purge")
    assert "1 resources of others" in answer.json()["issue"][0]["diagnostics"]
    assert (await bench.get(f"/Observation/{note}")).status_code == 200


async def test_it_is_for_erasure_systems_only(
    ward: Any, doctor: httpx2.AsyncClient, system: httpx2.AsyncClient, bench: httpx2.AsyncClient
) -> None:
    patient = await ward.patient()
    for client in (doctor, system):
        assert (await client.post(f"/Patient/{patient}/$purge")).status_code == 403
    assert (await bench.get(f"/Patient/{patient}/$purge")).status_code == 405
    assert (await bench.get(f"/Patient/{patient}")).status_code == 200
    assert (await bench.post("/Patient/never-was/$purge")).status_code == 404
    async with ward.client("system", scope="system/*.cruds fvm/purge") as eraser:
        assert (await eraser.post(f"/Patient/{patient}/$purge")).status_code == 200
