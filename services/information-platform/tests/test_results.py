"""What the region tells VIS of results: whose, at which unit, how far; to VIS alone, and logged."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from fhirserver.problems import WrongPatient
from fhirserver.telling import sealed
from information_platform import record, results
from information_platform.testing import Region
from kit.events import CloudEvent
from kit.testing import TestIssuer
from kit.web import new_app


def event(*resources: dict[str, Any], version: int = 1) -> CloudEvent:
    at = datetime.now(UTC).isoformat()
    label = {"provider": "SE-P", "unit": "SE-U", "type": "und-lab"}
    entries = [
        {"op": "put", "updated": at, "type": one["resourceType"], "id": one["id"], "version": version, "label": label, "resource": one}
        for one in resources
    ]  # fmt: skip
    data = sealed(json.dumps({"transaction": resources[0]["id"], "entries": entries}).encode())
    return CloudEvent(f"e-{resources[0]['id']}", "fvm/exchange", "x", datetime.now(UTC), data, "p-1")


@pytest.fixture
def asked(engine: Engine, issuer: TestIssuer) -> Any:
    app = new_app(
        "Information platform", db=engine.db, verifier=issuer.verifier(record.PATH), routers=[results.router(engine)]
    )

    async def ask(client: str, *ids: str) -> httpx2.Response:
        headers = issuer.headers("system", client_id=client, scope="system/*.cruds", audience=[record.PATH])
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as found:
            return await found.post("/internal/records/results", json={"ids": list(ids)})

    return ask


async def test_vis_is_told_whose_result_it_is_who_answers_for_it_and_whether_a_value_is_odd(
    engine: Engine, region: Region, asked: Any
) -> None:
    subject = {"reference": "Patient/p-1"}
    await region.hears("exchange.record.v1", event(
        {"resourceType": "Patient", "id": "p-1"},
        {"resourceType": "Observation", "id": "o-1", "status": "final", "code": {"text": "P-Kalium"}, "subject": subject,
         "interpretation": [{"coding": [{"code": "H"}]}]},
        {"resourceType": "DiagnosticReport", "id": "r-1", "status": "final", "code": {"text": "Prov"}, "subject": subject,
         "issued": "2026-11-26T10:00:00+01:00", "result": [{"reference": "Observation/o-1"}],
         "basedOn": [{"reference": "ServiceRequest/s-1"}, {"identifier": {"system": "urn:x", "value": "000000000042"}}, {"display": "?"}]},
        {"resourceType": "DiagnosticReport", "id": "r-2", "status": "partial", "code": {"text": "Prov"}, "subject": subject},
    ))  # fmt: skip
    answer = await asked("vis", "r-1", "r-2", "r-3")
    found = {one["id"]: one for one in answer.json()}
    assert set(found) == {"r-1", "r-2"}
    assert found["r-1"] | {"patient": ""} == {
        "id": "r-1", "patient": "", "provider": "SE-P", "unit": "SE-U", "version": "1", "status": "final",
        "issued": "2026-11-26T10:00:00+01:00", "effective": "", "abnormal": True,
        "orders": ["ServiceRequest/s-1", "000000000042"],
    }  # fmt: skip
    assert found["r-1"]["patient"] == found["r-2"]["patient"] != ""
    assert (found["r-2"]["status"], found["r-2"]["abnormal"]) == ("partial", False)
    last = await engine.db.pool.fetchrow("select activity, returned from access_log order by id desc limit 1")
    assert tuple(last) == ("read", 2)


async def test_nobody_else_is_told(asked: Any) -> None:
    assert (await asked("lab", "r-1")).status_code == 403


async def test_a_report_that_its_source_moves_to_another_patient_is_refused_and_stays_where_it_was(
    engine: Engine, region: Region, asked: Any
) -> None:
    """The inbox sets the event aside for the operators; VIS moves the task when the record lets the report move."""
    report = {"resourceType": "DiagnosticReport", "id": "r-moves", "status": "final", "code": {"text": "Prov"}}
    people = [{"resourceType": "Patient", "id": id} for id in ("m-1", "m-2")]
    await region.hears("exchange.record.v1", event({**report, "subject": {"reference": "Patient/m-1"}}, *people))
    before = (await asked("vis", "r-moves")).json()
    moved = event({**report, "subject": {"reference": "Patient/m-2"}}, version=2)
    with pytest.raises(WrongPatient):
        await region.hears("exchange.record.v1", moved)
    assert (await asked("vis", "r-moves")).json() == before
