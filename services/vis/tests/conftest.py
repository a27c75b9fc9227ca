"""VIS as its callers meet it: the real app on a real database, in this process; what it tells stays in the outbox."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from kit.caller import Commission
from kit.db import Database
from kit.telemetry import TraceContext
from kit.testing import TestIssuer, fresh_database
from kit.web import new_app
from vis import record
from vis.settings import Settings

BASE = "http://localhost:8080/vis/fhir"
NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
SJOVIK = Commission("c-2", "SE0000000002-S1", "Sjövik", "SE0000000002-S", "Hälsoakuten", "Läkare")


@pytest.fixture(scope="session")
def issuer() -> TestIssuer:
    return TestIssuer()


@pytest.fixture(scope="module")
async def engine(postgres_url: str) -> AsyncIterator[Engine]:
    async with fresh_database(postgres_url, "vis") as url:
        settings = Settings(database_url=url, mode="demo")
        db = Database(url)
        await db.start()
        engine = Engine(db, record.mount(settings), lambda: None)
        await engine.start()
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
