"""Sixty-four clients at once, in two processes, and a database that drops their connections: one resource, no lost answer."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import asyncpg
import httpx2
import pytest
from structlog.testing import capture_logs

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from kit.db import Database
from kit.testing import TestIssuer
from kit.web import new_app
from vis import record
from vis.settings import Settings

PATCH = {"content-type": "application/json-patch+json"}
CHANGE = [{"op": "replace", "path": "/name", "value": "Patched"}]


@pytest.fixture
async def there(engine: Engine, issuer: TestIssuer, bench: httpx2.AsyncClient) -> AsyncIterator[httpx2.AsyncClient]:
    """The same client at a second process, which shares nothing but the database."""
    db = Database(engine.db.url)
    await db.start()
    settings = Settings(database_url=engine.db.url, mode="demo", referential_integrity=False)
    second = Engine(db, record.mount(settings), lambda: None)
    await second.start()
    verifier = issuer.verifier(record.PATH)
    door = FhirDoor(new_app("VIS", db=db, verifier=verifier, fhir_base=record.PATH), second, verifier, record.PATH)
    transport = httpx2.ASGITransport(app=door)
    async with httpx2.AsyncClient(transport=transport, base_url=str(bench.base_url), headers=bench.headers) as client:
        yield client
    await second.stop()
    await db.stop()


def organization(value: str, name: str = "O") -> dict[str, Any]:
    return {"resourceType": "Organization", "name": name, "identifier": [{"system": "urn:storm", "value": value}]}


def creating(value: str) -> dict[str, Any]:
    """A transaction that creates on a condition, and a second entry that refers to what it made or found."""
    url = "urn:uuid:6f9c1f6e-0000-4000-8000-000000000001"
    only_if = {"method": "POST", "url": "Organization", "ifNoneExist": f"identifier=urn:storm|{value}"}
    place = {"resourceType": "Location", "managingOrganization": {"reference": url}}
    entries = [
        {"fullUrl": url, "resource": organization(value), "request": only_if},
        {"resource": place, "request": {"method": "POST", "url": "Location"}},
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def call(by: httpx2.AsyncClient, way: int, value: str) -> Any:
    """One of the ways to make, change or delete what a condition points out."""
    where = f"identifier=urn:storm|{value}"
    match way:
        case 0:
            return by.post("/Organization", json=organization(value), headers={"if-none-exist": where})
        case 1:
            return by.post("", json=creating(value))
        case 2:
            return by.put(f"/Organization?{where}", json=organization(value, "Put"))
        case 3:
            return by.patch(f"/Organization?{where}", json=CHANGE, headers=PATCH)
    return by.delete(f"/Organization?{where}")


async def test_64_clients_of_two_processes_make_exactly_one_by_every_conditional_way(
    ward: Any, bench: httpx2.AsyncClient, there: httpx2.AsyncClient
) -> None:
    calls = [call((bench, there)[n % 2], n % 3, "made") for n in range(64)]
    answers = await asyncio.wait_for(asyncio.gather(*calls), 60)
    assert {answer.status_code for answer in answers} <= {200, 201}, Counter(a.text[:300] for a in answers)
    (id,) = await ward.ids("/Organization?identifier=urn:storm|made")
    made = [e for a in answers if b'"entry"' in a.content for e in a.json()["entry"]]
    places = [
        e["response"]["location"].rpartition("/_history")[0] for e in made if "/Location/" in e["response"]["location"]
    ]
    assert len(places) == sum(n % 3 == 1 for n in range(64))
    assert len(await ward.ids(f"/Location?organization={id}&_count=100")) == len(places)


async def test_64_clients_that_create_change_patch_and_delete_leave_one_or_none_and_an_unbroken_history(
    ward: Any, bench: httpx2.AsyncClient, there: httpx2.AsyncClient
) -> None:
    ways = random.Random(5)
    calls = [call((bench, there)[n % 2], ways.randrange(5), "mixed") for n in range(64)]
    answers = await asyncio.wait_for(asyncio.gather(*calls), 60)
    codes = Counter(answer.status_code for answer in answers)
    assert set(codes) <= {200, 201, 204, 404}, [
        a.text[:300] for a in answers if a.status_code not in (200, 201, 204, 404)
    ]
    assert len(await ward.ids("/Organization?identifier=urn:storm|mixed")) <= 1
    told = (await bench.get("/Organization/_history?_count=1000")).json()["entry"]
    mine: dict[str, list[tuple[int, str]]] = {}
    for entry in reversed(told):
        version = int(entry["response"]["etag"][3:-1])
        mine.setdefault(entry["fullUrl"], []).append((version, entry["request"]["method"]))
    for versions in mine.values():
        assert [n for n, _ in versions] == list(range(1, len(versions) + 1))
        assert all(before != after or before != "DELETE" for (_, before), (_, after) in pairwise(versions))


async def test_transactions_that_cross_each_other_in_conditions_and_rows_are_all_carried_out(
    ward: Any, bench: httpx2.AsyncClient, there: httpx2.AsyncClient
) -> None:
    """Each in its own order: conditions of the one are rows of the other. What the database finds deadlocked is done again."""
    values = [f"cross-{n}" for n in range(6)]
    ids = {value: await ward.add(organization(value)) for value in values}

    def bundle(seed: int) -> dict[str, Any]:
        r = random.Random(seed)
        order = r.sample(values, len(values))
        entries = []
        for value in order:
            url = r.choice((f"Organization?identifier=urn:storm|{value}", f"Organization/{ids[value]}"))
            body = organization(value, f"N{seed}") | ({} if "?" in url else {"id": ids[value]})
            entries.append({"resource": body, "request": {"method": "PUT", "url": url}})
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    calls = [(bench, there)[n % 2].post("", json=bundle(n)) for n in range(40)]
    answers = await asyncio.wait_for(asyncio.gather(*calls), 120)
    assert {answer.status_code for answer in answers} == {200}, Counter(a.text[:300] for a in answers)
    for id in ids.values():
        assert (await bench.get(f"/Organization/{id}")).headers["etag"] == 'W/"41"'


async def test_a_write_that_is_sent_again_until_it_is_answered_is_done_once_whatever_breaks_between(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine
) -> None:
    """Connections are cut at any moment, before and after the commit; who asks again with the key never doubles."""
    answers: dict[str, httpx2.Response] = {}
    refused = cuts = 0

    async def insist(value: str) -> None:
        nonlocal refused
        bundle = creating(value)
        for entry in bundle["entry"]:
            entry["request"].pop("ifNoneExist", None)
        for _ in range(200):
            answer = await bench.post("", json=bundle, headers={"idempotency-key": value})
            assert answer.status_code in (200, 409, 503), answer.text
            if answer.status_code == 200:
                answers[value] = answer
                return
            refused += 1
            await asyncio.sleep(0.01)

    async def cut() -> None:
        """One transaction that is being carried out, now and then."""
        nonlocal cuts
        r, own = random.Random(1), await asyncpg.connect(engine.db.url)
        try:
            while True:
                await asyncio.sleep(r.uniform(0.01, 0.1))
                cuts += await own.fetchval(
                    "with one as (select pid from pg_stat_activity where datname = current_database()"
                    " and pid <> pg_backend_pid() and xact_start is not null order by random() limit 1)"
                    " select count(pg_terminate_backend(pid)) from one"
                )
        finally:
            await own.close()

    values: list[str] = []
    cutting = asyncio.create_task(cut())
    try:
        with capture_logs():  # each cut is logged with its traceback
            while len(values) < 24 or (refused == 0 and len(values) < 2_400):  # until a cut has met a write
                more = [f"again-{len(values) + n}" for n in range(24)]
                values += more
                await asyncio.wait_for(asyncio.gather(*(insist(value) for value in more)), 120)
    finally:
        cutting.cancel()
        await asyncio.gather(cutting, return_exceptions=True)
    assert cuts > 0
    assert refused > 0
    for value in values[-48:]:
        again = await bench.post("", json=_without_conditions(value), headers={"idempotency-key": value})
        assert again.content == answers[value].content
        (id,) = await ward.ids(f"/Organization?identifier=urn:storm|{value}")
        assert len(await ward.ids(f"/Location?organization={id}")) == 1


def _without_conditions(value: str) -> dict[str, Any]:
    bundle = creating(value)
    for entry in bundle["entry"]:
        entry["request"].pop("ifNoneExist", None)
    return bundle
