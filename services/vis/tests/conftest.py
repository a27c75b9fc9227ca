"""VIS as its callers meet it: the real app on a real database, in this process; what it tells stays in the outbox."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx2
import pytest
from aiohttp import web

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from fhirserver.subscribing.delivering import Notifier
from fhirserver.subscribing.tapping import Tap
from fhirserver.testing import known_to
from kit.caller import Commission
from kit.db import Database
from kit.keyring import keyring
from kit.outbox import Relay
from kit.telemetry import TraceContext
from kit.testing import TestIssuer, Told, fresh_database
from kit.web import new_app
from vis import record
from vis.care.places import Place
from vis.settings import Settings

BASE = "http://localhost:8080/vis/fhir"
NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
OGON = Commission("c-3", "SE0000000001-N2", "Ögonmottagningen", "SE0000000001-N", "Region Norr", "Läkare")
SJOVIK = Commission("c-2", "SE0000000002-S1", "Sjövik", "SE0000000002-S", "Hälsoakuten", "Läkare")


async def places() -> Mapping[str, Place]:
    """The units that can receive a referral."""
    return {one.unit: Place(one.unit, one.unit_name, one.provider, one.provider_name) for one in (NORRBY, OGON, SJOVIK)}


@pytest.fixture(scope="session")
def issuer() -> TestIssuer:
    return TestIssuer()


@pytest.fixture(scope="module")
async def engine(postgres_url: str) -> AsyncIterator[Engine]:
    async with fresh_database(postgres_url, "vis") as url:
        settings = Settings(database_url=url, mode="demo", full_text=True, referential_integrity=False)
        db = Database(url)
        await db.start()
        # With FVM_MASTER_KEY in the environment every test of this folder runs on sealed bodies.
        engine = Engine(db, record.mount(settings, places=places), lambda: None, ring=keyring(settings.master_key))
        await engine.start()
        await known_to(db.pool, (NORRBY.unit, SJOVIK.unit))
        yield engine
        await engine.stop()
        await db.stop()


@pytest.fixture(scope="module")
def app(engine: Engine, issuer: TestIssuer) -> object:
    verifier = issuer.verifier(record.PATH)
    inner = new_app("VIS", db=engine.db, verifier=verifier, fhir_base=record.PATH)
    return TraceContext(FhirDoor(inner, engine, verifier, record.PATH))


def client(app: object, headers: dict[str, str]) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=BASE, headers=headers)


@pytest.fixture
async def bench(app: object, issuer: TestIssuer) -> AsyncIterator[httpx2.AsyncClient]:
    """The system client that may do everything in a demo region; it writes for Norrby."""
    headers = issuer.headers("system", scope="system/*.cruds fvm/everything", audience=[record.PATH], commission=NORRBY)
    async with client(app, headers) as found:
        yield found


@pytest.fixture
async def doctor(app: object, issuer: TestIssuer) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(
        app, issuer.headers("staff", scope="user/*.cruds", audience=[record.PATH], commission=NORRBY)
    ) as found:
        yield found


@pytest.fixture
async def doctor_elsewhere(app: object, issuer: TestIssuer) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(
        app, issuer.headers("staff", scope="user/*.cruds", audience=[record.PATH], commission=SJOVIK)
    ) as found:
        yield found


@pytest.fixture
async def system(app: object, issuer: TestIssuer) -> AsyncIterator[httpx2.AsyncClient]:
    """A system of Norrby's that sees what Norrby's provider sees, and may delete."""
    headers = issuer.headers(
        "system", subject="ward-system", client_id="ward-system", audience=[record.PATH], commission=NORRBY
    )
    async with client(app, headers) as found:
        yield found


class Ward:
    """Makes resources through the door, as the all-seeing system client unless told otherwise."""

    def __init__(self, app: object, issuer: TestIssuer, bench: httpx2.AsyncClient, engine: Engine) -> None:
        self.app, self.issuer, self.bench, self.engine = app, issuer, bench, engine

    def client(self, kind: str, **token: Any) -> httpx2.AsyncClient:
        """A client with a token of its own; `async with` it."""
        token.setdefault("audience", [record.PATH])
        return client(self.app, self.issuer.headers(kind, **token))  # type: ignore[arg-type]

    async def add(self, resource: dict[str, Any], by: httpx2.AsyncClient | None = None, **headers: str) -> str:
        """The id of the resource, created (or put, when it has an id)."""
        by, type_name = by or self.bench, resource["resourceType"]
        if "id" in resource:
            answer = await by.put(f"/{type_name}/{resource['id']}", json=resource, headers=headers)
        else:
            answer = await by.post(f"/{type_name}", json=resource, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["id"])

    async def patient(self, **more: Any) -> str:
        return await self.add({"resourceType": "Patient", **more})

    async def observation(
        self, patient: str | None, loinc: str = "718-7", by: httpx2.AsyncClient | None = None, **more: Any
    ) -> str:
        context = {"fvm-patient": patient} if by and patient else {}
        return await self.add(
            {k: v for k, v in an_observation(patient, loinc, **more).items() if v is not None}, by, **context
        )

    async def ids(self, search: str, by: httpx2.AsyncClient | None = None) -> list[str]:
        """The ids of the matches of a search, in order; it must succeed."""
        answer = await (by or self.bench).get(search)
        assert answer.status_code == 200, answer.text
        return [e["resource"]["id"] for e in answer.json().get("entry", []) if e["search"]["mode"] == "match"]


def an_observation(patient: str | None, loinc: str = "718-7", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "effectiveDateTime": "2026-03-01T08:00:00+01:00",
    }
    if patient is not None:
        found["subject"] = {"reference": f"Patient/{patient}"}
    return {**found, **more}


@pytest.fixture
def ward(app: object, issuer: TestIssuer, bench: httpx2.AsyncClient, engine: Engine) -> Ward:
    return Ward(app, issuer, bench, engine)


@pytest.fixture
def an_observation_of() -> Callable[..., dict[str, Any]]:
    """A valid Observation as plain data, about a patient's id (or nobody)."""
    return an_observation


