"""What the portal's tests stand on: a small information platform over HTTP, and the portal served with made-up sessions."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn
from aiohttp import ClientSession, CookieJar, web
from fastapi import FastAPI, Request

from application_platform.portal.access import Access
from application_platform.portal.live import Hub
from application_platform.portal.mount import mount
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.record import Record
from application_platform.portal.swedish import moment
from application_platform.settings import Settings
from application_platform.sign_in import signed_in
from application_platform.sign_in.signed_in import NotSignedIn
from kit.caller import Commission
from kit.http import Client
from kit.problems import Problem
from kit.refusals import problem_response

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
PERSONNUMMER = "http://electronichealth.se/identifier/personnummer"

_DATES = {
    "Encounter": lambda r: r.get("period", {}).get("start"),
    "DiagnosticReport": lambda r: r.get("effectiveDateTime"),
    "Observation": lambda r: r.get("effectiveDateTime"),
    "DocumentReference": lambda r: r.get("date"),
    "MedicationRequest": lambda r: r.get("authoredOn"),
    "MedicationAdministration": lambda r: r.get("effectiveDateTime"),
    "Procedure": lambda r: r.get("performedDateTime") or r.get("performedPeriod", {}).get("start"),
    "Immunization": lambda r: r.get("occurrenceDateTime"),
}


@dataclass
class Platform:
    """An information platform in memory: the few searches that pages make, and ways to be away."""

    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    away: bool = False
    broken: set[str] = field(default_factory=set)  # types that answer 503
    withheld: tuple[str, ...] = ()  # reasons: need-relation, blocked …
    state: dict[str, Any] = field(default_factory=dict)  # what the law says of every patient
    acts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # taken: address, body
    history: list[dict[str, Any]] = field(default_factory=list)  # acts, and whether they are in force
    log: dict[str, Any] = field(default_factory=dict)  # the patient's extract
    tasks: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    act_refused: str = ""  # the name of the refusal
    signed_out: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, authorization
    url: str = ""

    def add(self, *resources: dict[str, Any]) -> None:
        for found in resources:
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            found.setdefault("meta", {})["lastUpdated"] = now
            self.held[f"{found['resourceType']}/{found['id']}"] = found

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/fhir/{type}/{id}", self._read)
        app.router.add_post("/fhir/{type}/_search", self._search)
        app.router.add_get("/information/access/patients/{patient}", self._state)
        app.router.add_get("/information/access/patients/{patient}/acts", self._history)
        app.router.add_get("/information/log/mine", self._mine)
        app.router.add_get("/information/access/tasks", self._tasks)
        app.router.add_get("/information/log/reviews", self._reviews)
        app.router.add_post("/information/{door:(access/tasks|log/reviews)/.+}", self._act)
        app.router.add_post("/information/access/patients/{patient}/{door:.+}", self._act)
        return app

    async def _state(self, _request: web.Request) -> web.Response:
        nothing = {
            "relation": True,
            "choice": False,
            "consent": False,
            "assertion": None,
            "blocks": [],
            "parts": [],
            "next": [],
        }
        return web.json_response({**nothing, **self.state})

    async def _history(self, _request: web.Request) -> web.Response:
        return web.json_response(self.history)

    async def _mine(self, _request: web.Request) -> web.Response:
        return web.json_response({"accesses": [], "next": None, **self.log})

    async def _tasks(self, _request: web.Request) -> web.Response:
        return web.json_response(self.tasks)

    async def _reviews(self, _request: web.Request) -> web.Response:
        return web.json_response({"reviews": self.reviews})

    async def _act(self, request: web.Request) -> web.Response:
        if self.act_refused:
            return web.json_response({"type": f"/problems/{self.act_refused}", "title": "no"}, status=422)
        self.acts.append((request.match_info["door"], await request.json()))
        return web.json_response({"id": "x", "kind": "x", "text": "Gäller nu."}, status=201)

    def _refusal(self, request: web.Request) -> web.Response | None:
        self.asked.append((request.method, request.path_qs, request.headers.get("Authorization", "")))
        if self.away or request.match_info["type"] in self.broken:
            return web.json_response({"resourceType": "OperationOutcome"}, status=503)
        return web.json_response({}, status=401) if self.signed_out else None

    async def _read(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        found = self.held.get(f"{request.match_info['type']}/{request.match_info['id']}")
        return web.json_response(found or {"resourceType": "OperationOutcome"}, status=200 if found else 404)

    async def _search(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        pairs = [(str(name), str(value)) for name, value in (await request.post()).items()]
        type = request.match_info["type"]
        rows = [found for found in self.held.values() if found["resourceType"] == type]
        for name, value in pairs:
            rows = [found for found in rows if _fits(found, name, value)]
        wanted = dict(pairs)
        if "_sort" in wanted:
            rows.sort(key=lambda found: _at(found) or "", reverse=True)
        count = int(wanted.get("_count", "50"))
        entries = [{"resource": found, "search": {"mode": "match"}} for found in rows[:count]]
        entries += [
            {"resource": found, "search": {"mode": "include"}} for found in self._included(rows[:count], wanted)
        ]
        if self.withheld:
            issues = [
                {"severity": "information", "code": "suppressed", "details": {"coding": [{"code": f"law/{one}"}]}}
                for one in self.withheld
            ]
            outcome = {"resourceType": "OperationOutcome", "issue": issues}
            entries.append({"resource": outcome, "search": {"mode": "outcome"}})
        links = [{"relation": "next", "url": "x"}] if len(rows) > count else []
        return web.json_response({"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries})

    def _included(self, rows: list[dict[str, Any]], wanted: dict[str, str]) -> list[dict[str, Any]]:
        if "_include" in wanted:
            keys = [item["reference"] for found in rows for item in found.get("result", ())]
            return [self.held[key] for key in dict.fromkeys(keys) if key in self.held]
        if "_revinclude" in wanted:
            keys = {f"Observation/{found['id']}" for found in rows}
            reports = [found for found in self.held.values() if found["resourceType"] == "DiagnosticReport"]
            return [found for found in reports if keys & {item["reference"] for item in found.get("result", ())}]
        return []


def _at(found: dict[str, Any]) -> str:
    at = moment(_DATES.get(found["resourceType"], lambda _: None)(found))
    return at.iso if at else ""


def _fits(found: dict[str, Any], name: str, value: str) -> bool:
    if name == "patient":
        subject = found.get("subject") or found.get("patient") or {}
        return subject.get("reference") == value
    if name == "_id":
        return found["id"] in value.split(",")
    if name == "_lastUpdated":
        return found["meta"]["lastUpdated"] > value[2:]
    if name == "identifier":
        return any(item["value"] in value.split(",") for item in found.get("identifier", ()))
    if name == "name":
        words = " ".join(
            f"{item.get('family', '')} {' '.join(item.get('given', ()))}" for item in found.get("name", ())
        )
        return any(word.startswith(value.lower()) for word in words.lower().split())
    if name == "birthdate":
        return found.get("birthDate") == value
    if name.startswith("_") or not value.startswith("lt"):
        return True
    limit = moment(value[2:])
    return bool(_at(found)) and limit is not None and _at(found) < limit.iso


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


async def _reader_of(request: Request) -> Reader:
    who = request.cookies.get("who", "")
    if who == "staff":
        return Reader("s-1", "staff", "Anna Lind", "token-of-anna", "Läkare", COMMISSION, csrf="proof")
    if who == "manager":
        held = replace(COMMISSION, role="Verksamhetschef", rights=frozenset(("log.review", "access.manage")))
        return Reader("s-3", "staff", "Margareta Wiklund", "token-of-margareta", "Verksamhetschef", held, csrf="proof")
    if who == "patient":
        return Reader("s-2", "patient", "Tolvan Tolvansson", "token-of-tolvan", patient=TOLVAN, csrf="proof")
    raise NotSignedIn


def portal_app(platform: Platform, hub: Hub, sessions: set[str], client: Client) -> FastAPI:
    """The portal alone, on an app with the refusals of the house."""

    async def there(request: Request) -> bool:
        return request.cookies.get("who", "") in sessions

    app = FastAPI(openapi_url=None)
    app.add_exception_handler(NotSignedIn, signed_in.show_the_door)
    app.add_exception_handler(Problem, problem_response)
    app.state.settings = Settings(database_url="postgresql://none", public_url="http://127.0.0.1", mode="demo")
    mount(app, Portal(Record(client), hub, Access(client), "Region Norr", True, _reader_of, there))
    return app


@asynccontextmanager
async def serving(platform: Platform, port: int = 0) -> AsyncIterator[Served]:
    """Serves the platform and the portal on free ports."""
    runner = web.AppRunner(platform.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    platform.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client, hub, sessions = Client(platform.url, timeout=2.0), Hub(), {"staff", "patient"}
    app = portal_app(platform, hub, sessions, client)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off", ws="none"))
    server.install_signal_handlers = lambda: None  # the tests own the signals
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Served(f"http://127.0.0.1:{port}", hub, platform, sessions)
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
    patient = {"patient": {"reference": f"Patient/{TOLVAN}"}}
    at = "2026-11-22T13:10:00+01:00"
    pressure = [
        {"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 108, "unit": "mm[Hg]"}},
        {"code": {"coding": [{"code": "8462-4"}]}, "valueQuantity": {"value": 62, "unit": "mm[Hg]"}},
    ]
    many = [
        an_observation(f"lab-{n}", name, value, unit, at, referenceRange=limits(low, high, unit))
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
