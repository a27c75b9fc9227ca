"""What a receiver writes over reaches no other order: the rule changes the sender's end without asking the law."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fhirserver.engine import Engine
from kit.caller import Commission
from vis.care import referrals

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
OGON = Commission("c-3", "SE0000000001-N2", "Ögonmottagningen", "SE0000000001-N", "Region Norr", "Läkare")


@pytest.fixture
async def anna(ward: Any) -> Any:
    """She sends, at Norrby."""
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


@pytest.fixture
async def eva(ward: Any) -> Any:
    """She receives, at the eye clinic."""
    async with ward.client("staff", subject="SE-EVA", scope="user/*.cruds", commission=OGON) as found:
        yield found


async def sent(ward: Any, anna: httpx2.AsyncClient) -> tuple[str, str, str]:
    """Patient, order, copy."""
    patient = await ward.patient(birthDate="1961-01-18")
    draft = {
        "resourceType": "ServiceRequest", "id": str(uuid4()), "status": "draft", "intent": "order",
        "category": [{"coding": [{"code": "referral"}]}], "code": {"text": "Ögonbottenfoto"}, "priority": "routine",
        "subject": {"reference": f"Patient/{patient}"}, "reasonCode": [{"text": "Retinopati vid diabetes?"}],
        "note": [{"text": "Typ 2-diabetes sedan 2014."}], "performer": [{"reference": f"Organization/{OGON.unit}"}],
    }  # fmt: skip
    basket = {"resourceType": "Parameters", "parameter": [{"name": "order", "resource": draft}]}
    answer = await anna.post("/ServiceRequest/$order", json=basket, headers={"fvm-patient": patient})
    assert answer.status_code == 201, answer.text
    (order,) = (one["resource"] for one in answer.json()["entry"])
    return patient, order["id"], referrals.copy_of(order)


def reason(answer: httpx2.Response) -> str:
    coding = answer.json()["issue"][0].get("details", {}).get("coding", [{}])
    return str(coding[0].get("code", ""))


async def test_a_receiver_who_writes_over_the_copy_reaches_no_other_order_by_it(
    ward: Any, anna: Any, eva: Any, engine: Engine
) -> None:
    patient, order, copy = await sent(ward, anna)
    _, other, _ = await sent(ward, anna)  # of another patient, which she has not received
    headers, stands = {"fvm-patient": patient}, (await eva.get(f"/ServiceRequest/{copy}")).json()
    for changed in (
        stands | {"basedOn": [{"reference": f"ServiceRequest/{other}"}]},
        stands | {"intent": "order"},
        stands | {"requester": {"display": "Någon"}},
    ):
        refused = await eva.put(f"/ServiceRequest/{copy}", json=changed, headers=headers)
        assert (refused.status_code, reason(refused)) == (409, "care/not-now")
    for end in (copy, order):
        refused = await ward.bench.delete(f"/ServiceRequest/{end}")
        assert (refused.status_code, reason(refused)) == (409, "care/not-now"), "neither end is taken away"
    before = (await anna.get(f"/ServiceRequest/{other}")).json()
    # As it would be if another system had stored it so.
    forged = stands | {"id": str(uuid4()), "basedOn": [{"reference": f"ServiceRequest/{other}"}]}
    held = engine.guards.by_type
    engine.guards = replace(engine.guards, by_type={})
    try:
        made = await eva.put(f"/ServiceRequest/{forged['id']}", json=forged, headers=headers)
    finally:
        engine.guards = replace(engine.guards, by_type=held)
    assert made.status_code == 201, made.text
    words = {"resourceType": "Parameters", "parameter": [{"name": "text", "valueString": "Inga tecken."}]}
    answered = await eva.post(f"/ServiceRequest/{forged['id']}/$answer", json=words, headers=headers)
    assert (answered.status_code, reason(answered)) == (409, "care/not-now"), answered.text
    assert (await anna.get(f"/ServiceRequest/{other}")).json() == before
