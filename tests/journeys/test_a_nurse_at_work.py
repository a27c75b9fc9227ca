"""A doctor works in a browser: finds a patient, reads, writes while VIS dies and comes back, signs, corrects; clicks are counted."""

import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
WORDS = "Mindre andfådd, kan ligga med en kudde."


@pytest.fixture
async def page(region: Any) -> AsyncIterator[Page]:
    """A page of Anna Lind's, signed in at her clinic."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        browser: Browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = await browser.new_context(base_url=region.settings.public_url, locale="sv-SE")
        found = await context.new_page()
        await signed_in(found)
        yield found
        await browser.close()


async def signed_in(page: Page) -> None:
    await page.goto("/portal/")
    await page.locator("#named").fill("Anna Lind")
    await page.locator("#named").press("Enter")
    commission = page.locator("button[name=commission]")
    if await commission.count():
        await commission.first.click()
    await expect(page.locator("h1")).to_have_text("Min dag")


async def here(bench: Any) -> None:
    """Tolvan is with the clinic: what gives it a relation."""
    visit = {
        "resourceType": "Encounter",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": f"Patient/{TOLVAN}"},
        "period": {"start": "2026-11-22T09:50:00+01:00"},
        "reasonCode": [{"text": "Hjärtsvikt"}],
    }
    answer = await bench.post("/vis/fhir/Encounter", json=visit, headers={"FVM-Patient": TOLVAN})
    assert answer.status_code == 201, answer.text[:300]


async def test_from_the_day_through_a_note_to_its_correction(page: Page, region: Any, until: Any) -> None:
    async with region.client("anna") as anna:
        await here(anna)
    row = page.get_by_role("link", name="TOLVANSSON, Tolvan").first

    async def on_the_list() -> None:
        await page.goto("/portal/")
        assert await row.count()

    await until(on_the_list, 60)
    began = time.monotonic()
    await row.click()  # one click from the worklist to the chart
    await expect(page.locator("#c-problems")).to_be_visible()
    assert time.monotonic() - began < 10
    await page.get_by_role("link", name="Anteckningar", exact=True).first.click()
    await page.get_by_role("link", name="Daganteckning").first.click()
    await page.get_by_label("Subjektivt").fill(WORDS)
    state = page.locator("#note-state")
    await expect(state).to_contain_text("Sparat", timeout=10_000)
    if region.region is not None:
        await written_while_vis_is_dead(page, region)
    await page.get_by_role("button", name="Signera", exact=True).click()  # one click signs
    await expect(page.get_by_text("Anteckningen är signerad.")).to_be_visible(timeout=30_000)
    await listed(page, until, WORDS)
    await corrected(page)
    await listed(page, until, "två kuddar")


async def listed(page: Page, until: Any, words: str) -> None:
    """The note stands in the region's record, where the list is read, within seconds."""

    async def there() -> None:
        await page.goto(f"/portal/patients/{TOLVAN}/notes")
        assert await page.locator("article").filter(has_text=words).count()

    await until(there, 60)


async def written_while_vis_is_dead(page: Page, region: Any) -> None:
    """Loud while it lasts, not a word lost, and stored by itself when VIS is back."""
    region.kill("vis", stay_dead=True)
    await page.get_by_label("Bedömning").fill("Försämrad hjärtsvikt.")
    await expect(page.locator("#note-state")).to_have_text("INTE SPARAT", timeout=30_000)
    await expect(page.locator("#note-wrong")).to_contain_text("Texten finns kvar här.")
    await page.get_by_label("Åtgärd").fill("Furosemid oförändrat.")
    region.revive("vis")
    await expect(page.locator("#note-state")).to_contain_text("Sparat", timeout=90_000)
    await page.reload()
    for label, text in (
        ("Subjektivt", WORDS),
        ("Bedömning", "Försämrad hjärtsvikt."),
        ("Åtgärd", "Furosemid oförändrat."),
    ):
        await expect(page.get_by_label(label)).to_have_value(text)


async def corrected(page: Page) -> None:
    """Both texts can be read afterwards: the new one in the list, the old one in the note's history."""
    await page.locator("article").filter(has_text=WORDS).first.get_by_role("link", name="Rätta").click()
    await page.get_by_label("Varför rättas den?").fill("Fel antal kuddar")
    await page.get_by_label("Subjektivt").fill("Mindre andfådd, sover med två kuddar.")
    await page.get_by_role("button", name="Signera rättelsen").click()
    await expect(page.get_by_text("Anteckningen är signerad.")).to_be_visible(timeout=30_000)
