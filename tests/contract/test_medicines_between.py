"""What the portal's pages of medicines send is what VIS takes, and what VIS says of drafts is what the pages read."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import uvicorn

from application_platform.portal.care import Care, NotTaken, Stale
from application_platform.portal.medication import acts, checks, dosing, drafts, mine, model, pages
from application_platform.portal.medication.checks import Answered
from application_platform.portal.medication.commons import OFFERED
from application_platform.portal.medication.dosing import Dose
from application_platform.portal.medication.drafts import Fields
from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from fhirserver.testing import known_to
from kit.caller import Commission
from kit.db import Database
from kit.http import Client
from kit.testing import TestIssuer, fresh_database
from kit.web import new_app
from vis import record
from vis.care import baskets, medicines
from vis.care.dosing import dose_faults, has_strength, misreadable
from vis.settings import Settings

UNIT = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")


@dataclass
class Vis:
    """VIS in this process, and who issues its tokens."""

    app: Any
    issuer: TestIssuer

    def token(self, kind: Any, **more: Any) -> str:
        """As our own pages carry it."""
        headers = self.issuer.headers(kind, audience=[record.PATH], **more)
        return headers["authorization" if "authorization" in headers else "Authorization"].removeprefix("Bearer ")


@pytest.fixture
async def vis(postgres_url: str) -> AsyncIterator[Vis]:
    issuer = TestIssuer()
    async with fresh_database(postgres_url, "vis") as url:
        db = Database(url)
        await db.start()
        engine = Engine(db, record.mount(Settings(database_url=url, mode="demo")), lambda: None)
        await engine.start()
        await known_to(db.pool, (UNIT.unit,))
        verifier = issuer.verifier(record.PATH)
        app = FhirDoor(new_app("VIS", db=db, verifier=verifier, fhir_base=record.PATH), engine, verifier, record.PATH)
        yield Vis(app, issuer)
        await engine.stop()
        await db.stop()


@pytest.fixture
async def doctor(vis: Vis) -> AsyncIterator[httpx2.AsyncClient]:
    """A doctor at VIS's own door, as the portal calls it."""
    headers = vis.issuer.headers("staff", scope="user/*.cruds", audience=[record.PATH], commission=UNIT)
    transport = httpx2.ASGITransport(app=vis.app)
    async with httpx2.AsyncClient(transport=transport, base_url=f"http://test{record.PATH}", headers=headers) as found:
        yield found


