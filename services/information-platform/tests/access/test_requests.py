"""PAT-13: a patient asks for correction or destruction, follows it and gets an answer; nobody else sees it."""

import dataclasses
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fhirserver.testing import holding
from information_platform import record
from information_platform.access.actions import FactsOwner
from information_platform.requests import api
from kit.sealing import SEALED
from kit.web import new_app

DOOR = "/information/requests"


@pytest.fixture
def asking(ward: Any, engine: Any, issuer: Any) -> Any:
    """The ward with the doors of requests."""
    app = new_app("x", db=engine.db, verifier=issuer.verifier(record.PATH), routers=[api.router(FactsOwner(engine))])

    class Asking:
        def by(self, kind: str, **token: Any) -> httpx2.AsyncClient:
            headers = issuer.headers(kind, **{"audience": [record.PATH], **token})
            return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x", headers=headers)

        def patient(self, subject: str, patient: str = "") -> httpx2.AsyncClient:
            return self.by("patient", subject=subject, patient=patient or subject)

        async def ask(self, who: httpx2.AsyncClient, **more: Any) -> httpx2.Response:
            body = {"id": str(uuid4()), "kind": "correction", "provider": ward.norrby.provider, "unit": ward.norrby.unit,
                    "about": "Condition/c-1", "text": "Jag har aldrig haft astma"} | more  # fmt: skip
            return await who.post(DOOR, json=body)

    return Asking()


async def test_pat_13_a_patient_asks_for_correction_and_is_answered(asking: Any, ward: Any, engine: Any) -> None:
    patient, id = await ward.patient(), str(uuid4())
    async with asking.patient(patient) as me, asking.by("staff", commission=ward.chief, subject="chief") as chief:
        made = await asking.ask(me, id=id)
        assert made.status_code == 201, made.text
        assert (made.json()["state"], made.json()["text"]) == ("open", "Jag har aldrig haft astma")
        assert (await asking.ask(me, id=id)).json() == made.json(), "sent twice, one request"
        assert (await asking.ask(me, id=id, text="Något annat")).status_code == 409
        assert [one["id"] for one in (await me.get(DOOR)).json()] == [id]
        assert id in [one["id"] for one in (await chief.get(DOOR)).json()]
        said = {"outcome": "noted", "text": "Vi har antecknat vad du tycker"}
        answered = await chief.post(f"{DOOR}/{id}/answer", json=said)
        assert (answered.status_code, answered.json()["state"]) == (200, "answered")
        assert (await chief.post(f"{DOOR}/{id}/answer", json=said)).json() == answered.json()
        assert (await chief.post(f"{DOOR}/{id}/answer", json=said | {"outcome": "refused"})).status_code == 409
        assert id not in [one["id"] for one in (await chief.get(DOOR)).json()], "it waits no more"
        [mine] = (await me.get(DOOR)).json()
        assert (mine["outcome"], mine["answer"]) == ("noted", "Vi har antecknat vad du tycker")
        assert (await me.post(f"{DOOR}/{id}/withdraw")).status_code == 409
    activities = await engine.db.pool.fetch(
        "select activity, actor from access_log where $1 = any(patients)", engine.keys.of(f"Patient/{patient}")
    )
    assert {("messages-write", patient), ("messages-read", "chief"), ("messages-write", "chief")} <= {
        tuple(row) for row in activities
    }


async def test_pat_13_destruction_is_asked_for_and_withdrawn(asking: Any, ward: Any) -> None:
    patient = await ward.patient()
    async with asking.patient(patient) as me:
        made = (await asking.ask(me, kind="destruction", about="")).json()
        assert (await me.post(f"{DOOR}/{made['id']}/withdraw")).json()["state"] == "withdrawn"
        assert (await me.post(f"{DOOR}/{made['id']}/withdraw")).json()["state"] == "withdrawn"
    async with asking.by("staff", commission=ward.chief) as chief:
        assert made["id"] not in [one["id"] for one in (await chief.get(DOOR)).json()]


async def test_pat_13_a_request_is_nobody_elses(asking: Any, ward: Any) -> None:
    patient, other = await ward.patient(), await ward.patient()
    async with asking.patient(patient) as me:
        id = (await asking.ask(me)).json()["id"]
    async with asking.patient(other) as somebody:
        assert (await somebody.get(DOOR)).json() == []
        assert (await somebody.post(f"{DOOR}/{id}/withdraw")).status_code == 404
        assert (await somebody.post(f"{DOOR}/{uuid4()}/withdraw")).status_code == 404
    said = {"outcome": "refused", "text": "Nej, det stämmer"}
    for commission, status in ((ward.norrby, 403), (ward.sjovik, 403)):
        async with asking.by("staff", commission=commission) as staff:
            assert (await staff.get(DOOR)).status_code == status
            assert (await staff.post(f"{DOOR}/{id}/answer", json=said)).status_code == status
            assert (await asking.ask(staff)).status_code == 403
    elsewhere = dataclasses.replace(ward.chief, provider="SE0000000002-0001", unit="SE0000000002-1001")
    async with asking.by("staff", commission=elsewhere) as chief:
        assert (await chief.post(f"{DOOR}/{id}/answer", json=said)).status_code == 404
        assert id not in (await chief.get(DOOR)).text
    async with asking.by("system", scope="system/*.cruds") as system:
        assert (await system.get(DOOR)).status_code == 403


@pytest.mark.parametrize(("years", "status"), [(17, 201), (15, 403), (12, 403)])
async def test_pat_13_who_is_under_16_asks_through_somebody_else(
    asking: Any, ward: Any, years: int, status: int
) -> None:
    patient = await ward.patient(f"{datetime.now(UTC).year - years}-01-01")
    async with asking.patient(patient) as me:
        assert (await asking.ask(me)).status_code == status


async def test_what_is_asked_badly_is_refused_by_name(asking: Any, ward: Any) -> None:
    patient = await ward.patient()
    async with asking.patient(patient) as me:
        for wrong in (
            {"text": " "},
            {"text": "x" * 4_001},
            {"about": "<script>"},
            {"kind": "x"},
            {"unit": "Norrby"},
            {"id": "1"},
        ):
            answer = await asking.ask(me, **wrong)
            assert answer.status_code in (400, 422), wrong
        made = await asking.ask(me, text="<b>fel</b>")
        assert made.json()["text"] == "<b>fel</b>"


async def test_what_is_asked_rests_sealed(asking: Any, ward: Any, engine: Any) -> None:
    patient = await ward.patient()
    async with asking.patient(patient) as me:
        await asking.ask(me, text="Kärrsnäppan är fel")
    said = await engine.db.pool.fetchval("select said from patient_request where patient = $1", patient)
    if engine.codec.ring is not None:
        assert said[0] == SEALED
        assert await holding(engine.db.pool, "Kärrsnäppan") == {}
    else:
        assert said[0] == 1
