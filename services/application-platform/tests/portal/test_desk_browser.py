"""In Debian's Chromium: the inbox and the note page by keys and by one press, counters that move nothing, and paper."""

import base64
import os
import re
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from application_platform.messages import store as messages
from application_platform.portal.live import TASKS
from application_platform.portal.results import answers

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
ANNA, UNIT = "SE0000000001-P001", "SE0000000001-1001"
HSA = "urn:oid:1.2.752.29.4.19"
CHART = f"/portal/patients/{TOLVAN}"
NOTE = f"{CHART}/notes/doc-9"


def hsa(value: str, name: str) -> dict[str, Any]:
    return {"type": "Practitioner", "identifier": {"system": HSA, "value": value}, "display": name}


def task(id: str, **more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "urn:fvm:task", "code": "referral"}], "text": "Bedöm remiss"}
    base = {"resourceType": "Task", "id": id, "status": "requested", "code": code, "authoredOn": "2026-11-22T13:10:00Z"}
    return {**base, "for": {"reference": f"Patient/{TOLVAN}"}, **more}


def note(text: str, status: str = "preliminary") -> dict[str, Any]:
    attached = {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}
    return {
        "resourceType": "DocumentReference", "id": "doc-9", "status": "current", "docStatus": status,
        "type": {"text": "Daganteckning"}, "subject": {"reference": f"Patient/{TOLVAN}"}, "date": "2026-11-22T10:30:00Z",
        "author": [hsa(ANNA, "Anna Lind")], "content": [{"attachment": attached}], "meta": {"versionId": "1"},
    }  # fmt: skip


@pytest.fixture
async def work(platform: Any, serve: Any, demo: Any) -> AsyncIterator[Any]:
    platform.add(task("t-1"), task("t-2", owner=hsa(ANNA, "Anna Lind")), note("Hosta.\n" * 150))
    async with serve(platform, public_url="", db=demo.db) as found:
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


async def test_a_note_is_signed_with_one_press_or_one_key(page: Page, work: Any) -> None:
    await page.goto(NOTE)
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("Anteckningen är signerad.")).to_be_visible()
    assert [name for name, _ in work.vis.acts] == ["sign"]


async def test_the_inbox_is_gone_through_with_j_and_k_and_a_task_is_taken(page: Page, work: Any) -> None:
    await page.goto("/portal/inbox")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    first = await page.evaluate("document.activeElement.closest('[data-row]').innerText")
    await page.keyboard.press("k")
    assert await page.evaluate("document.activeElement.closest('[data-row]').innerText") != first
    await page.goto("/portal/inbox?val=t-1")
    await page.get_by_role("button", name="Ta uppgiften").click()
    await expect(page.get_by_role("status").filter(has_text="Uppgiften är din.")).to_be_visible()
    assert work.vis.acts == [("claim", {"key": "Task/t-1"})]


async def test_the_counters_change_in_place_and_no_row_moves(page: Page, work: Any, platform: Any, demo: Any) -> None:
    async with demo.db.transaction() as tx:
        letters = await messages.waiting(tx, UNIT)  # what other tests left there
    await page.goto("/portal/inbox")
    badge = page.locator("#inbox-badge")
    await expect(badge).to_have_text(str(3 + letters))
    rows = await page.locator("[data-row]").count()
    platform.add(task("t-3"))
    work.hub.publish([TASKS], ["Task"])
    await expect(badge).to_have_text(str(4 + letters), timeout=15_000)
    await expect(page.locator("#inbox-live")).to_contain_text("Nytt har kommit.")
    assert await page.locator("[data-row]").count() == rows
    platform.broken = {"Task"}
    work.hub.publish([TASKS], ["Task"])
    await expect(badge).to_have_text("?", timeout=15_000)  # not known is no number


async def test_a_value_is_put_in_where_the_writer_is_and_saves_itself(page: Page, work: Any) -> None:
    await page.goto(f"{CHART}/notes/new?mall=dag")
    await page.get_by_label("Objektivt").fill("Kalium:")
    await page.get_by_role("button", name="Infoga P-Kalium").click()
    await expect(page.get_by_label("Objektivt")).to_have_value(
        "Kalium: P-Kalium 5,2 mmol/L, högt (provsvar 2026-11-22 13:10)"
    )
    await expect(page.locator("#note-state")).to_contain_text("Sparat")
    [draft] = work.vis.drafts.values()
    assert "P-Kalium 5,2 mmol/L" in draft["text"]


async def test_keys_lead_to_tabs_and_a_new_note_and_airy_rows_stay_chosen(page: Page, context: BrowserContext) -> None:
    await page.goto(CHART)
    await page.keyboard.press("Alt+2")
    await expect(page.locator(".tab[aria-current]")).to_have_text("Anteckningar")
    await page.keyboard.press("n")
    await expect(page.locator("#note h2")).to_have_text("Daganteckning")
    await page.goto("/portal/")
    await page.locator(".person > summary").click()
    await page.get_by_role("button", name="Luftigare").click()
    await expect(page.locator("html")).to_have_attribute("data-density", "airy")
    assert await page.evaluate("getComputedStyle(document.body).fontSize") == "17px"


BUDGETS = [  # spec applications.md §3.3: where one begins, what is pressed, and where one is then
    ("/portal/", "link:TOLVANSSON, Tolvan", CHART),
    ("/portal/inbox", "link:Öppna remiss", f"{CHART}/orders/r-1"),
    (f"{CHART}/answers", "button:Vidimera", f"{CHART}/answers"),
    (NOTE, "button:Signera", NOTE),
    ("/portal/inbox?val=t-1", "button:Ta uppgiften", "/portal/inbox"),
]


@pytest.mark.parametrize(("begin", "press", "end"), BUDGETS)
async def test_the_acts_of_a_day_take_one_press(
    page: Page, work: Any, platform: Any, begin: str, press: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "YOUNG", timedelta(days=36_500))  # the ward's answers are of November 2026
    platform.add(task("t-1", focus={"reference": "ServiceRequest/r-1"}, priority="stat"))
    pressed: list[str] = []
    await page.expose_function("pressed", lambda kind: pressed.append(kind))
    await page.add_init_script(
        "addEventListener('click', (event) => { if (event.isTrusted) pressed(event.type); }, true)"
    )
    await page.goto(begin)
    role, _, name = press.partition(":")
    async with page.expect_navigation():
        await page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]
    assert urlsplit(page.url).path == end
    assert len(pressed) == 1


async def test_on_paper_every_sheet_says_whose_it_is(page: Page) -> None:
    await page.goto(NOTE)
    await page.emulate_media(media="print")
    for gone in (".rail", ".tabs", "form button"):
        await expect(page.locator(gone).first).to_be_hidden()
    await expect(page.locator(".printed")).to_contain_text("Anna Lind · Läkare · Medicinmottagningen Norrby")
    await page.emulate_media(media=None)
    pdf = await page.pdf(format="A4")
    found = [
        zlib.decompress(one) for one in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL) if one[:1] == b"x"
    ]
    sheets = [one for one in found if b"BT" in one]
    chip = b".6745 .1216 .0941 rg"  # the banner's severe allergy
    assert len(sheets) > 2
    assert all(chip in one for one in sheets)


@pytest.mark.parametrize(
    "path", ["/portal/inbox?val=t-1", "/portal/inbox/normal", "/portal/unsigned", NOTE, f"{NOTE}/versions"]
)
async def test_every_page_of_the_desk_passes_axe_and_fits_in_light_and_dark(page: Page, path: str) -> None:
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
