"""What the portal's pages of orders send is what VIS takes, at both ends; and a laboratory's answer by HL7 v2 finds who ordered."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import uvicorn

from application_platform.identity.api import Unit
from application_platform.portal.care import Care, NotTaken, Stale
from application_platform.portal.referrals import basket, catalogue, model, steps
from application_platform.portal.referrals.basket import Filled
from application_platform.portal.referrals.one import ACTS
from application_platform.portal.referrals.one import Filled as Act
from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from information_platform.results import _order
from integration_platform.hl7v2.message import Message
from integration_platform.testing import a_message, a_pid, an_origin
from integration_platform.translate.hl7v2 import translate
from kit.caller import Commission
from kit.db import Database
from kit.http import Client
from kit.testing import TestIssuer, fresh_database
from kit.web import new_app
from vis import record
from vis.care import answered, orders, referrals
from vis.care.places import Directory, Place
from vis.settings import Settings

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
OGON = Commission("c-2", "SE0000000001-N2", "Ögonmottagningen", "SE0000000001-N", "Region Norr", "Läkare")
TODAY = date(2026, 11, 27)


@dataclass
class Vis:
    """VIS over HTTP as the portal calls it, two colleagues of two units, and a patient whom the first one knows."""

    care: Care
    anna: str
    eva: str
    patient: str
    engine: Engine


async def places() -> Mapping[str, Place]:
    return {one.unit: Place(one.unit, one.unit_name, one.provider, one.provider_name) for one in (NORRBY, OGON)}


@pytest.fixture
async def vis(postgres_url: str) -> AsyncIterator[Vis]:
    issuer = TestIssuer()
    async with fresh_database(postgres_url, "vis") as url:
        db = Database(url)
        await db.start()
        engine = Engine(db, record.mount(Settings(database_url=url, mode="demo"), places=places), lambda: None)
        await engine.start()
        verifier = issuer.verifier(record.PATH)
        app = FhirDoor(new_app("VIS", db=db, verifier=verifier, fhir_base=record.PATH), engine, verifier, record.PATH)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off", ws="none"))
        server.install_signal_handlers = lambda: None  # the tests own the signals
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        care = Care(Client(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"))
        anna, eva = (
            dict(issuer.headers("staff", subject=who, scope="user/*.cruds", audience=[record.PATH], commission=at))
            for who, at in (("SE-ANNA", NORRBY), ("SE-EVA", OGON))
        )
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(
            transport=transport, base_url=f"http://test{record.PATH}", headers=anna
        ) as client:
            for at in (NORRBY, OGON):  # the register of units: a Task names its owner in it
                unit = {"resourceType": "Organization", "id": at.unit, "name": at.unit_name}
                assert (await client.put(f"/Organization/{at.unit}", json=unit)).status_code == 201
            patient = str((await client.post("/Patient", json={"resourceType": "Patient"})).json()["id"])
            visit = {
                "resourceType": "Encounter", "status": "in-progress", "class": {"code": "AMB"},
                "subject": {"reference": f"Patient/{patient}"}, "period": {"start": datetime.now(UTC).isoformat()},
            }  # fmt: skip
            made = await client.post("/Encounter", json=visit, headers={"fvm-patient": patient})
            assert made.status_code == 201, made.text
        tokens = [next(iter(one.values())).removeprefix("Bearer ") for one in (anna, eva)]
        yield Vis(care, tokens[0], tokens[1], patient, engine)
        await care.stop()
        server.should_exit = True
        await serving
        await engine.stop()
        await db.stop()


def filled(patient: str, **more: Any) -> Filled:
    form = {"id": uuid4(), "patient": patient, "test": ["panel-2", "NPU03230", "imaging-0"], "cause": "Hjärtsvikt?"}
    referral = {"unit": [OGON.unit], "what": ["Ögonbottenfoto"], "question": ["Retinopati?"], "priority": ["urgent"]}
    return Filled.model_validate({**form, **referral, "background": ["Rad ett.\nRad två."], **more})


async def listed(vis: Vis, token: str) -> model.Listed:
    rows = await vis.care.find(token, vis.patient, "ServiceRequest")
    return model.listed(None, rows, datetime.now(UTC))


async def done(vis: Vis, id: str, act: str, version: str = "", **fields: str) -> None:
    """An act as the page of one order sends it."""
    values = Act(patient=vis.patient, act=act, **fields).values()
    await vis.care.act(vis.eva, vis.patient, f"ServiceRequest/{id}", act, values, version)


async def test_a_basket_of_the_page_is_signed_once_and_shown_at_both_ends(vis: Vis) -> None:
    one = basket.read(filled(vis.patient))
    assert one.lacks() == {}
    for _ in range(2):
        await vis.care.ask(vis.anna, vis.patient, "ServiceRequest/$order", basket.body(one.drafts()))
    mine = await listed(vis, vis.anna)
    assert sorted((row.title, row.kind, row.word, row.sender) for row in mine.under_way) == [
        ("Elektrolytstatus", "laboratory", "Väntar på svar", "Norrby"), ("P-Kalium", "laboratory", "Väntar på svar", "Norrby"),
        ("Röntgen lungor", "imaging", "Väntar på svar", "Norrby"), ("Ögonbottenfoto", "referral", "Skickad", "Norrby"),
    ]  # fmt: skip
    assert mine.received == ()
    [theirs] = (await listed(vis, vis.eva)).received
    assert (theirs.question, theirs.notes[0].text, theirs.priority) == ("Retinopati?", "Rad ett.\nRad två.", "Förtur")


async def test_every_act_of_the_page_is_one_that_vis_knows_and_what_it_refuses_is_told(vis: Vis) -> None:
    one = basket.read(filled(vis.patient))
    await vis.care.ask(vis.anna, vis.patient, "ServiceRequest/$order", basket.body(one.drafts()))
    [row] = (await listed(vis, vis.eva)).received
    assert set(row.acts) == {act for act, states in referrals.FROM.items() if "sent" in states} - {"cancel"}
    await done(vis, row.id, "receive", row.version)
    with pytest.raises(Stale):
        await done(vis, row.id, "accept", row.version)
    await done(vis, row.id, "accept", latest="2099-02-01", priority="stat", comment="Kallas.")
    with pytest.raises(NotTaken, match="Remissen är accepterad"):
        await done(vis, row.id, "return", text="Hur är synen?")
    [row] = (await listed(vis, vis.eva)).received
    assert set(row.acts) == {act for act, states in referrals.FROM.items() if "accepted" in states} - {"cancel"}
    orders_ = await vis.care.find(vis.anna, vis.patient, "ServiceRequest")
    [shown] = steps.steps(orders_, [], TODAY)
    assert (shown.words, shown.line.endswith("senast 1 februari 2099.")) == ("Steg 3 av 5: du väntar på en tid.", True)
    await done(vis, row.id, "answer", text="Inga tecken.\nNy kontroll om två år.")
    [shown] = steps.steps(await vis.care.find(vis.anna, vis.patient, "ServiceRequest"), [], TODAY)
    assert shown.words == "Steg 5 av 5: remissen är klar."
    [owed] = await vis.care.tasks(vis.anna, vis.patient, "result")
    assert owed["owner"]["identifier"]["value"] == "SE-ANNA"
    assert set(ACTS) == set(referrals.FROM)


async def test_a_line_that_vis_refuses_is_named_as_the_form_names_it(vis: Vis) -> None:
    one = basket.read(filled(vis.patient, unit=["SE-NOWHERE"]))
    with pytest.raises(NotTaken) as refused:
        await vis.care.ask(vis.anna, vis.patient, "ServiceRequest/$order", basket.body(one.drafts()))
    assert one.told(refused.value.detail) == "Ögonbottenfoto: Välj en enhet som kan ta emot remissen"
    assert (await listed(vis, vis.anna)).under_way == ()


async def test_the_number_of_an_order_comes_back_by_hl7_and_finds_who_ordered(vis: Vis) -> None:
    one = basket.read(filled(vis.patient, unit=[], what=[], question=[], background=[], test=["NPU03230"]))
    made = await vis.care.ask(vis.anna, vis.patient, "ServiceRequest/$order", basket.body(one.drafts()))
    number = made["entry"][0]["resource"]["identifier"][0]["value"]
    raw = a_message(
        "ORU^R01^ORU_R01", a_pid(), f"OBR|1|{number}^VIS|F1^LIMS|NPU03230^P-Kalium^NPU||||||||||||||||||||LAB|F",
        "OBX|1|NM|NPU03230^P-Kalium^NPU||4.1|mmol/L^mmol/L^UCUM|3.5-4.4||||F",
    )  # fmt: skip
    message = Message(raw.encode())
    told = translate(message, an_origin(application=message.header.application, facility=message.header.facility))
    [report] = [
        entry.resource
        for entry in told.entries
        if getattr(entry, "resource", {}).get("resourceType") == "DiagnosticReport"
    ]
    named = [_order(reference) for reference in report["basedOn"]]
    found = await answered.ordered(vis.engine, [{"id": "r-1", "patient": vis.patient, "orders": named}])
    assert (found["r-1"].requester["identifier"]["value"], found["r-1"].unit) == ("SE-ANNA", NORRBY.unit)


def test_both_sides_have_one_word_for_each_kind_priority_and_unit() -> None:
    assert set(model.KINDS) == set(orders.CATEGORIES)
    assert set(model.PRIORITIES) <= set(referrals.ASSESSED_WITHIN)
    assert (steps.STATE, steps.FLOW, model._AT) == (referrals.STATE, referrals.FLOW, orders.ORDERED_AT)
    assert set(Place.__dataclass_fields__) == set(Unit.model_fields)
    assert {item.kind for item in catalogue.by_key().values()} == set(orders.TESTS)


async def test_vis_reads_the_units_that_the_platform_tells() -> None:
    unit = Unit(unit=OGON.unit, name=OGON.unit_name, provider=OGON.provider, provider_name=OGON.provider_name)

    class Office:
        asked = 0

        async def get(self, path: str) -> Any:
            assert path == "/internal/units"
            self.asked += 1
            return [unit.model_dump()]

    office = Office()
    directory = Directory(office)  # type: ignore[arg-type]
    for _ in range(2):
        assert await directory.all() == {OGON.unit: Place(*unit.model_dump().values())}
    assert office.asked == 1
