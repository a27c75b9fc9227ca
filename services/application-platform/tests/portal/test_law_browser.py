"""In Debian's Chromium: correction asked for and answered, an emergency widened, the manager's review; with keys, axe and every width."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
UNIT, PROVIDER = "SE0000000001-BARNOCHUNGDOMSMED", "SE0000000001-0001"
CORRECTIONS, REQUESTS = f"/portal/mine/{TOLVAN}/corrections", "/portal/review/requests"
ACCESS = f"/portal/patients/{TOLVAN}/access"
ASKED = {
    "id": "6f9619ff-8b86-4011-b42d-00c04fc964ff", "patient": TOLVAN, "kind": "correction", "provider": PROVIDER, "unit": UNIT,
    "about": "", "by": "Tolvan Tolvansson", "text": "Jag har aldrig haft astma, det var en luftrörskatarr.",
    "at": "2026-11-20T10:00:00Z", "state": "open", "outcome": "", "answer": "",
}  # fmt: skip
ANSWERED = {**ASKED, "id": "a", "state": "answered", "outcome": "noted", "answer": "Vi har antecknat vad du tycker."}
DESTRUCTION = {**ASKED, "id": "7f9619ff-8b86-4011-b42d-00c04fc964ff", "kind": "destruction"}
PAGES = {"corrections": ("patient", CORRECTIONS), "requests": ("manager", REQUESTS), "emergency": ("staff", ACCESS),
         "review": ("manager", "/portal/review")}  # fmt: skip


@pytest.fixture
async def house(platform: Any, serve: Any) -> AsyncIterator[Any]:
    platform.requests = [ASKED, ANSWERED, DESTRUCTION]
    platform.state = {
        "parts": [{"zone": "other", "provider": PROVIDER, "unit": UNIT, "state": "need-consent"}],
        "consent": True,
        "assertion": "Emergency",
    }
    async with serve(platform, public_url="") as found:
        yield found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-sync"])
        yield found
        await found.close()


async def opened(browser: Browser, house: Any, who: str, **more: Any) -> Page:
    size = {"width": 390, "height": 844}
    context = await browser.new_context(
        **{"base_url": house.url, "viewport": size, "reduced_motion": "reduce", "bypass_csp": True, **more}
    )
    await context.add_cookies([{"name": "who", "value": who, "url": house.url}])
    return await context.new_page()


@pytest.mark.parametrize("name", PAGES)
async def test_every_page_of_the_law_passes_axe_and_fits_in_light_and_dark(
    browser: Browser, house: Any, name: str
) -> None:
    who, path = PAGES[name]
    page = await opened(browser, house, who)
    for width in (320, 390, 1440):
        await page.set_viewport_size({"width": width, "height": 844})
        await page.goto(path)
        await page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, width
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.evaluate(AXE)
            found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
            assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == [], (width, scheme)
    await page.context.close()


async def test_pat_13_a_patient_asks_with_keys_alone_and_what_is_wrong_is_said_at_its_field(
    browser: Browser, house: Any
) -> None:
    page = await opened(browser, house, "patient", java_script_enabled=False)
    await page.goto(CORRECTIONS)
    await page.get_by_label("Vad är fel, och hur är det i stället?").focus()
    await page.keyboard.type("Det var vänster knä")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Begäran är inte skickad.")
    await expect(page.get_by_label("Vem har skrivit det?")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Vad är fel, och hur är det i stället?")).to_have_value("Det var vänster knä")
    await page.get_by_label("Vem har skrivit det?").select_option(f"{PROVIDER}|{UNIT}")
    await page.get_by_role("button", name="Skicka").press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Din begäran är skickad.")
    [(door, body)] = house.platform.acts
    assert (door, body["text"], body["unit"]) == ("requests", "Det var vänster knä", UNIT)


async def test_pat_13_a_manager_answers_in_two_clicks_and_a_text(browser: Browser, house: Any) -> None:
    house.platform.requests = [ASKED, DESTRUCTION]
    page = await opened(browser, house, "manager", viewport={"width": 1440, "height": 900})
    await page.goto("/portal/review")
    await page.get_by_role("link", name="Begäran från patienter").click()
    await page.get_by_label("Svar till patienten").first.fill("Vi har antecknat vad du tycker.")
    await page.get_by_role("button", name="Synpunkten är antecknad").click()
    await expect(page.get_by_role("status")).to_have_text("Svaret är skickat till patienten.")
    [(door, body)] = house.platform.acts
    assert (door, body["outcome"]) == (f"requests/{ASKED['id']}/answer", "noted")


async def test_emg_03_an_emergency_is_widened_from_its_form_with_the_second_confirmation(
    browser: Browser, house: Any
) -> None:
    page = await opened(browser, house, "staff", viewport={"width": 1440, "height": 900})
    await page.goto(ACCESS)
    fold = page.locator("#emergency")
    await fold.locator("summary").press("Enter")
    await fold.get_by_label("Alla uppgifter som inte är spärrade").check()
    await fold.get_by_label("Fara för patientens liv").check()
    await fold.get_by_label("Vad har hänt, och varför behövs uppgifterna?").fill(
        "Medvetslös, behöver alla anteckningar"
    )
    await fold.get_by_role("button", name="Öppna i nöd").click()
    assert house.platform.acts == [], "without the second confirmation nothing is sent"
    await fold.get_by_role("checkbox").check()
    await fold.get_by_role("button", name="Öppna i nöd").click()
    await expect(page.get_by_role("status")).to_be_visible()
    [(door, body)] = house.platform.acts
    assert (door, body["confirmed"], body["reason"]) == ("emergencies", True, "Medvetslös, behöver alla anteckningar")
    assert (body["ground"], body["matters"]) == ("life", []), "all that is not blocked"
