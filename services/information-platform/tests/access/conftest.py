"""The doors of the law as their callers meet them, on the module's database, with people of the region's record."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from access import Facts, Rules
from fhirserver.engine import Engine
from fhirserver.facts import put_rules
from fhirserver.telling import sealed
from information_platform import record
from information_platform.access import api, internal, looking
from information_platform.access.actions import FactsOwner
from information_platform.testing import Region
from kit.caller import Commission
from kit.events import CloudEvent
from kit.testing import TestIssuer
from kit.web import new_app

RIGHTS = frozenset(("read", "write"))
NORRBY = Commission("c-1", "SE0000000001-1001", "Norrby", "SE0000000001-0001", "Region Norr", "Läkare", rights=RIGHTS)
ALMVIK = Commission("c-2", "SE0000000001-1002", "Almvik", "SE0000000001-0001", "Region Norr", "Läkare", rights=RIGHTS)
SJOVIK = Commission("c-3", "SE0000000002-1001", "Sjövik", "SE0000000002-0001", "Hälsoakuten", "Läkare", rights=RIGHTS)
CHIEF = Commission(
    "c-4", "SE0000000001-1001", "Norrby", "SE0000000001-0001", "Region Norr", "Verksamhetschef",
    rights=RIGHTS | {"access.manage"},
)  # fmt: skip


class FakeVis:
    """VIS as it answers, or is away."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.there = True

    async def take(self, value: bytes) -> bool:
        if self.there:
            self.told.append(json.loads(value))
        return self.there


class Ward:
    """People with their doors, and patients made as VIS would tell them."""

    norrby, almvik, sjovik, chief = NORRBY, ALMVIK, SJOVIK, CHIEF

    def __init__(self, app: object, issuer: TestIssuer, engine: Engine, region: Region, vis: FakeVis) -> None:
        self.app, self.issuer, self.engine, self.region, self.vis = app, issuer, engine, region, vis

    def client(self, kind: Any = "staff", **token: Any) -> httpx2.AsyncClient:
        token.setdefault("audience", [record.PATH])
        headers = self.issuer.headers(kind, **token)
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app),  # type: ignore[arg-type]
            base_url="http://localhost:8080/information/access",
            headers=headers,
        )

    def staff(self, commission: Commission = NORRBY, **token: Any) -> httpx2.AsyncClient:
        return self.client("staff", commission=commission, **token)

    def as_patient(self, subject: str, patient: str | None = None) -> httpx2.AsyncClient:
        return self.client("patient", subject=subject, patient=patient or subject)

    async def patient(self, born: str = "1960-05-01", number: str | None = None, **more: Any) -> str:
        """The id of a Patient whom VIS told."""
        id = more.pop("id", None) or str(uuid4())
        told = {"resourceType": "Patient", "id": id, "birthDate": born, **more}
        if number:
            told["identifier"] = [{"system": "http://electronichealth.se/identifier/personnummer", "value": number}]
        await self.tell(told)
        return id

    async def tell(self, resource: dict[str, Any], label: dict[str, str] | None = None, version: int = 1) -> None:
        await self.region.hears("vis.record.v1", told(resource, label, version))

    async def fact(self, patient: str, commission: Commission) -> str:
        """An observation that this unit wrote."""
        id = str(uuid4())
        observation = {
            "resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient/{patient}"},
        }  # fmt: skip
        await self.tell(observation, {"provider": commission.provider, "unit": commission.unit, "type": "und"})
        return id

    async def facts(self, patient: str) -> Facts:
        found = await self.engine.law.facts(self.engine.db.pool, [self.engine.keys.of(f"Patient/{patient}")])
        return next(iter(found.values()), Facts())

    async def log(self, patient: str) -> list[str]:
        """What the access log says was done with this patient, oldest first."""
        rows = await self.engine.db.pool.fetch(
            "select activity from access_log where $1 = any(patients) order by id",
            self.engine.keys.of(f"Patient/{patient}"),
        )
        return [row["activity"] for row in rows]

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Everything that waits in the outbox of the law, oldest first."""
        rows = await self.engine.db.pool.fetch(
            "select key, value from outbox where topic = 'information.access-changed.v1' order by id"
        )
        return [(row["key"], json.loads(row["value"]) if row["value"] else {}) for row in rows]

    async def relate(self, patient: str, commission: Commission) -> None:
        async with self.staff(commission) as staff:
            answer = await staff.post(f"/patients/{patient}/relations", json=an_act(reason="Mottagning i dag"))
            assert answer.status_code == 201, answer.text


def an_act(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), **more}


def told(resource: dict[str, Any], label: dict[str, str] | None, version: int) -> CloudEvent:
    entry = {
        "op": "put", "type": resource["resourceType"], "id": resource["id"], "version": version,
        "updated": datetime.now(UTC).isoformat(), "label": label or {}, "resource": resource,
    }  # fmt: skip
    record = {"transaction": str(uuid4()), "part": 1, "parts": 1, "entries": [entry]}
    return CloudEvent(str(uuid4()), "fvm/vis", "x", datetime.now(UTC), sealed(json.dumps(record).encode()), "k")


@pytest.fixture
def vis() -> FakeVis:
    return FakeVis()


@pytest.fixture
async def ward(engine: Engine, issuer: TestIssuer, region: Region, vis: FakeVis) -> Ward:
    """Both care providers take part in sammanhållen vård; everything that was decided before is still there."""
    law = FactsOwner(engine, vis)  # type: ignore[arg-type]
    async with engine.db.pool.acquire() as con:
        await put_rules(con, Rules(sharing=frozenset((Ward.norrby.provider, Ward.sjovik.provider))))
        await con.execute("truncate outbox")
    await engine.law.refresh(engine.db.pool)
    app = new_app(
        "Information platform", db=engine.db, verifier=issuer.verifier(record.PATH),
        routers=[api.router(law, "request"), looking.router(law), internal.router(law)],
    )  # fmt: skip
    return Ward(app, issuer, engine, region, vis)


@pytest.fixture
def act() -> Callable[..., dict[str, Any]]:
    """The body of an act, with an id of its own."""
    return an_act
