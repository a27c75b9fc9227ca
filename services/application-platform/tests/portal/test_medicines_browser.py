"""In Debian's Chromium: a renewal in three presses for staff and patients, prescribing by keyboard, and what every page must pass."""

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
LIST, MINE = f"/portal/patients/{TOLVAN}/medicines", f"/portal/mine/{TOLVAN}/medicines"


@pytest.fixture
async def work(platform: Any, serve: Any) -> AsyncIterator[Any]:
    """The portal, whose forms come from where it is served."""
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


async def opened(browser: Browser, work: Any, who: str, **more: Any) -> Page:
    settings = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", "bypass_csp": True, **more}
    context = await browser.new_context(base_url=work.url, **settings)
    await context.add_cookies([{"name": "who", "value": who, "url": work.url}])
    return await context.new_page()


class Presses:
    """Counts what a person presses."""

    def __init__(self) -> None:
        self.count = 0

    async def on(self, locator: Any) -> None:
        await locator.click()
        self.count += 1


async def test_staff_renew_in_three_presses_from_the_list(browser: Browser, work: Any) -> None:
    page, presses = await opened(browser, work, "staff"), Presses()
    await page.goto(LIST)
    await presses.on(page.get_by_role("button", name="Förnya Bisoprolol 5 mg"))
    await presses.on(page.get_by_label("Jag har själv kontrollerat det som är ej kontrollerat"))
    await presses.on(page.get_by_role("button", name="Signera 1 ordination"))
    await expect(page.get_by_text("1 läkemedel är ordinerat.")).to_be_visible()
    assert presses.count <= 3


async def test_staff_renew_in_three_presses_from_the_inbox(browser: Browser, work: Any, platform: Any) -> None:
    platform.add({
        "resourceType": "Task", "id": "wish", "status": "requested", "authoredOn": "2026-11-23T08:00:00Z",
        "code": {"coding": [{"system": "urn:fvm:task", "code": "renewal"}], "text": "Förnya recept"},
        "for": {"reference": f"Patient/{TOLVAN}"}, "focus": {"reference": "MedicationRequest/med-1"},
    })  # fmt: skip
    page, presses = await opened(browser, work, "staff"), Presses()
    await page.goto("/portal/inbox")
    await presses.on(page.get_by_role("link", name="Öppna läkemedel"))
    await presses.on(page.get_by_label("Jag har själv kontrollerat det som är ej kontrollerat"))
    await presses.on(page.get_by_role("button", name="Signera 1 ordination"))
    await expect(page.get_by_text("1 läkemedel är ordinerat.")).to_be_visible()
    assert presses.count <= 3
    assert work.vis.held["Task/wish"]["status"] == "completed"


async def test_a_patient_asks_for_a_renewal_on_a_phone_in_three_presses(browser: Browser, work: Any) -> None:
    page, presses = await opened(browser, work, "patient", viewport={"width": 390, "height": 844}), Presses()
    await page.goto(MINE)
    await presses.on(page.get_by_role("link", name="Förnya Bisoprolol 5 mg"))
    await presses.on(page.get_by_role("button", name="Skicka begäran"))
    await expect(page.get_by_text("Begärd 23 november, väntar på mottagningen")).to_be_visible()
    assert presses.count <= 3


async def test_a_medicine_is_prescribed_by_keyboard_and_enter_adds_what_is_written(browser: Browser, work: Any) -> None:
    page = await opened(browser, work, "staff")
    await page.goto(LIST)
    await page.get_by_label("Läkemedel, form och styrka").focus()
    await page.keyboard.type("Metformin tablett 500 mg")
    for typed in ("1", "tablett", "2"):
        await page.keyboard.press("Tab")
        await page.keyboard.type(typed)
    for _ in range(5):  # as needed, most, how, the rest in words, the cause
        await page.keyboard.press("Tab")
    await page.keyboard.type("Annan")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Diabetes typ 2")
    await page.keyboard.press("Enter")
    await expect(page.locator(".rx-draft")).to_contain_text("1 tablett 2 gånger per dag")
    await expect(page.get_by_role("button", name="Signera 1 ordination")).to_be_visible()
    await page.get_by_label("Jag har själv kontrollerat").focus()
    await page.keyboard.press("Space")
    await page.get_by_role("button", name="Signera 1 ordination").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("1 läkemedel är ordinerat.")).to_be_visible()
    assert [name for name, _ in work.vis.acts] == ["prescribe"]


