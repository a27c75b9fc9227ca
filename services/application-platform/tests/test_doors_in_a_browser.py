"""In Debian's Chromium: an app on another address asks, a patient unticks and lets it in; nobody is shut out of the pages."""

import asyncio
import base64
import hashlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from aiohttp import web
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from application_platform.tokens import clients

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "portal/vendor/axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@dataclass
class Doors:
    """The platform at `url`, and an app at another address that writes down what it hears."""

    url: str
    app_url: str
    platform: Any
    heard: list[dict[str, str]] = field(default_factory=list)

    def ask(self, scope: str) -> str:
        asked = {"response_type": "code", "client_id": "browser-app", "redirect_uri": f"{self.app_url}/callback"}
        asked |= {"scope": scope, "state": "a-state-hard-to-guess", "aud": f"{self.url}/fhir"}
        return f"{self.url}/auth/authorize?{urlencode({**asked, 'code_challenge': CHALLENGE, 'code_challenge_method': 'S256'})}"


@pytest.fixture(scope="module")
async def doors(postgres_url: str, new_platform: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{door.getsockname()[1]}"
    async with new_platform(postgres_url, tmp_path_factory.mktemp("doors"), "demo", public_url=url) as platform:
        found = Doors(url, "", platform)

        async def callback(request: web.Request) -> web.Response:
            found.heard.append(dict(request.query))
            return web.Response(text="<!doctype html><title>App</title>Appen är öppen", content_type="text/html")

        runner = await _app(callback)
        found.app_url = f"http://localhost:{runner.addresses[0][1]}"
        row = {
            "id": "browser-app",
            "kind": "app",
            "name": "Blodtrycksdagboken",
            "auth": "none",
            "about": "Visar dina blodtryck.",
        }
        row |= {
            "grants": ["authorization_code"],
            "scopes": ["openid", "fhirUser", "offline_access", "launch/patient", "patient/*.rs"],
        }
        row |= {
            "doors": ["information"],
            "redirect_uris": [f"{found.app_url}/callback"],
            "approved": True,
            "demo": True,
        }
        async with platform.db.transaction() as tx:
            await clients.save(tx, [row])
        server = uvicorn.Server(uvicorn.Config(platform.app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[door]))
        yield found
        server.should_exit = True
        await serving
        await runner.cleanup()


async def _app(callback: Any) -> web.AppRunner:
    app = web.Application()
    app.router.add_get("/callback", callback)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield found
        await found.close()


@pytest.fixture
async def page(chromium: Browser, doors: Doors) -> AsyncIterator[Page]:
    """A page that has said nothing bad by the end: no script error, no refusal by the content security policy."""
    context, said = await chromium.new_context(viewport={"width": 390, "height": 844}), []
    found = await context.new_page()
    found.on("pageerror", lambda error: said.append(str(error)))
    found.on("console", lambda one: said.append(one.text) if one.type == "error" and ours(one, doors) else None)
    yield found
    await context.close()
    assert said == []


def ours(message: ConsoleMessage, doors: Doors) -> bool:
    """The app's own page has no icon, which Chromium complains of."""
    return bool(message.location["url"].startswith(doors.url))


async def comes(page: Page, doors: Doors, who: str, address: str) -> None:
    """Goes to an address, is led through sign-in, and comes there."""
    await page.goto(address)
    await page.get_by_label("Namn, roll eller enhet").fill(who)
    await page.get_by_role("button", name="Logga in", exact=True).click()
    await page.wait_for_url(f"{doors.url}/auth/authorize?**")


async def nobody_is_shut_out(page: Page) -> None:
    await page.evaluate(AXE)
    found = await page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found["violations"]] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_patient_unticks_and_lets_the_app_in(page: Page, doors: Doors) -> None:
    scope = "openid fhirUser launch/patient offline_access patient/Observation.rs patient/Condition.rs"
    await comes(page, doors, "Stina Bergström", doors.ask(scope))
    await expect(page.get_by_role("heading", name="Blodtrycksdagboken vill läsa din journal")).to_be_visible()
    await nobody_is_shut_out(page)

    await page.get_by_label("Diagnoser och besvär").uncheck()
    await page.get_by_label("Hämta uppgifter även när du inte är inloggad").uncheck()
    await page.get_by_role("button", name="Släpp in appen").click()

    await expect(page.get_by_text("Appen är öppen")).to_be_visible()
    data = {"grant_type": "authorization_code", "client_id": "browser-app", "redirect_uri": f"{doors.app_url}/callback"}
    async with doors.platform.browser() as app:
        answer = await app.post(
            "/auth/token", data={**data, "code": doors.heard[-1]["code"], "code_verifier": VERIFIER}
        )
    assert set(answer.json()["scope"].split()) == {"openid", "fhirUser", "launch/patient", "patient/Observation.rs"}


async def test_a_no_reaches_the_app(page: Page, doors: Doors) -> None:
    await comes(page, doors, "Stina Bergström", doors.ask("patient/Observation.rs"))
    await page.get_by_role("button", name="Nej tack").click()

    await expect(page.get_by_text("Appen är öppen")).to_be_visible()
    assert doors.heard[-1]["error"] == "access_denied"


async def test_staff_choose_patient_and_find_their_sessions(page: Page, doors: Doors, a_record: Any) -> None:
    before = doors.platform.app.state.portal
    doors.platform.app.state.portal = replace(before, record=a_record)
    await comes(page, doors, "Anna Lind", doors.ask("launch/patient patient/Observation.rs"))
    await nobody_is_shut_out(page)
    await page.get_by_label("Namn eller personnummer").fill("Andersson")
    await page.get_by_role("button", name="Sök patient").click()
    await nobody_is_shut_out(page)
    await page.get_by_role("button", name="ANDERSSON, Test").click()
    await expect(page.get_by_text("Appen är öppen")).to_be_visible()
    doors.platform.app.state.portal = before

    await page.goto(f"{doors.url}/auth/sessions")
    await nobody_is_shut_out(page)
    await expect(page.get_by_text("Blodtrycksdagboken")).to_be_visible()
    await page.get_by_role("button", name="Ta bort", exact=True).click()
    await expect(page.get_by_text("Appen är borttagen")).to_be_visible()
