"""In Debian's Chromium, at the size of a phone: the patient's house for the patient and for a guardian, with keys and without script."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
OWN, CHILDS = f"/portal/mine/{TOLVAN}", f"/portal/mine/{STINA}"
PAGES = {
    "start": OWN,
    "journal": f"{OWN}/journal",
    "note": f"{OWN}/journal/DocumentReference/doc-1",
    "visit": f"{OWN}/journal/Encounter/enc-1",
    "results": f"{OWN}/results",
    "answer": f"{OWN}/results/rep-1",
    "trend": f"{OWN}/results/trend?analys=P-Kalium&enhet=mmol/L",
    "diagnoses": f"{OWN}/diagnoses",
    "vaccinations": f"{OWN}/vaccinations",
    "privacy": f"{OWN}/privacy",
    "proxies": f"{OWN}/proxies",
    "settings": f"{OWN}/settings",
    "download": f"{OWN}/download",
    "whole record": f"{OWN}/download/read",
    "more": f"{OWN}/more",
    "child's start": CHILDS,
    "child's journal": f"{CHILDS}/journal",
    "child's privacy": f"{CHILDS}/privacy",
    "not there": f"{OWN}/finns-inte",
}


@pytest.fixture
async def house(platform: Any, serve: Any) -> AsyncIterator[Any]:
    """Tolvan's record with a visit soon and an older value, and a child of theirs."""
    soon = (datetime.now(UTC) + timedelta(hours=30)).isoformat(timespec="seconds")
    patient = {"actor": {"reference": f"Patient/{TOLVAN}"}, "status": "accepted"}
    place = {
        "actor": {"reference": "HealthcareService/h", "display": "Hjärtmottagningen, Norra Kliniken"},
        "status": "accepted",
    }
    visit = {
        "resourceType": "Appointment",
        "id": "v-1",
        "status": "booked",
        "start": soon,
        "participant": [patient, place],
    }
    older = {**platform.held["Observation/lab-0"], "id": "old", "effectiveDateTime": "2026-03-02T08:00:00Z"}
    older |= {"category": [{"coding": [{"code": "laboratory"}]}], "valueQuantity": {"value": 4.4, "unit": "mmol/L"}}
    ill = {**platform.held["DiagnosticReport/rep-1"], "id": "rep-9", "status": "preliminary", "result": []}
    platform.add(visit, older, {**ill, "effectiveDateTime": "2026-11-20T08:00:00Z"})
    platform.acting = [{"patient": STINA, "role": "guardian"}]
    nobody = {"id": "", "name": ""}
    access = {
        "accessDate": "2026-11-26T08:30:00Z",
        "careUnit": {"id": "u", "name": "Medicinmottagningen"},
        "careProvider": nobody,
    }
    access |= {
        "userName": "Anna Lind",
        "userTitle": "Läkare",
        "self": False,
        "purpose": "Vård och behandling",
        "activity": "Läst",
    }
    platform.log = {"accesses": [access, {**access, "activityType": "Nödöppning"}]}
    platform.state = {"parts": [{"provider": "SE0000000001-0001", "unit": "SE0000000001-BARNOCHUNGDOMSMED"}]}
    async with serve(platform, public_url="") as found:
        yield found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield found
        await found.close()


async def opened(browser: Browser, house: Any, **more: Any) -> Page:
    size = {"width": 390, "height": 844}
    context = await browser.new_context(
        **{"base_url": house.url, "viewport": size, "reduced_motion": "reduce", "bypass_csp": True, **more}
    )
    await context.add_cookies([{"name": "who", "value": "patient", "url": house.url}])
    return await context.new_page()


async def test_every_page_passes_axe_and_fits_with_targets_of_44_pixels(browser: Browser, house: Any) -> None:
    page = await opened(browser, house)
    for name, path in PAGES.items():
        for width in (320, 390, 1440):
            await page.set_viewport_size({"width": width, "height": 844})
            await page.goto(path)
            await page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0, (name, width)
            assert await page.evaluate(_SMALL) == [], (name, width)
            for scheme in {320: (), 390: ("light", "dark"), 1440: ("light",)}[width]:
                await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                await page.evaluate(AXE)
                found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
                told = [(broken["id"], broken["nodes"][0]["html"]) for broken in found["violations"]]
                assert told == [], (name, width, scheme)


