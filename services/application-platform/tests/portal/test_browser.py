"""In Debian's Chromium: nobody is shut out, nothing being read moves, and a lab answer appears by itself."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
CHART = f"/portal/patients/{TOLVAN}"
PAGES = {
    "start": ("staff", "/portal/"),
    "search": ("staff", "/portal/search"),
    "chart": ("staff", CHART),
    "empty chart": ("staff", f"/portal/patients/{STINA}"),
    "refusal": ("staff", "/portal/patients/none"),
    "style": ("staff", "/portal/style"),
    "journal": ("patient", f"/portal/mine/{TOLVAN}/journal"),
    "access": ("staff", f"{CHART}/access"),
    "privacy": ("patient", f"/portal/mine/{TOLVAN}/privacy"),
    "review": ("manager", "/portal/review"),
    "inbox": ("staff", "/portal/inbox"),
    "results": ("staff", f"{CHART}/results"),
    "trend": ("staff", f"{CHART}/results/trend?analys=P-Kalium&enhet=mmol/L"),
    "medicines": ("staff", f"{CHART}/medicines"),
    "problems": ("staff", f"{CHART}/problems"),
    "notes": ("staff", f"{CHART}/notes"),
    "closed results": ("staff", f"/portal/patients/{STINA}/results"),
    "closed chart": ("staff", f"/portal/patients/{STINA}?visa=allt"),
}
TASKS = [
    {"id": 7, "act": "a", "kind": kind, "patient": "p-1", "unit": "SE0000000001-1001", "due": "2026-11-29T10:00:00Z",
     "made_at": "2026-11-26T10:00:00Z"}
    for kind in ("review", "lift-request")
]  # fmt: skip
PATTERNS = [
    {
        "id": 9,
        "pattern": "mass",
        "actor": "SE0000000001-P001",
        "unit": "SE0000000001-1001",
        "count": 140,
        "day": "2026-11-26",
    }
]
BLOCKS = [
    {"id": "b-1", "kind": "inner", "provider": "SE0000000001-0001", "unit": "SE0000000001-1002", "lifted": False},
    {"id": "b-2", "kind": "outer", "provider": "SE0000000002-0001", "unit": None, "lifted": True},
    {"id": None, "kind": None, "provider": None, "unit": None, "lifted": False},
]
CLOSED = ("need-relation", "need-active-choice", "need-consent", "blocked")

Open = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield found
        await found.close()


@pytest.fixture
async def context(browser: Browser, served: Any) -> AsyncIterator[BrowserContext]:
    found = await browser.new_context(base_url=served.url, viewport={"width": 1440, "height": 900})
    await found.add_cookies([{"name": "who", "value": "staff", "url": served.url}])
    yield found
    await found.close()


@pytest.fixture
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A page that has said nothing bad by the end: no script error, no refusal by the content security policy."""
    found, said = await context.new_page(), []
    found.on("pageerror", lambda error: said.append(str(error)))
    found.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    yield found
    assert said == []


async def watched(page: Page, path: str = CHART) -> None:
    """Opens a chart and waits until its stream is open."""
    await page.goto(path)
    await expect(page.locator("#connection-word")).to_have_text("Ansluten")


