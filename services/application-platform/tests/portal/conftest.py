"""What the portal's tests stand on: a small information platform over HTTP, and the portal served with made-up sessions."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import uvicorn
from aiohttp import ClientSession, CookieJar, web
from fastapi import FastAPI, Request

from application_platform.portal.access import Access
from application_platform.portal.care import Care
from application_platform.portal.colleagues import Colleague
from application_platform.portal.live import Hub
from application_platform.portal.mount import mount
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.record import Record
from application_platform.settings import Settings
from application_platform.sign_in import signed_in
from application_platform.sign_in.signed_in import NotSignedIn
from application_platform.testing import Platform
from application_platform.testing_bookings import Times
from application_platform.testing_care import Vis
from application_platform.testing_medicines import Pharmacy
from kit.caller import Commission
from kit.http import Client
from kit.problems import Problem
from kit.refusals import problem_response

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
PERSONNUMMER = "http://electronichealth.se/identifier/personnummer"


ANNA = "SE0000000001-P001"
COMMISSION = Commission(
    "SE0000000001-C001",
    "SE0000000001-1001",
    "Medicinmottagningen Norrby",
    "SE0000000001-0001",
    "Region Norr",
    "Läkare",
)


@dataclass
class Served:
    """The portal over HTTP, its hub, the platform behind it, and who is signed in."""

    url: str
    hub: Hub
    platform: Platform
    sessions: set[str]
    vis: Vis
    times: Times
    pharmacy: Pharmacy


async def _reader_of(request: Request) -> Reader:
    who = request.cookies.get("who", "")
    if who == "staff":
        return Reader("s-1", "staff", "Anna Lind", "token-of-anna", "Läkare", COMMISSION, csrf="proof", person=ANNA)
    if who == "manager":
        held = replace(COMMISSION, role="Verksamhetschef", rights=frozenset(("log.review", "access.manage")))
        return Reader("s-3", "staff", "Margareta Wiklund", "token-of-margareta", "Verksamhetschef", held, csrf="proof")
    if who == "patient":
        return Reader("s-2", "patient", "Tolvan Tolvansson", "token-of-tolvan", patient=TOLVAN, csrf="proof")
    raise NotSignedIn


async def _colleagues(request: Request, unit: str) -> tuple[Colleague, ...]:
    assert unit == COMMISSION.unit
    return Colleague(ANNA, "Anna Lind", "Läkare"), Colleague("SE0000000001-P002", "Bo Ek", "Överläkare")


def _token_as(_: Request, reader: Reader, patient: str) -> str:
    """A token that says both who reads and whose record."""
    return f"{reader.token}-for-{patient}"


def portal_app(platform: Platform, hub: Hub, sessions: set[str], client: Client) -> FastAPI:
    """The portal alone, on an app with the refusals of the house."""

    async def there(request: Request) -> bool:
        return request.cookies.get("who", "") in sessions

    app = FastAPI(openapi_url=None)
    app.add_exception_handler(NotSignedIn, signed_in.show_the_door)
    app.add_exception_handler(Problem, problem_response)
    app.state.settings = Settings(database_url="postgresql://none", public_url="http://127.0.0.1", mode="demo")
    mount(
        app,
        Portal(
            Record(client),
            hub,
            Access(client),
            "Region Norr",
            True,
            _reader_of,
            there,
            care=Care(client),
            colleagues=_colleagues,
            token_as=_token_as,
        ),
    )
    return app


@asynccontextmanager
async def serving(
    platform: Platform, port: int = 0, public_url: str = "http://127.0.0.1", db: Any = None
) -> AsyncIterator[Served]:
    """Serves the platform and the portal on free ports; forms come from `public_url`, "": from where it is served.

    `db` holds what the portal stores itself.
    """
    vis, behind = Vis(platform.held), platform.app()
    times = Times(vis)
    times.mount(behind)
    pharmacy = Pharmacy(vis)
    pharmacy.mount(behind)
    vis.mount(behind)
    runner = web.AppRunner(behind)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    platform.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client, hub, sessions = Client(platform.url, timeout=2.0), Hub(), {"staff", "patient"}
    app = portal_app(platform, hub, sessions, client)
    if db is not None:
        app.state.db = db
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=10)
    )
    server.install_signal_handlers = lambda: None  # the tests own the signals
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        app.state.settings = app.state.settings.model_copy(update={"public_url": public_url or url})
        yield Served(url, hub, platform, sessions, vis, times, pharmacy)
    finally:
        await hub.stop()
        server.should_exit = True
        await task
        await client.stop()
        await runner.cleanup()


@pytest.fixture
def platform() -> Platform:
    found = Platform()
    found.add(*ward())
    return found


@pytest.fixture
def serve() -> Callable[..., AbstractAsyncContextManager[Served]]:
    """For tests that stop and start the portal themselves."""
    return serving


@pytest.fixture
async def staff(served: Served) -> AsyncIterator[ClientSession]:
    """A signed-in member of staff, without script."""
    async with ClientSession(served.url, cookies={"who": "staff"}, cookie_jar=CookieJar(unsafe=True)) as session:
        yield session


@pytest.fixture
async def manager(served: Served) -> AsyncIterator[ClientSession]:
    """A manager of care, who reviews."""
    async with ClientSession(served.url, cookies={"who": "manager"}, cookie_jar=CookieJar(unsafe=True)) as session:
        yield session


@pytest.fixture
async def tolvan(served: Served) -> AsyncIterator[ClientSession]:
    """The patient Tolvan, signed in."""
    async with ClientSession(served.url, cookies={"who": "patient"}, cookie_jar=CookieJar(unsafe=True)) as session:
        yield session


@pytest.fixture
async def served(platform: Platform) -> AsyncIterator[Served]:
    async with serving(platform) as found:
        yield found


def a_patient(id: str, family: str, given: str, number: str, born: str, sex: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id,
        "identifier": [{"system": PERSONNUMMER, "value": number}],
        "name": [{"use": "official", "family": family, "given": [given]}],
        "birthDate": born,
        "gender": sex,
        **more,
    }


def an_observation(id: str, name: str, value: str, unit: str, at: str, **more: Any) -> dict[str, Any]:
    """`value` as it would stand in JSON, so that 5.60 keeps its digits; the stub sends numbers as they are here."""
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"text": name},
        "subject": {"reference": f"Patient/{TOLVAN}"},
        "effectiveDateTime": at,
        "valueQuantity": {"value": json.loads(value), "unit": unit},
        **more,
    }


def a_report(id: str, name: str, at: str, results: list[str], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": id,
        "status": "final",
        "category": [{"coding": [{"code": "LAB"}]}],
        "code": {"text": name},
        "subject": {"reference": f"Patient/{TOLVAN}"},
        "effectiveDateTime": at,
        "result": [{"reference": f"Observation/{result}"} for result in results],
        **more,
    }


def limits(low: float, high: float, unit: str) -> list[dict[str, Any]]:
    return [{"low": {"value": low, "unit": unit}, "high": {"value": high, "unit": unit}}]


def ward() -> list[dict[str, Any]]:
    """Two patients, and a year of Tolvan's record."""
    subject = {"subject": {"reference": f"Patient/{TOLVAN}"}}
    vital = {"category": [{"coding": [{"code": "vital-signs"}]}]}
    laboratory = {"category": [{"coding": [{"code": "laboratory"}]}]}
    patient = {"patient": {"reference": f"Patient/{TOLVAN}"}}
    at = "2026-11-22T13:10:00+01:00"
    pressure = [
        {"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 108, "unit": "mm[Hg]"}},
        {"code": {"coding": [{"code": "8462-4"}]}, "valueQuantity": {"value": 62, "unit": "mm[Hg]"}},
    ]
    many = [
        an_observation(f"lab-{n}", name, value, unit, at, referenceRange=limits(low, high, unit), **laboratory)
        for n, (name, value, unit, low, high) in enumerate(
            [
                ("P-Kalium", "5.2", "mmol/L", 3.5, 5.0),
                ("P-Kreatinin", "138", "umol/L", 45, 90),
                ("NT-proBNP", "4820", "ng/L", 0, 450),
                ("P-Natrium", "134", "mmol/L", 137, 145),
                ("B-Hb", "121", "g/L", 117, 153),
                ("P-CRP", "3", "mg/L", 0, 5),
                ("HbA1c", "58", "mmol/mol", 31, 46),
            ]
        )
    ]
    return [
        a_patient(TOLVAN, "Tolvansson", "Tolvan", "191212121212", "1912-12-12", "male"),
        a_patient(STINA, "Bergström", "Stina", "196101182803", "1961-01-18", "female"),
        *many,
        a_report("rep-1", "Provsvar, hjärtsvikt", at, [found["id"] for found in many]),
        an_observation("bp", "Blodtryck", "0", "", "2026-11-23T08:40:00+01:00", component=pressure, **vital),
        an_observation("pulse", "Puls", "96", "/min", "2026-11-23T08:40:00+01:00", **vital),
        an_observation("temp", "Temperatur", "37.1", "Cel", "2026-11-23T08:40:00+01:00", **vital),
        {
            "resourceType": "Encounter",
            "id": "enc-1",
            "status": "in-progress",
            "class": {"code": "IMP"},
            "period": {"start": "2026-11-22T09:50:00+01:00"},
            "serviceProvider": {"display": "Avd 32 Hjärta, Norra Kliniken"},
            "reasonCode": [{"text": "Hjärtsvikt"}],
            **subject,
        },
        {
            "resourceType": "DocumentReference",
            "id": "doc-1",
            "status": "current",
            "type": {"text": "Inskrivningsanteckning"},
            "date": "2026-11-22T10:30:00+01:00",
            "author": [{"display": "Samir Haddad"}],
            "content": [
                {
                    "attachment": {
                        "contentType": "text/plain; charset=utf-8",
                        "data": "RsO2cnPDpG1yYWQgaGrDpHJ0c3Zpa3QuIDxzY3JpcHQ+YWxlcnQoMSk8L3NjcmlwdD4=",
                    }
                }
            ],
            **subject,
        },
        {
            "resourceType": "MedicationRequest",
            "id": "med-1",
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": {"text": "Bisoprolol 5 mg"},
            "authoredOn": "2026-10-14",
            "dosageInstruction": [{"text": "1 tablett kl. 08:00"}],
            "reasonCode": [{"text": "Hjärtsvikt"}],
            **subject,
        },
        {
            "resourceType": "Condition",
            "id": "con-1",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "code": {"text": "Hjärtsvikt, nedsatt EF"},
            "recordedDate": "2021-03-02",
            **subject,
        },
        {
            "resourceType": "AllergyIntolerance",
            "id": "alg-1",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "criticality": "high",
            "code": {"text": "penicillin"},
            "recordedDate": "2019-05-02",
            "reaction": [{"manifestation": [{"text": "anafylaxi"}]}],
            **patient,
        },
        {
            "resourceType": "Task",
            "id": "task-1",
            "status": "requested",
            "priority": "urgent",
            "code": {"text": "Svar att vidimera"},
            "for": {"reference": f"Patient/{TOLVAN}"},
            "authoredOn": "2026-11-22T13:10:00+01:00",
            "restriction": {"period": {"end": "2026-11-23T13:10:00+01:00"}},
        },
        {
            "resourceType": "Immunization",
            "id": "imm-1",
            "status": "completed",
            "vaccineCode": {"text": "Influensavaccin"},
            "occurrenceDateTime": "2026-10-30T10:00:00+01:00",
            **patient,
        },
    ]


def new_answer(id: str = "9", value: str = "5.6", at: str = "2026-11-23T09:12:00+01:00") -> list[dict[str, Any]]:
    """A laboratory answer as it comes: a report with one analysis."""
    analysis = an_observation(f"new-{id}", "P-Kalium", value, "mmol/L", at, referenceRange=limits(3.5, 5.0, "mmol/L"))
    return [analysis, a_report(f"new-rep-{id}", "Elektrolytstatus", at, [f"new-{id}"])]
