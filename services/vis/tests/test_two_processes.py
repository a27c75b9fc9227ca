"""Two processes on one database: what one meets first, the other knows in time and never stumbles over."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from fhirserver.accesslog import broken_links
from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from kit.caller import Commission
from kit.db import Database
from kit.testing import TestIssuer
from kit.web import new_app
from vis import record
from vis.settings import Settings

UNIT = Commission("c-7", "SE0000000007-N1", "Sju", "SE0000000007-N", "Sju", "Läkare")


@pytest.fixture
async def other(engine: Engine, issuer: TestIssuer) -> AsyncIterator[FhirDoor]:
    """A second process, as far as anything that is remembered goes."""
    db = Database(engine.db.url)
    await db.start()
    second = Engine(db, record.mount(Settings(database_url=engine.db.url, mode="demo")), lambda: None)
    await second.start()
    verifier = issuer.verifier(record.PATH)
    yield FhirDoor(new_app("VIS", db=db, verifier=verifier, fhir_base=record.PATH), second, verifier, record.PATH)
    await second.stop()
    await db.stop()


async def test_a_label_that_another_process_met_first_is_no_obstacle_and_is_known_within_a_second(
    ward: Any, bench: httpx2.AsyncClient, other: FhirDoor, engine: Engine, issuer: TestIssuer, an_observation_of: Any
) -> None:
    patient = await ward.patient()
    body = {**an_observation_of(patient), "id": "two-1"}
    headers = issuer.headers("system", commission=UNIT, audience=[record.PATH])
    base = str(bench.base_url)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=other), base_url=base, headers=headers) as there:
        assert (await there.put("/Observation/two-1", json=body)).status_code == 201
    assert UNIT.provider not in {label.provider for label in engine.labels.by_number.values()}
    changed = await bench.put("/Observation/two-1", json={**body, "status": "amended"})  # tells the label it keeps
    assert changed.status_code == 200, changed.text
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=other), base_url=base, headers=headers) as there:
        assert (await there.put("/Observation/two-2", json={**body, "id": "two-2"})).status_code == 201
    fresh = asyncio.create_task(engine.keep_fresh())
    try:
        await asyncio.sleep(1.2)
    finally:
        fresh.cancel()
    async with ward.client("system", commission=UNIT, subject="seven", client_id="seven") as here:
        assert sorted(await ward.ids(f"/Observation?patient={patient}", here)) == ["two-1", "two-2"]


async def test_both_write_the_same_resource_and_both_log_in_chains_of_their_own(
    ward: Any, bench: httpx2.AsyncClient, other: FhirDoor, engine: Engine
) -> None:
    id = await ward.patient()
    body = {"resourceType": "Patient", "id": id}
    headers = dict(bench.headers)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=other), base_url=str(bench.base_url), headers=headers
    ) as there:
        calls = [client.put(f"/Patient/{id}", json=body) for client in (bench, there) for _ in range(10)]
        answers = await asyncio.gather(*calls)
        await asyncio.gather(*(client.get(f"/Patient/{id}") for client in (bench, there) for _ in range(10)))
    assert sorted(int(answer.headers["etag"][3:-1]) for answer in answers) == list(range(2, 22))
    async with engine.db.pool.acquire() as connection:
        assert await broken_links(connection) == []