def comes(served: Any, id: str = "9", value: str = "5.6", at: str = "2026-11-23T09:12:00+01:00") -> None:
    """A laboratory answer arrives in the region's record, and the hub is told."""
    subject = {"reference": f"Patient/{TOLVAN}"}
    base = {"status": "final", "subject": subject, "effectiveDateTime": at}
    quantity = {"value": float(value), "unit": "mmol/L"}
    normal = [{"low": {"value": 3.5, "unit": "mmol/L"}, "high": {"value": 5.0, "unit": "mmol/L"}}]
    analysis = {
        "resourceType": "Observation",
        "id": f"o{id}",
        "code": {"text": "P-Kalium"},
        "valueQuantity": quantity,
        "referenceRange": normal,
        **base,
    }
    report = {
        "resourceType": "DiagnosticReport",
        "id": f"r{id}",
        "code": {"text": "Elektrolytstatus"},
        "result": [{"reference": f"Observation/o{id}"}],
        **base,
    }
    served.platform.add(analysis, report)
    served.hub.publish([TOLVAN], [f"Observation/o{id}", f"DiagnosticReport/r{id}"])


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [320, 390, 1440])
async def test_every_page_passes_axe_and_fits_in_light_and_dark(
    browser: Browser, served: Any, platform: Any, name: str, width: int
) -> None:
    who, path = PAGES[name]
    platform.withheld = CLOSED if name.startswith("closed") else ()
    platform.tasks, platform.reviews = TASKS, PATTERNS
    platform.state = {
        "blocks": BLOCKS,
        "parts": [{"provider": "SE0000000001-0001", "unit": "SE0000000001-BARNOCHUNGDOMSMED"}],
    }
    context = await browser.new_context(
        base_url=served.url, viewport={"width": width, "height": 800}, bypass_csp=True, reduced_motion="reduce"
    )
    await context.add_cookies([{"name": "who", "value": who, "url": served.url}])
    page = await context.new_page()
    await page.goto(path)
    for fold in await page.locator("main details > summary").all():
        await fold.click()
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.evaluate(AXE)
        found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        told = [(broken["id"], broken["nodes"][0]["html"]) for broken in found["violations"]]
        assert told == [], scheme
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0
    await context.close()


@pytest.mark.parametrize("name", ["chart", "journal", "start"])
async def test_nothing_breaks_at_twice_the_text(browser: Browser, served: Any, name: str) -> None:
    who, path = PAGES[name]
    context = await browser.new_context(base_url=served.url, viewport={"width": 1280, "height": 900}, bypass_csp=True)
    await context.add_cookies([{"name": "who", "value": who, "url": served.url}])
    page = await context.new_page()
    await page.goto(path)
    await page.add_style_tag(content="html{font-size:200%}*{line-height:1.5;letter-spacing:.12em;word-spacing:.16em}")
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    await context.close()


async def test_a_lab_answer_appears_by_itself_on_an_untouched_page(page: Page, served: Any) -> None:
    await watched(page)
    comes(served)
    await expect(page.locator("#live-line")).to_contain_text("Nytt provsvar")
    await expect(page.locator("#live-line")).to_contain_text("P-Kalium 5,6")
    row = page.locator(".event").first
    await expect(row).to_contain_text("Elektrolytstatus")
    await expect(row.locator(".badge--new")).to_have_text("Ny")
    await expect(page.locator("section.day").first.locator("h2")).to_contain_text("23 november")


async def test_what_is_being_read_does_not_move_until_the_reader_asks(page: Page, served: Any) -> None:
    await watched(page)
    await page.mouse.move(700, 600)
    await page.mouse.wheel(0, 300)
    await page.wait_for_function("window.scrollY > 0")
    before = await page.evaluate("[window.scrollY, document.querySelectorAll('.event').length, live.offsetHeight]")
    comes(served)
    show = page.get_by_role("button", name="Visa", exact=True)
    await expect(show).to_be_visible()
    after = await page.evaluate("[window.scrollY, document.querySelectorAll('.event').length, live.offsetHeight]")
    assert after == before
    await show.click()
    await expect(page.locator(".event--fresh .event__words")).to_have_text("Elektrolytstatus")
    await expect(page.locator(".event--fresh .event__title")).to_be_focused()
    await expect(page.locator("#live-line")).to_contain_text("Uppdaterad")


async def test_several_answers_are_one_message_and_all_rows_come(page: Page, served: Any) -> None:
    await watched(page)
    await page.keyboard.press("Tab")
    await page.locator(".timeline__kinds .chip").first.focus()
    for number in range(3):
        comes(served, str(number))
    show = page.get_by_role("button", name="Visa", exact=True)
    await expect(page.locator("#live-line")).to_contain_text("senast av 3", timeout=15_000)
    await show.click()
    assert await page.locator(".event--fresh").count() == 3