async def test_without_script_a_medicine_is_renewed_and_asked_for(browser: Browser, work: Any) -> None:
    page = await opened(browser, work, "staff", java_script_enabled=False)
    await page.goto(LIST)
    await page.get_by_role("button", name="Förnya Bisoprolol 5 mg").click()
    await page.get_by_label("Jag har själv kontrollerat").check()
    await page.get_by_role("button", name="Signera 1 ordination").click()
    await expect(page.get_by_text("1 läkemedel är ordinerat.")).to_be_visible()
    mine = await opened(browser, work, "patient", java_script_enabled=False)
    await mine.goto(MINE)
    await mine.get_by_role("link", name="Förnya Bisoprolol 5 mg").click()
    await mine.get_by_role("button", name="Skicka begäran").click()
    await expect(mine.get_by_text("väntar på mottagningen")).to_be_visible()


async def test_a_patient_whose_sign_in_ends_keeps_the_words(browser: Browser, work: Any) -> None:
    page = await opened(browser, work, "patient")
    await page.goto(f"{MINE}/med-1/renew")
    await page.get_by_label("Vill du berätta något?").fill("Räcker en vecka till.")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Skicka begäran").click()
    await expect(page.get_by_role("link", name="Logga in i en ny flik")).to_be_visible()
    await expect(page.get_by_label("Vill du berätta något?")).to_have_value("Räcker en vecka till.")
    await page.context.add_cookies([{"name": "who", "value": "patient", "url": work.url}])
    await page.get_by_role("button", name="Skicka begäran").click()
    await expect(page.get_by_text("Din begäran är skickad")).to_be_visible()
    assert [said["comment"] for _, said in work.vis.acts] == ["Räcker en vecka till."]


async def test_on_paper_the_list_stands_alone(browser: Browser, work: Any) -> None:
    page = await opened(browser, work, "staff")
    await page.goto(f"{LIST}?fornya=med-1")
    await page.emulate_media(media="print")
    await expect(page.locator(".rx-row")).to_contain_text("Bisoprolol")
    await expect(page.locator("#basket")).to_be_hidden()
    await expect(page.get_by_role("button", name="Förnya")).to_have_count(0)


async def passes(page: Page, path: str) -> None:
    """axe finds nothing, nothing is wider than the window, and nothing is too small to press; in light and dark."""
    for width in (320, 390, 1440):
        await page.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.evaluate(AXE)
            found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
            assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == [], (path, width, scheme)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, (path, width)


SMALL = """() => [...document.querySelectorAll('main a, main button, main summary, main input:not([type=hidden]), main textarea')]
  .filter(one => !one.closest('p.support') && one.getClientRects().length && one.getBoundingClientRect().height < 43.5)
  .map(one => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("path", ["", "/med-1/renew"])
async def test_the_patients_pages_pass_axe_fit_and_have_large_targets(
    browser: Browser, work: Any, platform: Any, path: str
) -> None:
    _many(platform)
    page = await opened(browser, work, "patient")
    await page.goto(MINE + path)
    await passes(page, path)
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate(SMALL) == []


@pytest.mark.parametrize("path", ["", "/med-1", "?fornya=med-1"])
async def test_the_staffs_pages_pass_axe_and_fit(browser: Browser, work: Any, platform: Any, path: str) -> None:
    _many(platform)
    work.pharmacy.found["Bisoprolol"] = [
        ("duplicate", "hit", "Patienten har redan Bisoprolol", "MedicationRequest/med-2", False),
        ("allergy", "hit", "Överkänslighet: penicillin", "AllergyIntolerance/alg-1", True),
        ("interaction", "unchecked", "Ingen källa", "", False),
    ]
    work.pharmacy.lacks["Bisoprolol"] = ["Ange styrka, till exempel 5 mg"]
    page = await opened(browser, work, "staff")
    await page.goto(LIST + path)
    await page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true })")
    await passes(page, path)


def _many(platform: Any) -> None:
    one = platform.held["MedicationRequest/med-1"]
    long = "Natriumpikosulfat/magnesiumoxid/vattenfri citronsyra pulver till oral lösning 10 mg/3,5 g/12 g"
    platform.add(
        {**one, "id": "med-2", "medicationCodeableConcept": {"text": long}},
        {**one, "id": "med-3", "status": "on-hold", "statusReason": {"text": "Inför operation"}},
        {**one, "id": "med-4", "status": "stopped", "statusReason": {"text": "Biverkning. Yrsel"}},
        {**one, "id": "med-5", "dosageInstruction": [{"text": "1 tablett vid behov, högst 3 tabletter per dygn"}]},
    )
    platform.add({
        "resourceType": "Task", "id": "wish", "status": "requested", "authoredOn": "2026-11-23T08:00:00Z",
        "for": {"reference": f"Patient/{TOLVAN}"}, "focus": {"reference": "MedicationRequest/med-5"},
        "note": [{"authorString": "Tolvan", "text": "Räcker en vecka"}],
    })  # fmt: skip
