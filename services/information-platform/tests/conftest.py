"""The information platform on a real database, in this process; events are handed to its handlers as they would arrive."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from information_platform import record
from information_platform.settings import Settings
from information_platform.testing import Region
from kit.db import Database
from kit.keyring import keyring
from kit.telemetry import TraceContext
from kit.testing import TestIssuer, fresh_database
from kit.web import new_app

BASE = "http://localhost:8080/fhir"


@pytest.fixture(scope="module")
async def engine(postgres_url: str) -> AsyncIterator[Engine]:
    async with fresh_database(postgres_url, "information_platform") as url:
        settings = Settings(database_url=url, mode="demo")
        db = Database(url)
        await db.start()
        # With FVM_MASTER_KEY in the environment every test of this folder runs on sealed bodies.
        engine = Engine(db, record.mount(settings), lambda: None, ring=keyring(settings.master_key))
        await engine.start()
        yield engine
        await engine.stop()
        await db.stop()


@pytest.fixture(scope="session")
def issuer() -> TestIssuer:
    return TestIssuer()


@pytest.fixture
async def bench(engine: Engine, issuer: TestIssuer) -> AsyncIterator[httpx2.AsyncClient]:
    """The system client that may see everything in a demo region."""
    verifier = issuer.verifier(record.PATH)
    inner = new_app("Information platform", db=engine.db, verifier=verifier, fhir_base=record.PATH)
    app = TraceContext(FhirDoor(inner, engine, verifier, record.PATH))
    headers = issuer.headers("system", scope="system/*.cruds fvm/everything", audience=[record.PATH])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=BASE, headers=headers) as found:
        yield found


@pytest.fixture
def region(engine: Engine) -> Region:
    return Region(engine)
