"""The application platform with a database of its own: in a demo region, and in production."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from application_platform import main
from application_platform.portal.record import NotShown
from application_platform.settings import Settings
from application_platform.tokens.actions import Office
from application_platform.tokens.watch import KeyWatch
from application_platform.upkeep import Upkeep
from kit.db import Database
from kit.testing import fresh_database

PUBLIC = "http://fvm.test"


@dataclass
class Platform:
    """One running platform; `browser()` is a client with a cookie jar of its own."""

    app: FastAPI
    db: Database
    office: Office
    upkeep: Upkeep
    secrets: Path

    def browser(self, **headers: str) -> AsyncClient:
        return AsyncClient(transport=ASGITransport(self.app), base_url=PUBLIC, headers=headers)

    def secret(self, client_id: str) -> str:
        return (self.secrets / f"{client_id}.secret").read_text().strip()


@asynccontextmanager
async def a_platform(postgres_url: str, folder: Path, mode: str, **more: Any) -> AsyncIterator[Platform]:
    async with fresh_database(postgres_url, "application_platform", mode=mode) as url:
        settings = Settings(database_url=url, mode=mode, data=folder, **{"public_url": PUBLIC, **more})
        db = Database(url)
        await db.start()
        parts = main.new_parts(settings, db)
        upkeep = main.new_upkeep(settings, parts)
        watch = KeyWatch(db, parts.office.issuer)
        await parts.keys()
        await upkeep.begin()
        await watch.start()
        try:
            yield Platform(main.create_app(settings, parts, {}), db, parts.office, upkeep, folder / "secrets")
        finally:
            await watch.stop()
            await parts.portal.record.stop()
            await parts.persons.stop()
            await db.stop()


@pytest.fixture(scope="session")
async def demo(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with a_platform(postgres_url, tmp_path_factory.mktemp("demo"), "demo") as platform:
        yield platform


@pytest.fixture(scope="session")
async def production(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with a_platform(postgres_url, tmp_path_factory.mktemp("production"), "production") as platform:
        yield platform


@pytest.fixture(scope="session")
def new_platform() -> Any:
    return a_platform


@pytest.fixture
async def browser(demo: Platform) -> AsyncIterator[AsyncClient]:
    async with demo.browser() as client:
        yield client


class SignIn:
    """Signs in as a person would: opens the page, sends its form."""

    async def __call__(
        self, browser: AsyncClient, person: str, *, commission: str | None = None, **form: str
    ) -> Response:
        data = {"person": person, "csrf": await self.csrf(browser, "/auth/sign-in?again=true"), **form}
        answer = await browser.post("/auth/sign-in", data=data, headers={"Origin": PUBLIC})
        return await self.choose(browser, commission, **form) if commission else answer

    async def choose(self, browser: AsyncClient, commission: str, **form: str) -> Response:
        data = {"commission": commission, "csrf": await self.csrf(browser, "/auth/commission"), **form}
        return await browser.post("/auth/commission", data=data, headers={"Origin": PUBLIC})

    async def out(self, browser: AsyncClient) -> Response:
        return await browser.post("/auth/sign-out", headers={"Origin": PUBLIC})

    async def csrf(self, browser: AsyncClient, page: str) -> str:
        """The token of a page's form, as it stands there."""
        text = (await browser.get(page)).text
        found = re.search(r'name="csrf" value="([^"]+)"', text)
        assert found, text
        return found[1]


@pytest.fixture(scope="session")
def sign_in() -> SignIn:
    return SignIn()


CALLBACK = "http://localhost:9090/callback"
VERIFIER = "a-verifier-that-is-long-enough-to-be-taken-0123456789"


