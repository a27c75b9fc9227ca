"""No service fails on a request that its own OpenAPI document allows, or nearly allows: never 5xx, never without an answer.

`FUZZ=50 .venv/bin/pytest tests/conformance/test_openapi.py` asks fifty times as much, other things each time.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from made.requests import Document, Sent
from structlog.testing import capture_logs

from kit.auth import Verifier
from kit.caller import Commission
from kit.testing import TestIssuer, fresh_database

TIMES = int(os.environ.get("FUZZ", "1"))
EACH = 12  # requests to each operation
PATIENCE = 20.0  # seconds
SERVICES = ("vis", "information_platform", "integration_platform", "application_platform")
UNIT = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")


@asynccontextmanager
async def running(postgres_url: str, package: str, folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The service as its composition root builds it, its loops left out, and tokens for it of several kinds."""
    issuer, main = TestIssuer(), import_module(f"{package}.main")

    def knowing(url: str, public_url: str, audience: str) -> Verifier:
        verifier = Verifier(url, public_url, audience)
        verifier.use(issuer.jwks())
        return verifier

    patch.setattr(main, "Verifier", knowing, raising=False)
    async with fresh_database(postgres_url, package) as url:
        settings = import_module(f"{package}.settings").Settings(database_url=url, mode="demo", data=folder)
        service = main.build(settings)
        await service.db.start()
        for hook in service.on_start:
            await hook()
        everything = "system/*.cruds system/operations fvm/everything"
        kinds: list[dict[str, Any]] = [
            {"kind": "system", "scope": everything, "commission": UNIT},
            {"kind": "staff", "commission": UNIT},
            {"kind": "patient", "patient": "example"},
            {"kind": "system", "scope": "system/Patient.r"},
        ]
        tokens = [issuer.headers(**kind, exp=2**31)["Authorization"].encode() for kind in kinds]
        yield service.app, [tokens[0], *tokens, b"Bearer x", b"Basic eDp5", b"x"]
        for hook in service.on_stop:
            await hook()
        await service.db.stop()


def document_of(app: Any) -> Document:
    """As the service itself shows it; a FHIR door stands before the application that has it."""
    return Document(app.openapi() if hasattr(app, "openapi") else app._app.openapi())


@pytest.mark.parametrize("package", SERVICES)
async def test_every_operation_of_a_service_answers_whatever_is_sent(
    postgres_url: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    r = Random() if TIMES > 1 else Random(package)
    async with running(postgres_url, package, tmp_path, monkeypatch) as (app, tokens):
        document = document_of(app)
        operations = document.operations()
        assert len(operations) > 5
        wanted = [document.request(r, one, tokens) for one in operations for _ in range(EACH * TIMES)]
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8080") as client:
            with capture_logs():
                faults, seen = await asked(client, wanted)
    assert not faults, f"{len(faults)} of {len(wanted)}:\n" + "\n".join(faults[:10])
    assert any(status < 300 for status in seen)
    assert any(400 <= status < 500 for status in seen)


async def asked(client: httpx2.AsyncClient, wanted: list[Sent]) -> tuple[list[str], Counter[int]]:
    """What had no answer, or one that blames the server; and how often which status came."""
    gate, faults, seen = asyncio.Semaphore(6), [], Counter[int]()

    async def ask(one: Sent) -> None:
        async with gate:
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await client.request(one.method, one.url, content=one.body, headers=one.headers)
            except TimeoutError:
                faults.append(f"no answer in {PATIENCE:.0f} s: {one}")
                return
        seen[answer.status_code] += 1
        if answer.status_code >= 500 or b"Traceback" in answer.content:
            faults.append(f"{answer.status_code} {answer.text[:300]}: {one}")

    await asyncio.gather(*map(ask, wanted))
    return faults, seen
