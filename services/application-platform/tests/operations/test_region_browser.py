"""In Debian's Chromium: the operator's pages are for everybody, fit a phone, renew themselves, and say when they are old."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from httpx2 import AsyncClient
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parents[1] / "portal" / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PUBLIC = "http://fvm.test"


@pytest.fixture
async def port(demo: Any) -> AsyncIterator[int]:
    """The platform on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(demo.app, port=0, lifespan="off", log_config=None))
    server.config.load()
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@pytest.fixture
async def chromium(port: int) -> AsyncIterator[Browser]:
    """A Chromium to which the region's public name leads here."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    flags.append(f"--host-resolver-rules=MAP fvm.test:80 127.0.0.1:{port}")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield found
        await found.close()


async def context_for(chromium: Browser, operator: AsyncClient, width: int) -> BrowserContext:
    """A window of this width, signed in as the operator."""
    found = await chromium.new_context(
        base_url=PUBLIC, viewport={"width": width, "height": 800}, bypass_csp=True, reduced_motion="reduce"
    )
    cookies = [{"name": one.name, "value": one.value or "", "url": PUBLIC} for one in operator.cookies.jar]
    await found.add_cookies(cookies)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("width", [320, 390, 1440])
async def test_the_pages_pass_axe_and_fit_in_light_and_dark(
    chromium: Browser, operator: AsyncClient, width: int
) -> None:
    context = await context_for(chromium, operator, width)
    page = await context.new_page()
    for path in ("/portal/region", "/portal/region/messages/information-7"):
        await page.goto(path)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.evaluate(AXE)
            found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
            told = [(broken["id"], broken["nodes"][0]["html"]) for broken in found["violations"]]
            assert told == [], (path, scheme)
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0, (path, scheme)
    await context.close()


async def test_the_picture_renews_itself_and_says_when_it_is_old(
    chromium: Browser, operator: AsyncClient, services: Any
) -> None:
    context = await context_for(chromium, operator, 1440)
    page = await context.new_page()
    await page.goto("/portal/region")
    await expect(page.locator("#region-line")).to_have_text("Allt är som det ska.")
    await page.locator("table a").first.focus()

    services.late = [{"topic": "vis.record.v1", "messages": 12, "oldest_seconds": 90}]
    await expect(page.locator("#region-line")).to_contain_text("inte nått Kafka", timeout=10_000)
    assert await page.evaluate("document.activeElement.tagName") == "A"  # what is read and used does not move

    await context.set_offline(True)
    await expect(page.locator("#region-line")).to_contain_text("Ingen kontakt sedan", timeout=10_000)
    await context.set_offline(False)
    await expect(page.locator("#region-line")).to_contain_text("inte nått Kafka", timeout=10_000)
    await context.close()
