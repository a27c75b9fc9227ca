"""A patient and a nurse in two browsers: a question, its answer as it comes, an own value, and who read it in the patient's own log."""

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
HOUSE, CHART = f"/portal/mine/{STINA}", f"/portal/patients/{STINA}"
NORRBY = "SE0000000001-1001"
SUBJECT = "Yrsel när jag reser mig"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield found
        await found.close()


async def signed_in(browser: Browser, region: Any, name: str, width: int) -> Page:
    context = await browser.new_context(
        base_url=region.settings.public_url, locale="sv-SE", viewport={"width": width, "height": 900}
    )
    page = await context.new_page()
    await page.goto("/portal/")
    await page.locator("#named").fill(name)
    await page.locator("#named").press("Enter")
    await page.wait_for_url(lambda address: "/auth/sign-in" not in address)
    commission = page.locator("button[name=commission]")
    if await commission.count():
        await commission.first.click()
    await page.wait_for_url("**/portal/**")
    return page


async def test_a_question_is_answered_while_both_look_and_the_log_says_who_read(
    browser: Browser, region: Any, until: Any
) -> None:
    stina = await signed_in(browser, region, "Stina Bergström", 390)
    bjorn = await signed_in(browser, region, "Björn Ek", 1280)
    await stina.goto(f"{HOUSE}/messages/new")
    await stina.get_by_label("Vilken mottagning?").select_option(NORRBY)
    await stina.get_by_label("Vad gäller det?").fill(SUBJECT)
    await stina.get_by_label("Din fråga").fill("Sedan i måndags. Kan det vara tabletterna?")
    await stina.get_by_role("button", name="Skicka frågan").click()
    await expect(stina.get_by_role("status").filter(has_text="Skickat.")).to_be_visible()
    talk = stina.url.split("/")[-1].partition("?")[0]

    await bjorn.goto("/portal/contact")
    await bjorn.locator(f"a[href$='/messages/{talk}']").click()
    await expect(bjorn.locator(".banner__name")).to_have_text("BERGSTRÖM, Stina")
    await bjorn.get_by_label("Svar till Stina Bergström").fill("Mät blodtrycket i morgon och skriv in det här.")
    await bjorn.get_by_role("button", name="Skicka svaret").click()
    await expect(stina.get_by_text("Mät blodtrycket i morgon")).to_be_visible(timeout=15_000)

    await stina.goto(f"{HOUSE}/own/blood-pressure")
    await stina.get_by_label("Övre tryck (mmHg)").fill("112")
    await stina.get_by_label("Undre tryck (mmHg)").fill("64")
    await stina.get_by_role("button", name="Spara").click()
    await expect(stina.get_by_text("Sparat.", exact=True)).to_be_visible()
    async with region.client("bjorn") as client:
        relation = {"id": talk, "reason": "Skriver till mottagningen", "days": 1}
        answer = await client.post(f"/information/access/patients/{STINA}/relations", json=relation)
        assert answer.status_code == 201, answer.text
    await bjorn.goto(f"{CHART}/own")
    await expect(bjorn.get_by_text("112/64").first).to_be_visible()

    async with region.client("stina") as client:

        async def told() -> None:
            log = (await client.get("/information/log/mine?count=200")).json()["accesses"]
            read = {one["activity"] for one in log if one["careUnit"]["id"] == NORRBY}
            assert {"Läste meddelanden", "Skrev ett meddelande", "Läste patientens egna uppgifter"} <= read

        await until(told, 60)
