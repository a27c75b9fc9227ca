"""Both FHIR doors of a region in this process, on real databases: what every suite here talks to."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fhircore.types import TYPES
from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from kit.caller import Commission
from kit.db import Database
from kit.telemetry import TraceContext
from kit.testing import TestIssuer, fresh_database
from kit.web import new_app

sys.path.insert(0, str(Path(__file__).parent))  # what is made up (made/) is no installed package

UNIT = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")


@dataclass(frozen=True)
class Doors:
    """VIS's door and the region's; `of` is the one where a type is written (D4)."""

    vis: httpx2.AsyncClient
    region: httpx2.AsyncClient
    engines: tuple[Engine, Engine]

    def of(self, type_name: str) -> httpx2.AsyncClient:
        here = type_name not in TYPES or self.engines[0].mount.writable(type_name)
        return self.vis if here else self.region


@pytest.fixture(scope="session")
async def doors(postgres_url: str) -> AsyncIterator[Doors]:
    """For a client that may do everything. Referential integrity is off, and endpoints of examples are let through."""
    issuer = TestIssuer()
    async with AsyncExitStack() as stack:
        made = [
            await stack.enter_async_context(_door(postgres_url, package, issuer))
            for package in ("vis", "information_platform")
        ]
        yield Doors(made[0][0], made[1][0], (made[0][1], made[1][1]))


@asynccontextmanager
async def _door(
    postgres_url: str, package: str, issuer: TestIssuer
) -> AsyncIterator[tuple[httpx2.AsyncClient, Engine]]:
    record: Any = import_module(f"{package}.record")
    settings: Any = import_module(f"{package}.settings").Settings
    async with fresh_database(postgres_url, package) as url:
        chosen = settings(
            database_url=url,
            mode="demo",
            full_text=True,
            referential_integrity=False,
            subscription_endpoints="https://biliwatch.com",
        )
        db = Database(url)
        await db.start()
        engine = Engine(db, record.mount(chosen), lambda: None)
        await engine.start()
        verifier = issuer.verifier(record.PATH)
        inner = new_app(package, db=db, verifier=verifier, fhir_base=record.PATH)
        app = TraceContext(FhirDoor(inner, engine, verifier, record.PATH))
        rights = "system/*.cruds fvm/everything fvm/purge"
        headers = issuer.headers("system", scope=rights, audience=[record.PATH], commission=UNIT, exp=2**31)
        transport = httpx2.ASGITransport(app=app)
        base = f"http://localhost:8080{record.PATH}"
        async with httpx2.AsyncClient(transport=transport, base_url=base, headers=headers) as client:
            yield client, engine
        await engine.stop()
        await db.stop()