class Later:
    """Follows jobs as a client does: asks until the answer is there, then fetches its files."""

    headers = {"prefer": "respond-async"}  # noqa: RUF012 — read only

    async def finished(self, by: httpx2.AsyncClient, kicked: httpx2.Response) -> httpx2.Response:
        """The status answer that is no longer 202."""
        assert kicked.status_code == 202, kicked.text
        for _ in range(300):
            answer = await by.get(kicked.headers["content-location"])
            if answer.status_code != 202:
                return answer
            assert answer.headers["x-progress"]
            assert answer.headers["retry-after"].isdigit()
            await asyncio.sleep(0.05)
        raise AssertionError("the job does not end")

    async def exported(self, by: httpx2.AsyncClient, address: str) -> dict[str, Any]:
        """The manifest of an export."""
        answer = await self.finished(by, await by.get(address, headers=self.headers))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def lines(
        self, by: httpx2.AsyncClient, manifest: dict[str, Any], files: str = "output"
    ) -> list[dict[str, Any]]:
        """Every line of the manifest's files, each file checked against what the manifest says of it."""
        found = []
        for file in manifest[files]:
            answer = await by.get(file["url"])
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "application/fhir+ndjson"
            here = [json.loads(line) for line in answer.text.splitlines()]
            assert {one["resourceType"] for one in here} <= {file["type"]}
            assert len(here) <= file["count"]
            found += here
        return found

    async def refs(self, by: httpx2.AsyncClient, manifest: dict[str, Any]) -> list[str]:
        """Type/id of every resource in the files, sorted."""
        return sorted(f"{one['resourceType']}/{one['id']}" for one in await self.lines(by, manifest))


@pytest.fixture
def later() -> Later:
    return Later()


class Hook:
    """An endpoint on this machine that keeps what it is sent; `answers` is what it says next."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers = 200
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.calls.append((request.method, request.path, dict(request.headers), await request.read()))
        return web.Response(status=self.answers)

    def bundles(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, _, body in self.calls]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    found = Hook()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield found
    await runner.cleanup()


class Walk:
    """The relay and the notifier, stepped by hand."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.relay = Relay(engine.db, Told(), Settings(database_url=engine.db.url, mode="demo"))
        self.relay.tap = Tap(engine)
        self.notifier = Notifier(engine)

    async def on(self) -> None:
        """Everything that waits is relayed, matched and sent."""
        for _ in range(3):  # a state that changes is a write, which is relayed
            async with self.engine.db.pool.acquire() as connection:
                while await self.relay.once(connection):
                    pass
            await self.notifier.settled()

    async def later(self) -> None:
        """As if the time of every back-off had passed."""
        await self.engine.db.pool.execute("update subscription set next_at = now(), leased = null")
        await self.on()

    async def states(self, id: str) -> list[str]:
        rows = await self.engine.db.pool.fetch("select state from subscription_event where sub = $1 order by n", id)
        return [row["state"] for row in rows]


@pytest.fixture
async def walk(engine: Engine) -> AsyncIterator[Walk]:
    await engine.db.pool.execute("truncate subscription, subscription_change, subscription_event, outbox")
    found = Walk(engine)
    yield found
    await found.notifier.stop()
    await engine.db.pool.execute("truncate subscription, subscription_change, subscription_event")