# Buttons, and links that are not words within a sentence, whose own area or whose row is lower than 44 px.
_SMALL = """() => [...document.querySelectorAll('button, summary, .button, .chip, .nav__item, .mine-row__title > a, .mine-back a')]
  .filter((one) => one.checkVisibility() && one.getAttribute('aria-hidden') !== 'true')
  .filter((one) => (one.closest('.mine-row') || one).getBoundingClientRect().height < 43.5)
  .map((one) => one.outerHTML.slice(0, 120))"""


async def test_nothing_breaks_at_twice_the_text(browser: Browser, house: Any) -> None:
    page = await opened(browser, house, viewport={"width": 1280, "height": 900})
    for name in ("start", "answer", "more", "child's start", "privacy"):
        await page.goto(PAGES[name])
        await page.add_style_tag(
            content="html{font-size:200%}*{line-height:1.5;letter-spacing:.12em;word-spacing:.16em}"
        )
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, name


async def test_the_whole_row_is_the_target_and_keys_alone_reach_it(browser: Browser, house: Any) -> None:
    page = await opened(browser, house)
    await page.goto(PAGES["more"])
    row = page.locator(".mine-row", has_text="Provsvar")
    box = await row.bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + box["width"] - 12, box["y"] + box["height"] - 12)
    await expect(page.locator("h1")).to_have_text("Provsvar")
    await page.get_by_role("link", name="Provsvar, hjärtsvikt").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Provsvar, hjärtsvikt")


async def test_what_waits_is_reached_in_one_press_from_the_start(browser: Browser, house: Any) -> None:
    house.platform.held["DiagnosticReport/rep-1"]["effectiveDateTime"] = datetime.now(UTC).isoformat()
    page = await opened(browser, house)
    await page.goto("/portal/")
    assert page.url.endswith(OWN)
    await page.get_by_role("link", name="Nytt svar: Provsvar, hjärtsvikt").click()
    await expect(page.get_by_text("Din vårdgivare har inte kommenterat ännu.")).to_be_visible()


async def test_pat_04_a_guardian_steps_into_the_childs_house_and_back_and_the_bar_stays_in_sight(
    browser: Browser, house: Any
) -> None:
    page = await opened(browser, house)
    await page.goto(PAGES["more"])
    await page.get_by_role("link", name="Stina Bergström").click()
    bar = page.locator(".persona")
    await expect(bar).to_contain_text("Du är här för Stina")
    await page.get_by_role("link", name="Journal", exact=True).click()
    await expect(page).to_have_url(f"{house.url}{CHILDS}/journal")
    await page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    await expect(bar).to_be_in_viewport()
    await bar.get_by_role("link", name="Till mig själv").click()
    await expect(page).to_have_url(f"{house.url}{OWN}")
    await expect(bar).to_have_count(0)


async def test_what_comes_to_the_childs_record_appears_in_the_guardians_page_by_itself(
    browser: Browser, house: Any
) -> None:
    page = await opened(browser, house)
    await page.goto(PAGES["child's journal"])
    await expect(page.locator("#live-line")).to_contain_text("Uppdaterad")
    note = {
        **house.platform.held["DocumentReference/doc-1"],
        "id": "childs",
        "subject": {"reference": f"Patient/{STINA}"},
    }
    while not house.hub.listening:
        await page.wait_for_timeout(50)
    house.platform.add(note)
    house.hub.publish([STINA], ["DocumentReference/childs"])
    await expect(page.locator(".event")).to_contain_text("Inskrivningsanteckning", timeout=15_000)
    await expect(page.locator("#live-line")).to_contain_text("Ny anteckning")


async def test_the_house_works_without_script(browser: Browser, house: Any) -> None:
    page = await opened(browser, house, java_script_enabled=False)
    await page.goto(OWN)
    await page.get_by_role("link", name="Mer", exact=True).click()
    await page.get_by_role("link", name="Inställningar och appar").click()
    await page.get_by_role("button", name="Mörkt").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(page.locator("h1")).to_have_text("Inställningar och appar")
    await page.get_by_role("link", name="Journal", exact=True).click()
    await page.locator("#timeline").get_by_role("link", name="Provsvar", exact=True).click()
    await expect(page).to_have_url(f"{house.url}{OWN}/journal?visa=svar")


async def test_the_file_is_fetched_with_one_press(browser: Browser, house: Any) -> None:
    page = await opened(browser, house)
    await page.goto(PAGES["download"])
    async with page.expect_download() as begun:
        await page.get_by_role("button", name="Hämta filen").click()
    fetched = await begun.value
    assert fetched.suggested_filename.startswith("min-vard-")
    assert await fetched.failure() is None