async def test_a_changed_row_replaces_the_one_that_was_there(page: Page, served: Any) -> None:
    comes(served, value="4.1")
    await watched(page)
    comes(served, value="6.1")
    await expect(page.locator("[data-key='DiagnosticReport/r9']")).to_contain_text("6,1")
    assert await page.locator("[data-key='DiagnosticReport/r9']").count() == 1


async def test_the_tabs_of_a_browser_share_one_stream(context: BrowserContext, served: Any) -> None:
    pages = [await context.new_page() for _ in range(3)]
    for tab in pages:
        await watched(tab)
    assert served.hub.listening == 1
    comes(served)
    for tab in pages:
        await expect(tab.locator("#live-line")).to_contain_text("P-Kalium 5,6")


async def test_the_end_of_the_session_is_told(page: Page, served: Any) -> None:
    await watched(page)
    served.sessions.discard("staff")
    comes(served)
    await expect(page.locator("#live-line")).to_contain_text("Du är utloggad")


async def test_a_lost_connection_is_hatched_and_its_return_catches_up(
    browser: Browser, platform: Any, serve: Any
) -> None:
    async with serve(platform) as first:
        context = await browser.new_context(base_url=first.url)
        await context.add_cookies([{"name": "who", "value": "staff", "url": first.url}])
        page = await context.new_page()
        await watched(page)
        port = int(first.url.rpartition(":")[2])
    line = page.locator("#live")
    await expect(line).to_contain_text("Ingen kontakt sedan", timeout=15_000)
    await expect(line).to_have_class("live live--lost")
    async with serve(platform, port) as second:
        comes(second)  # told while nobody listened: the page asks by time when it is back
        await expect(line).to_contain_text("P-Kalium 5,6", timeout=20_000)
        await context.close()


async def test_a_patient_is_found_and_read_with_the_keyboard_alone(page: Page) -> None:
    await page.goto("/portal/")
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Control+k")
    await expect(page.locator("#top-search")).to_be_focused()
    await page.keyboard.type("tolvan")
    await page.keyboard.press("Enter")
    await expect(page.locator("#hits")).to_have_text("1 träff")
    await page.locator(".hit__link").focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("TOLVANSSON, Tolvan – 19121212-1212")
    await page.locator("#timeline").get_by_role("link", name="Svar", exact=True).focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{page.url.partition('?')[0]}?visa=svar")
    await expect(page.locator(".event")).to_have_count(1)


async def test_show_more_adds_rows_without_reload(page: Page, served: Any) -> None:
    subject = {"reference": f"Patient/{TOLVAN}"}
    for number in range(40):
        at = f"2019-03-{number % 28 + 1:02}T10:{number:02}:00Z"
        served.platform.add(
            {
                "resourceType": "Procedure",
                "id": f"p{number}",
                "code": {"text": "EKG"},
                "performedDateTime": at,
                "subject": subject,
            }
        )
    await page.goto(CHART)
    await page.evaluate("window.same = true")
    before = await page.locator(".event").count()
    await page.get_by_role("link", name="Visa fler").click()
    await expect(page.locator(".more")).to_have_text("Det finns inget äldre att visa.")
    assert await page.locator(".event").count() > before
    assert await page.evaluate("window.same")


async def test_everything_can_be_read_without_script(browser: Browser, served: Any) -> None:
    context = await browser.new_context(base_url=served.url, java_script_enabled=False)
    await context.add_cookies([{"name": "who", "value": "staff", "url": served.url}])
    page = await context.new_page()
    await page.goto("/portal/")
    await page.locator("#q").fill("19121212-1212")
    await page.locator("#q").press("Enter")
    await expect(page.locator("h1")).to_have_text("TOLVANSSON, Tolvan")
    await expect(page.locator("noscript").first).to_be_attached()
    await page.locator("#timeline").get_by_role("link", name="Läkemedel").click()
    await expect(page.locator(".event")).to_have_count(1)
    await context.close()