class AnApp:
    """Asks as an app does, and answers our pages as the person in front of them would."""

    callback, verifier = CALLBACK, VERIFIER
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")

    def request(self, **changes: str | None) -> dict[str, str]:
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "demo-app",
            "redirect_uri": CALLBACK,
            "scope": "user/Observation.rs",
            "state": "a-state-hard-to-guess",
            "aud": f"{PUBLIC}/fhir",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    async def ask(self, browser: AsyncClient, **changes: str | None) -> Response:
        return await browser.get("/auth/authorize", params=self.request(**changes))

    async def answer(self, browser: AsyncClient, page: Response, to: str = "/auth/allow", **form: Any) -> Response:
        """Sends the page's form: its hidden fields, every ticked box unless `scope` says which, and what was chosen."""
        assert page.status_code == 200, page.text
        hidden = {name: self.field(page, name) for name in ("csrf", "asked")}
        ticked = re.findall(r'name="scope" value="([^"]+)" checked', page.text)
        data = {**hidden, "decision": "allow", "scope": [unescape(one) for one in ticked], **form}
        return await browser.post(to, data=data, headers={"Origin": PUBLIC})

    def field(self, page: Response, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
        assert found, page.text
        return unescape(found[1])

    def told(self, answer: Response) -> dict[str, str]:
        """What the app hears at its redirect_uri."""
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"].startswith(CALLBACK + "?"), answer.headers["location"]
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    def exchange(self, code: str, /, **changes: str) -> dict[str, str]:
        fixed = {"grant_type": "authorization_code", "client_id": "demo-app", "redirect_uri": CALLBACK}
        return {**fixed, "code": code, "code_verifier": VERIFIER, **changes}

    async def redeem(self, browser: AsyncClient, answer: Response, **changes: str) -> dict[str, Any]:
        """The token answer for what the app was told."""
        got = await browser.post("/auth/token", data=self.exchange(self.told(answer)["code"], **changes))
        assert got.status_code == 200, got.text
        body: dict[str, Any] = got.json()
        return body


@pytest.fixture(scope="session")
def an_app() -> AnApp:
    return AnApp()


class RecordInMemory:
    """The region's record as the choice of patient and visit uses it; whoever is in `hidden` may not be shown."""

    def __init__(self) -> None:
        self.patients: dict[str, dict[str, Any]] = {}
        self.visits: list[dict[str, Any]] = []
        self.hidden: set[str] = set()

    async def patient(self, token: str, id: str) -> dict[str, Any]:
        if id not in self.patients or id in self.hidden:
            raise NotShown
        return self.patients[id]

    async def search(self, token: str, type: str, pairs: Any) -> dict[str, Any]:
        asked = dict(pairs)
        if type == "Patient":
            shown = [one for id, one in self.patients.items() if id not in self.hidden]
            found = [one for one in shown if asked.get("name", "").lower() in one["name"][0]["family"].lower()]
        else:
            of_patient = [one for one in self.visits if one["subject"]["reference"] == f"Patient/{asked['patient']}"]
            found = [one for one in of_patient if asked.get("_id", one["id"]) == one["id"]]
        return {"resourceType": "Bundle", "entry": [{"resource": one} for one in found]}

    async def stop(self) -> None:
        return None


@pytest.fixture
def a_record() -> RecordInMemory:
    """A record with two patients, each with a visit."""
    found = RecordInMemory()
    for id, family in (("p1", "Andersson"), ("p2", "Berg")):
        name = [{"family": family, "given": ["Test"]}]
        found.patients[id] = {"resourceType": "Patient", "id": id, "name": name, "gender": "female"}
        visit = {"resourceType": "Encounter", "id": f"e-{id}", "status": "in-progress"}
        found.visits.append({**visit, "subject": {"reference": f"Patient/{id}"}, "period": {"start": "2026-11-01"}})
    return found


@pytest.fixture
def record(demo: Platform, a_record: RecordInMemory) -> Iterator[RecordInMemory]:
    """Puts that record behind the pages."""
    before = demo.app.state.portal
    demo.app.state.portal = replace(before, record=a_record)
    yield a_record
    demo.app.state.portal = before
