"""A result that answers an order of ours is owed to who ordered it, and the order is done."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fhirserver.engine import Engine
from kit.caller import Commission
from kit.events import CloudEvent
from vis.care import referrals
from vis.care.answered import done
from vis.care.owed import Owed, heard

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")


class Region:
    """Answers what the information platform would of these results."""

    def __init__(self) -> None:
        self.results: dict[str, dict[str, Any]] = {}

    async def post(self, _path: str, body: Any = None, *, bearer: str | None = None) -> Any:
        assert bearer == "own"
        return [self.results[id] for id in body["ids"] if id in self.results]


class Own:
    async def token(self) -> str:
        return "own"


def a_result(id: str, patient: str, *orders: str, **more: Any) -> dict[str, Any]:
    known = {"id": id, "patient": patient, "provider": "SE-LAB-P", "unit": "SE-LAB", "version": "1", "status": "final"}
    return {**known, "issued": "", "effective": "", "abnormal": False, "orders": list(orders), **more}


@pytest.fixture
async def anna(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


@pytest.fixture
async def settled(engine: Engine) -> Any:
    """Hears of these results and settles them, as the loop does."""
    region = Region()

    async def settle(*results: dict[str, Any]) -> None:
        region.results |= {one["id"]: one for one in results}
        named = [{"type": "DiagnosticReport", "id": one["id"]} for one in results]
        data = json.dumps({"patients": ["p"], "resources": named}).encode()
        async with engine.db.transaction() as tx:
            await heard(tx, [CloudEvent("e", "fvm/information", "x", NOW, data, "p")])
        await Owed(engine, region, Own()).settle()  # type: ignore[arg-type]

    await engine.db.pool.execute("delete from result_heard")
    return settle


async def ordered(anna: httpx2.AsyncClient, patient: str) -> dict[str, Any]:
    draft = {
        "resourceType": "ServiceRequest", "id": str(uuid4()), "status": "draft", "intent": "order",
        "category": [{"coding": [{"code": "laboratory"}]}], "code": {"text": "P-Kalium"},
        "subject": {"reference": f"Patient/{patient}"},
    }  # fmt: skip
    body = {"resourceType": "Parameters", "parameter": [{"name": "order", "resource": draft}]}
    answer = await anna.post("/ServiceRequest/$order", json=body, headers={"fvm-patient": patient})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["entry"][0]["resource"]
    return made


async def task_of(ward: Any, patient: str) -> dict[str, Any]:
    (id,) = await ward.ids(f"/Task?patient={patient}&code=urn:fvm:task|result")
    found: dict[str, Any] = (await ward.bench.get(f"/Task/{id}")).json()
    return found


@pytest.mark.parametrize("by", ["number", "reference"])
async def test_rec_12_an_answer_of_the_laboratory_is_owed_to_who_ordered_it_and_the_order_is_done(
    ward: Any, anna: Any, settled: Any, by: str
) -> None:
    patient = await ward.patient()
    order = await ordered(anna, patient)
    name = order["identifier"][0]["value"] if by == "number" else f"ServiceRequest/{order['id']}"
    result = a_result(f"lab-{by}", patient, name)
    for _ in range(2):
        await settled(result)
    task = await task_of(ward, patient)
    assert (task["status"], task["owner"]["identifier"]["value"], task["meta"]["versionId"]) == (
        "requested",
        "SE-ANNA",
        "1",
    )
    assert (await anna.get(f"/Task/{task['id']}")).status_code == 200
    stands = (await anna.get(f"/ServiceRequest/{order['id']}")).json()
    assert (stands["status"], list(referrals.points(stands)), stands["meta"]["versionId"]) == ("completed", ["G"], "2")


async def test_a_preliminary_answer_leaves_the_order_waiting(ward: Any, anna: Any, settled: Any) -> None:
    patient = await ward.patient()
    order = await ordered(anna, patient)
    await settled(a_result("early", patient, order["identifier"][0]["value"], status="partial"))
    assert (await anna.get(f"/ServiceRequest/{order['id']}")).json()["status"] == "active"


async def test_another_patients_answer_does_not_answer_the_order(ward: Any, anna: Any, settled: Any) -> None:
    patient, other = await ward.patient(), await ward.patient()
    order = await ordered(anna, patient)
    await settled(a_result("mixed-up", other, order["identifier"][0]["value"]))
    assert (await anna.get(f"/ServiceRequest/{order['id']}")).json()["status"] == "active"
    assert (await task_of(ward, other))["owner"].get("identifier") is None


async def test_an_order_that_was_taken_back_stays_so_and_its_answer_is_owed_all_the_same(
    ward: Any, anna: Any, settled: Any
) -> None:
    patient = await ward.patient()
    order = await ordered(anna, patient)
    reason = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "Fel prov"}]}
    await anna.post(f"/ServiceRequest/{order['id']}/$cancel", json=reason, headers={"fvm-patient": patient})
    await settled(a_result("late", patient, order["identifier"][0]["value"]))
    assert (await anna.get(f"/ServiceRequest/{order['id']}")).json()["status"] == "revoked"
    assert (await task_of(ward, patient))["owner"]["identifier"]["value"] == "SE-ANNA"


def test_a_referral_is_not_done_by_a_result() -> None:
    referral = {"status": "active", "category": [{"coding": [{"code": "referral"}]}]}
    assert done(referral, NOW) is None
