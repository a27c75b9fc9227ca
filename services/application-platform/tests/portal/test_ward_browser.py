"""In Debian's Chromium: a nurse measures and moves with few clicks, cards change in place, and every page passes axe."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from application_platform.portal.hearing import Ears
from application_platform.testing_ward import a_bed, a_panel, a_score, a_stay

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
CHART = f"/portal/patients/{TOLVAN}"
PANEL = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
async def work(platform: Any, serve: Any, demo: Any) -> AsyncIterator[Any]:
    """The portal of a ward: Tolvan in the first bed, Stina waited for, the second bed free."""
    platform.held.pop("Encounter/enc-1")
    platform.add(a_bed(1), a_bed(2), a_stay(TOLVAN, 1), a_stay(STINA, None, status="planned"))
    platform.add(*a_panel(TOLVAN, PANEL, 3, 1, pulse=96, spo2=95, temperature=38.2))
    async with serve(platform, public_url="", db=demo.db) as found:
        ears = Ears(demo.db, found.hub)
        listening = asyncio.create_task(ears.run())
        await asyncio.wait_for(ears.listening.wait(), 5)
        yield found
        listening.cancel()


@pytest.fixture
async def context(work: Any) -> AsyncIterator[BrowserContext]:
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        found = await browser.new_context(
            base_url=work.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce", bypass_csp=True
        )
        await found.add_cookies([{"name": "who", "value": "staff", "url": work.url}])
        yield found
        await browser.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


async def test_a_whole_set_of_vitals_is_one_click_and_typing_away_from_the_board(page: Page, work: Any) -> None:
    await page.goto("/portal/ward")
    await page.get_by_role("link", name="Kontroll TOLVANSSON, Tolvan").click()
    await page.locator("#v-respirations").focus()
    for value in ("22", "93", "104", "62", "96", "38,4"):
        await page.keyboard.type(value)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Space")  # Nej, luft
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")  # A, alert
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/vitals\?klar=[0-9a-f-]{36}$"))
    [(name, said)] = work.vis.acts
    expected = {"respirations": 22, "spo2": 93, "systolic": 104, "diastolic": 62, "pulse": 96, "temperature": 38.4}
    assert (name, {key: said[key] for key in expected}) == ("record-vitals", expected)
    assert (said["oxygen"], said["consciousness"]) == (False, "A")


async def test_a_fault_has_the_focus_and_the_words(page: Page, work: Any) -> None:
    await page.goto(f"{CHART}/vitals")
    await page.locator("#v-pulse").fill("9600")
    await page.locator("#v-temperature").fill("38,4")
    await page.get_by_role("button", name="Spara kontroll").click()
    await expect(page.locator("#v-pulse")).to_be_focused()
    await expect(page.locator("#v-pulse-error")).to_have_text("Puls är mellan 0 och 300 /min")
    await expect(page.locator("#v-temperature")).to_have_value("38,4")
    assert work.vis.acts == []


async def test_a_sign_in_that_ends_in_the_middle_keeps_every_value(
    page: Page, context: BrowserContext, work: Any
) -> None:
    await page.goto(f"{CHART}/vitals")
    await page.locator("#v-pulse").fill("96")
    await context.clear_cookies()
    await page.get_by_role("button", name="Spara kontroll").click()
    await expect(page.get_by_role("alert")).to_contain_text("INTE SPARAD. Du är utloggad.")
    await expect(page.get_by_role("link", name="Logga in i en ny flik")).to_be_visible()
    await context.add_cookies([{"name": "who", "value": "manager", "url": work.url}])  # somebody else signs in
    await page.get_by_role("button", name="Spara kontroll").click()
    await expect(page.get_by_role("alert")).to_contain_text("Någon annan är inloggad.")
    assert work.vis.acts == []
    await expect(page.locator("#v-pulse")).to_have_value("96")
    await context.add_cookies([{"name": "who", "value": "staff", "url": work.url}])
    await page.get_by_role("button", name="Spara kontroll").click()
    await expect(page).to_have_url(re.compile(r"/vitals\?klar="))
    assert [said["pulse"] for _, said in work.vis.acts] == [96]


async def test_who_is_waited_for_gets_a_bed_from_the_board_with_two_presses(page: Page, work: Any) -> None:
    await page.goto("/portal/ward")
    await page.get_by_label("Plats till BERGSTRÖM, Stina").select_option(label="Sal 2, säng 1")
    await page.get_by_role("button", name="Skriv in BERGSTRÖM, Stina").click()
    await expect(page.get_by_role("status").filter(has_text="är inskriven")).to_be_visible()
    assert work.vis.acts == [("admit", {"key": f"Encounter/stay-{STINA}", "bed": "b2"})]
    assert work.vis.contexts == [STINA]


async def test_a_move_needs_no_dragging_and_two_presses_at_once_are_one(page: Page, work: Any) -> None:
    await page.goto("/portal/ward")
    await page.get_by_role("link", name="Flytta, skriv ut TOLVANSSON, Tolvan").click()
    await page.get_by_role("button", name="Flytta TOLVANSSON, Tolvan").click()
    await expect(page.get_by_role("status").filter(has_text="Patienten är flyttad.")).to_be_visible()
    assert work.vis.acts == [("move", {"key": f"Encounter/stay-{TOLVAN}", "bed": "b2", "from": "b1"})]


async def test_a_card_changes_in_its_place_when_the_patient_is_measured(page: Page, work: Any, platform: Any) -> None:
    await page.goto("/portal/ward")
    card = page.locator("#bed-b1")
    await expect(card.locator(".news2")).to_have_text("NEWS2 3")
    await expect(page.locator("#connection-word")).to_have_text("Ansluten")
    platform.add(a_score(TOLVAN, "worse", 8, 0.01, spo2=3, respirations=3, pulse=2))
    work.hub.publish([TOLVAN], ["Observation/worse"])
    await expect(card.locator(".news2--red")).to_have_text("NEWS2 8")
    assert await page.locator(".bed").first.get_attribute("id") == "bed-b1"


async def test_a_card_that_somebody_is_at_waits_and_says_so(page: Page, work: Any, platform: Any) -> None:
    await page.goto("/portal/ward")
    card = page.locator("#bed-b1")
    await expect(page.locator("#connection-word")).to_have_text("Ansluten")
    await card.get_by_role("link", name="Kontroll").focus()
    platform.add(a_score(TOLVAN, "worse", 8, 0.01, spo2=3))
    work.hub.publish([TOLVAN], ["Observation/worse"])
    await expect(page.locator("#ward-live")).to_contain_text("Något är ändrat")
    await expect(card.locator(".news2")).to_have_text("NEWS2 3")
    await page.locator("#top-search").focus()
    await expect(card.locator(".news2")).to_have_text("NEWS2 8", timeout=10_000)


async def test_what_a_colleague_does_comes_to_the_board_and_the_newcomer_is_followed(
    page: Page, context: BrowserContext, work: Any, platform: Any
) -> None:
    await page.goto("/portal/ward")
    await expect(page.locator("#connection-word")).to_have_text("Ansluten")
    other = await context.new_page()
    await other.goto("/portal/ward")
    platform.add(a_stay(STINA, 2))  # what VIS holds once it has taken the act below
    await other.get_by_label("Plats till BERGSTRÖM, Stina").select_option(label="Sal 2, säng 1")
    await other.get_by_role("button", name="Skriv in BERGSTRÖM, Stina").click()
    await expect(page.locator("#bed-b2")).to_contain_text("BERGSTRÖM, Stina")
    platform.add(a_score(STINA, "first", 5, 0.01, spo2=3, pulse=2))
    work.hub.publish([STINA], ["Observation/first"])
    await expect(page.locator("#bed-b2 .news2--amber")).to_have_text("NEWS2 5")


async def test_a_board_without_contact_says_that_it_may_be_old(page: Page, work: Any) -> None:
    await page.goto("/portal/ward")
    await expect(page.locator("#connection-word")).to_have_text("Ansluten")
    work.vis.away = True
    work.hub.publish([TOLVAN], ["Observation/x"])
    await expect(page.locator("#ward")).to_contain_text("EJ KONTROLLERAD")


async def test_the_key_leads_to_the_ward_and_everything_is_reached_by_keyboard(page: Page, work: Any) -> None:
    await page.goto("/portal/")
    await page.locator("#main").focus()
    await page.keyboard.press("g")
    await page.keyboard.press("a")
    await expect(page).to_have_url(f"{work.url}/portal/ward")
    reached = set()
    for _ in range(40):
        await page.keyboard.press("Tab")
        reached.add(await page.evaluate("document.activeElement.textContent.trim().replace(/\\s+/g, ' ')"))
    assert {
        "Kontroll TOLVANSSON, Tolvan, Sal 1, säng 1",
        "Flytta, skriv ut TOLVANSSON, Tolvan, Sal 1, säng 1",
    } <= reached
    assert "Skriv in BERGSTRÖM, Stina" in reached


PAGES = ("/portal/ward", "/portal/ward?vagg=1", f"{CHART}/stay", f"/portal/patients/{STINA}/stay", f"{CHART}/vitals",
         f"{CHART}/vitals?ratta={PANEL}")  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_of_the_ward_passes_axe_and_fits_in_light_and_dark(page: Page, path: str) -> None:
    for width in (320, 390, 1440):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.goto(path)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.evaluate(AXE)
            found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
            assert [(broken["id"], broken["nodes"][0]["html"]) for broken in found["violations"]] == [], scheme
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0