@pytest.fixture
async def care(vis: Vis) -> AsyncIterator[Care]:
    """The portal's own way to VIS, over HTTP."""
    config = uvicorn.Config(vis.app, port=0, log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # the tests own the signals
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    found = Care(Client(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"))
    yield found
    await found.stop()
    server.should_exit = True
    await task


async def test_a_wish_goes_from_the_patients_page_to_the_unit_and_back(vis: Vis, doctor: Any, care: Care) -> None:
    patient = str(
        (await doctor.post("/Patient", json={"resourceType": "Patient", "birthDate": "1980-01-01"})).json()["id"]
    )
    await doctor.put(
        f"/Organization/{UNIT.unit}", json={"resourceType": "Organization", "id": UNIT.unit, "name": UNIT.unit_name}
    )
    anna = vis.token("staff", scope="user/*.cruds", commission=UNIT)
    me = vis.token("patient", scope="patient/*.rs", patient=patient, subject=patient, commission=None)
    fields = Fields(str(uuid4()), "", "Metformin tablett 500 mg", Dose("1", "tablett", "2"), drafts.OTHER, "Diabetes")
    draft = drafts.draft(fields, patient, {})
    by_hand = [one.field for one in await told(doctor, patient, [draft]) if one.state == "unchecked"]
    await care.ask(anna, patient, "MedicationRequest/$prescribe", checks.parameters([draft], {}, by_hand))

    key = f"MedicationRequest/{draft['id']}"
    await care.act(me, patient, key, "request-renewal", {"comment:valueString": "Räcker en vecka"})
    for token in (me, anna):  # the patient's page and the unit's ask the same way
        [row] = model.medicines(
            [], await care.find(token, patient, "MedicationRequest"), await care.tasks(token, patient, "renewal")
        )
        assert row.asked is not None
        assert (row.asked.open, row.asked.words) == (True, "Räcker en vecka")
    no = {"outcome:valueCode": "declined", "comment:valueString": "Boka ett besök"}
    await care.act(anna, patient, f"Task/{row.asked.task}", "complete", no)
    [row] = model.medicines(
        [], await care.find(me, patient, "MedicationRequest"), await care.tasks(me, patient, "renewal")
    )
    assert mine.state(row, [row], date(2026, 11, 27)).partition(": ")[2] == "Boka ett besök"

    await care.act(anna, patient, key, "hold", {"comment:valueString": "Inför operation"}, row.version)
    with pytest.raises(NotTaken, match="pausat"):
        await care.act(me, patient, key, "request-renewal", {})
    with pytest.raises(Stale):
        await care.act(anna, patient, key, "stop", {"reason:valueCode": "finished"}, row.version)
    await care.act(anna, patient, key, "hold", {"comment:valueString": "Inför operation"}, row.version)  # sent twice


async def asked(doctor: httpx2.AsyncClient, patient: str, name: str, body: Any) -> httpx2.Response:
    return await doctor.post(f"/MedicationRequest/{name}", json=body, headers={"fvm-patient": patient})


async def test_a_basket_of_the_pages_is_checked_answered_and_signed_by_vis(doctor: httpx2.AsyncClient) -> None:
    patient = str((await doctor.post("/Patient", json={"resourceType": "Patient"})).json()["id"])
    fields = Fields(
        str(uuid4()), "", "Metformin tablett 500 mg", Dose("1", "tablett", "2"), drafts.OTHER, "Diabetes", "2027-02-23"
    )
    first = drafts.draft(fields, patient, {})
    by_hand = [one.field for one in await told(doctor, patient, [first]) if one.state == "unchecked"]
    signed = await asked(doctor, patient, "$prescribe", checks.parameters([first], {}, by_hand))
    assert signed.status_code == 200, signed.text
    stands = signed.json()["entry"][0]["resource"]
    [row] = model.medicines([], [stands])
    assert (row.lead, row.dose, row.cause, row.until and row.until.date, row.answers) == (
        "Metformin", "1 tablett 2 gånger per dag", "Diabetes", "2027-02-23",
        ("Överkänslighet: kontrollerat av ordinatören",),
    )  # fmt: skip
    second = drafts.draft(drafts.fresh(Fields("", "", *fields_of(fields)), str(uuid4())), patient, {})
    found = await told(doctor, patient, [second])
    [hit] = [one for one in found if one.state == "hit"]
    assert hit.about == f"MedicationRequest/{first['id']}"
    by_hand = [one.field for one in found if one.state == "unchecked"]
    body = checks.parameters([second], {hit.field: Answered("other", "Annan beredning")}, by_hand)
    assert (await asked(doctor, patient, "$prescribe", body)).status_code == 200
    renewal = drafts.renewal(stands, str(uuid4()), patient)
    left = await told(doctor, patient, [renewal])
    answers = {one.field: Answered("intended") for one in left if one.state == "hit"}
    body = checks.parameters([renewal], answers, [one.field for one in left if one.state == "unchecked"])
    assert (await asked(doctor, patient, "$prescribe", body)).status_code == 200
    old = (await doctor.get(f"/MedicationRequest/{first['id']}")).json()
    assert [one.renewed for one in model.medicines([], [old])] == [True]


def fields_of(fields: Fields) -> tuple[Any, ...]:
    return fields.medicine, fields.dose, fields.cause, fields.cause_text


async def told(doctor: httpx2.AsyncClient, patient: str, listed: list[dict[str, Any]]) -> list[checks.Check]:
    answer = await asked(doctor, patient, "$check", checks.parameters(listed))
    assert answer.status_code == 200, answer.text
    [found] = checks.told(answer.json()).values()
    assert found.lacks == ()
    return list(found.checks)


def test_both_sides_know_the_same_words() -> None:
    assert set(checks.REASONS) | {"checked"} == set(baskets.REASONS)
    assert set(acts.STOPS) == set(medicines.STOPS)
    assert pages.PRESCRIBERS == medicines.PRESCRIBERS
    assert drafts.MOST == baskets.MOST


def test_what_the_pages_offer_and_write_is_never_refused_as_unclear() -> None:
    assert [one for one in OFFERED if misreadable(one) or not has_strength(one)] == []
    for unit in dosing.UNITS:
        for dose in (
            Dose("1", unit, "1"),
            Dose("0,5", unit, "3", more="med mat", route="via munnen"),
            Dose("2", unit, needed=True, most="6"),
        ):
            assert dose_faults(dosing.instruction(dose)) == [], dose
