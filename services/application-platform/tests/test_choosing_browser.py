"""The list of people at sign-in in Debian's Chromium: it follows what is typed, by keyboard alone, and shuts nobody out."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "portal" / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        await found.close()


@pytest.fixture(scope="module")
async def address(demo: Any) -> AsyncIterator[str]:
    """The platform of a demo region over HTTP."""
    server = uvicorn.Server(uvicorn.Config(demo.app, port=0, log_level="warning", lifespan="off", ws="none"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task


async def opened(browser: Browser, address: str, **context: Any) -> Page:
    found = await browser.new_context(base_url=address, **context)
    page = await found.new_page()
    await page.goto("/auth/sign-in")
    return page


async def test_the_list_follows_what_is_typed_and_comes_back(browser: Browser, address: str) -> None:
    page = await opened(browser, address)
    units = page.locator("details[data-unit]:visible")
    before = await units.count()
    assert before >= 10
    assert await page.locator("details[data-unit][open]").count() == 1

    await page.get_by_label("Namn, roll eller enhet").fill("barnmorska")
    await expect(page.locator("#found")).to_have_text("2 personer")
    await expect(units).to_have_count(1)
    await expect(page.get_by_role("button", name="Cecilia Frisk")).to_be_visible()
    await page.get_by_label("Namn, roll eller enhet").fill("zzz")
    await expect(page.locator("#found")).to_have_text("Ingen heter så")
    await page.get_by_label("Namn, roll eller enhet").fill("")
    await expect(units).to_have_count(before)
    assert await page.locator("details[data-unit][open]").count() == 1
    await page.context.close()


async def test_the_keyboard_alone_finds_and_chooses(browser: Browser, address: str) -> None:
    page = await opened(browser, address)
    await page.get_by_label("Namn, roll eller enhet").focus()
    await page.keyboard.type("barnmorska")
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("button", name="Cecilia Frisk")).to_be_focused()
    await page.keyboard.press("Shift+Tab")  # the unit's own heading unfolds and folds
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Cecilia Frisk")).to_be_hidden()
    await page.context.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_rule_of_accessibility_is_broken_and_nothing_is_wider_than_the_screen(
    browser: Browser, address: str, width: int, scheme: str
) -> None:
    page = await opened(browser, address, viewport={"width": width, "height": 800}, color_scheme=scheme)
    await page.evaluate("document.querySelectorAll('[data-unit]').forEach((unit) => { unit.open = true; })")
    await page.evaluate(AXE)
    found = await page.evaluate("(tags) => axe.run({ runOnly: tags })", RULES)
    assert [(broken["id"], [node["target"] for node in broken["nodes"]]) for broken in found["violations"]] == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await page.context.close()
