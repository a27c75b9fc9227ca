"""In Debian's Chromium: notes that save themselves and lose no word, acknowledging with one key, and the keys of the day."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from application_platform.portal.results import answers

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
CHART = f"/portal/patients/{TOLVAN}"
NEW = f"{CHART}/notes/new?mall=telefon"


@pytest.fixture
async def work(platform: Any, serve: Any) -> AsyncIterator[Any]:
    """The portal, whose forms come from where it is served."""
    async with serve(platform, public_url="") as found:
        yield found


@pytest.fixture
async def context(work: Any) -> AsyncIterator[BrowserContext]:
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        found = await browser.new_context(
            base_url=work.url, viewport={"width": 1280, "height": 900}, reduced_motion="reduce", bypass_csp=True
        )
        await found.add_cookies([{"name": "who", "value": "staff", "url": work.url}])
        yield found
        await browser.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


async def test_a_note_saves_itself_and_goes_on_after_a_reload(page: Page, work: Any) -> None:
    await page.goto(NEW)
    await page.get_by_label("Samtalet").fill("Mår bättre.")
    await expect(page.locator("#note-state")).to_contain_text("Sparat")
    await page.reload()
    await expect(page.get_by_label("Samtalet")).to_have_value("Mår bättre.")
    await page.get_by_role("button", name="Signera", exact=True).click()
    await expect(page.get_by_text("Anteckningen är signerad.")).to_be_visible()
    assert [name for name, _ in work.vis.acts] == ["sign"]


async def test_while_vis_is_away_the_page_is_loud_and_every_word_is_stored_afterwards(page: Page, work: Any) -> None:
    await page.goto(NEW)
    await page.get_by_label("Kontaktorsak").fill("Yrsel.")
    await expect(page.locator("#note-state")).to_contain_text("Sparat")
    work.vis.away = True
    await page.get_by_label("Samtalet").fill("Yrsel i tre dagar.")
    await expect(page.locator("#note-state")).to_have_text("INTE SPARAT")
    await expect(page.get_by_role("alert")).to_contain_text("Texten finns kvar här.")
    await page.get_by_label("Råd och åtgärd").fill("Vila. Ny kontakt i morgon.")
    work.vis.away = False
    await expect(page.locator("#note-state")).to_contain_text("Sparat", timeout=15_000)
    await expect(page.locator("#note-wrong")).to_be_hidden()
    [draft] = work.vis.drafts.values()
    words = "Kontaktorsak\nYrsel.\n\nSamtalet\nYrsel i tre dagar.\n\nRåd och åtgärd\nVila. Ny kontakt i morgon."
    assert draft["text"] == words


async def test_a_sign_in_that_ends_in_the_middle_of_a_note_loses_no_word(
    page: Page, context: BrowserContext, work: Any
) -> None:
    await page.goto(NEW)
    await page.get_by_label("Samtalet").fill("Mår bättre.")
    await expect(page.locator("#note-state")).to_contain_text("Sparat")
    await context.clear_cookies()
    await page.get_by_label("Samtalet").fill("Mår bättre, sover gott.")
    await expect(page.get_by_role("link", name="Logga in i en ny flik")).to_be_visible()
    await context.add_cookies([{"name": "who", "value": "manager", "url": work.url}])  # somebody else signs in
    await page.wait_for_timeout(5_000)
    await expect(page.locator("#note-state")).to_have_text("INTE SPARAT")
    await context.add_cookies([{"name": "who", "value": "staff", "url": work.url}])
    await expect(page.locator("#note-state")).to_contain_text("Sparat", timeout=15_000)
    [draft] = work.vis.drafts.values()
    assert draft["text"] == "Samtalet\nMår bättre, sover gott."


async def test_two_tabs_with_one_draft_show_both_texts_and_overwrite_nothing(
    page: Page, context: BrowserContext, work: Any
) -> None:
    await page.goto(NEW)
    await page.get_by_label("Samtalet").fill("Först.")
    await expect(page.locator("#note-state")).to_contain_text("Sparat")
    other = await context.new_page()
    await other.goto(page.url)
    await other.get_by_label("Samtalet").fill("Från den andra fliken.")
    await expect(other.locator("#note-state")).to_contain_text("Sparat")
    await page.get_by_label("Samtalet").fill("Från den första fliken.")
    await expect(page.locator("#note-theirs")).to_contain_text("Från den andra fliken.")
    await expect(page.get_by_label("Samtalet")).to_have_value("Från den första fliken.")
    await page.get_by_label("Samtalet").fill("Från den första fliken, och mer.")
    await page.wait_for_timeout(2_500)  # longer than a save waits: nothing goes on by itself
    [draft] = work.vis.drafts.values()
    assert draft["text"] == "Samtalet\nFrån den andra fliken."
    await page.get_by_role("button", name="Spara min text i stället").click()
    await expect(page.locator("#note-state")).to_contain_text("Sparat")
    [draft] = work.vis.drafts.values()
    assert draft["text"] == "Samtalet\nFrån den första fliken, och mer."


async def test_signing_while_a_save_is_under_way_signs_when_it_is_done(page: Page, work: Any) -> None:
    async def slowly(route: Any) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    await page.route("**/notes/save", slowly)
    await page.goto(NEW)
    await page.get_by_label("Samtalet").fill("Kort samtal.")
    await expect(page.locator("#note-state")).to_have_text("Sparar…")
    await page.get_by_role("button", name="Signera", exact=True).click()
    await expect(page.get_by_text("Anteckningen är signerad.")).to_be_visible()
    assert [name for name, _ in work.vis.acts] == ["sign"]


async def test_an_answer_is_acknowledged_with_one_key(page: Page, work: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "YOUNG", timedelta(days=36_500))  # the ward's answers are of November 2026
    await page.goto(f"{CHART}/answers")
    await page.keyboard.press("v")
    await expect(page.get_by_role("status").filter(has_text="vidimerat")).to_be_visible()
    assert [name for name, _ in work.vis.acts] == ["acknowledge"]


async def test_the_keys_lead_through_the_day_and_can_be_switched_off(page: Page) -> None:
    await page.goto("/portal/")
    await page.keyboard.press("/")
    await expect(page.locator("#top-search")).to_be_focused()
    await page.keyboard.type("g i tolvan")  # while one types, a key is a letter
    async with page.expect_navigation(url="**/portal/search"):
        await page.keyboard.press("Enter")
    await page.locator("#main").focus()
    await page.keyboard.press("g")
    await page.keyboard.press("i")
    await expect(page.locator("h1")).to_have_text("Inkorg")
    await page.keyboard.press("?")
    await page.get_by_label("Använd enkla tangenter").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("d")
    await expect(page.locator("h1")).to_have_text("Inkorg")


async def test_hits_are_stepped_through_with_the_arrows(page: Page) -> None:
    await page.goto("/portal/search")
    await page.locator("#q").fill("tolvan")
    await page.locator("#q").press("Enter")
    await page.locator("#q").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(".hit__link")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("TOLVANSSON, Tolvan – 19121212-1212")


@pytest.mark.parametrize("path", [NEW, f"{CHART}/answers", "/portal/"])
async def test_every_page_of_work_passes_axe_and_fits_in_light_and_dark(page: Page, path: str) -> None:
    for width in (320, 1280):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.goto(path)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.evaluate(AXE)
            found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
            assert [(broken["id"], broken["nodes"][0]["html"]) for broken in found["violations"]] == [], scheme
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0
