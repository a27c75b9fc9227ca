"""In Debian's Chromium: bookings by mouse and by keyboard alone, in few clicks, on a phone, light and dark, and axe finds nothing."""

import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from application_platform.portal.swedish import ZONE
from application_platform.testing_bookings import an_appointment

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
MINE, CHART = f"/portal/mine/{TOLVAN}/bookings", f"/portal/patients/{TOLVAN}/bookings"
UNIT = {"reference": "Organization/SE0000000001-1001"}
OPEN = {"tag": [{"system": "urn:fvm:slot", "code": "open-to-patients"}]}
AT = (datetime.now(ZONE) + timedelta(days=2)).replace(hour=9, minute=0, second=0, microsecond=0)
CLINIC = {"reference": "HealthcareService/h1", "display": "Medicinmottagningen Norrby"}


def a_book(id: str, who: str, what: str) -> dict[str, Any]:
    actors = [CLINIC, {"reference": f"Practitioner/{id}", "display": who}]
    return {"resourceType": "Schedule", "id": id, "serviceType": [{"text": what}], "meta": {}, "actor": actors}


ANNA, GUNILLA = (
    a_book("k1", "Anna Lind, läkare", "Läkarbesök"),
    a_book("k2", "Gunilla Sjödin, diabetessköterska", "Diabetesmottagning"),
)


def clinic() -> list[dict[str, Any]]:
    """Two books with times on three days, and what is booked in them."""
    service = {
        "resourceType": "HealthcareService", "id": "h1", "name": "Medicinmottagningen Norrby", "meta": OPEN,
        "comment": "Läkarbesök, diabetesmottagning och provtagning", "providedBy": UNIT,
        "telecom": [{"system": "phone", "value": "0999-100 10"}],
    }  # fmt: skip
    slots, made = [], []
    for day in range(-1, 3):
        for n in range(10):
            book = (ANNA, GUNILLA)[n % 2]
            start = AT + timedelta(days=day, minutes=30 * n)
            slots.append({
                "resourceType": "Slot", "id": f"s{day}-{n}", "status": "free", "meta": OPEN,
                "schedule": {"reference": f"Schedule/{book['id']}"},
                "start": start.isoformat(), "end": (start + timedelta(minutes=30)).isoformat(),
            })  # fmt: skip
            if (day, n) in ((0, 0), (2, 3)):
                slots[-1]["status"] = "busy"
                made.append(an_appointment(f"a{day}-{n}", TOLVAN, slots[-1], book, "Återbesök, hjärtsvikt"))
    old = AT - timedelta(days=40)
    past = {"id": "old", "start": old.isoformat(), "end": (old + timedelta(minutes=30)).isoformat()}
    made.append(an_appointment("old", TOLVAN, past, ANNA, "Nybesök") | {"status": "fulfilled"})
    waits = {
        "resourceType": "Appointment", "id": "w1", "status": "waitlist", "description": "Yrsel sedan i våras",
        "meta": {"versionId": "1"}, "created": (AT - timedelta(days=120)).isoformat(),
        "participant": [{"actor": {"reference": f"Patient/{TOLVAN}"}}, {"actor": CLINIC}],
    }  # fmt: skip
    return [service, ANNA, GUNILLA, *slots, *made, waits]


@pytest.fixture
async def work(platform: Any, serve: Any) -> AsyncIterator[Any]:
    """The portal, whose forms come from where it is served."""
    async with serve(platform, public_url="") as found:
        platform.add(*clinic())
        yield found


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
        yield found
        await browser.close()


async def signed_in(context: BrowserContext, who: str, url: str) -> Page:
    await context.add_cookies([{"name": "who", "value": who, "url": url}])
    return await context.new_page()


PAGES = (
    ("patient", MINE, "mine"),
    ("patient", f"{MINE}/a0-0", "one"),
    ("patient", f"{MINE}/w1", "waits"),
    ("patient", f"{MINE}/new", "where"),
    ("patient", f"{MINE}/new/h1", "times"),
    ("patient", f"{MINE}/time/s0-2?till={{soon}}", "time"),
    ("staff", CHART, "chart"),
    ("staff", f"{CHART}/time/s0-2?till={{soon}}", "confirm"),
    ("staff", f"/portal/bookings?dag={AT.date()}", "day"),
    ("staff", "/portal/bookings/waiting", "queue"),
)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390, 320])
async def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    context: BrowserContext, work: Any, width: int, theme: Any
) -> None:
    soon = (datetime.now(ZONE) + timedelta(minutes=4)).isoformat().replace("+", "%2B")
    shots = os.environ.get("SHOTS", "")
    for who, address, name in PAGES:
        page = await signed_in(context, who, work.url)
        await page.set_viewport_size({"width": width, "height": 900 if width == 1440 else 780})
        await page.emulate_media(color_scheme=theme)
        answer = await page.goto(address.format(soon=soon))
        assert answer is not None
        assert answer.status == 200
        await page.evaluate(AXE)
        found = await page.evaluate("rules => axe.run({runOnly: rules})", RULES)
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == [], name
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, (name, width, wide)
        if who == "patient":
            small = await page.evaluate(
                "[...document.querySelectorAll('main a, main button, main input:not([type=hidden])')]"
                ".filter(one => one.offsetParent && one.getBoundingClientRect().height < 43.5).map(one => one.outerHTML)"
            )
            assert small == [], name
        if shots:
            await page.screenshot(path=f"{shots}/{name}-{width}-{theme}.png", full_page=True)
        await page.close()


async def test_staff_book_a_return_visit_in_three_clicks(context: BrowserContext, work: Any) -> None:
    page = await signed_in(context, "staff", work.url)
    await page.goto(f"/portal/patients/{TOLVAN}")
    clicks = [
        page.get_by_role("link", name="Bokningar").last,
        page.get_by_role("button", name="Anna Lind").first,
        page.get_by_role("button", name="Boka TOLVANSSON"),
    ]
    for one in clicks:
        await one.click()
    await expect(page.get_by_role("status").filter(has_text="Tiden är bokad.")).to_be_visible()
    assert [name for name, _ in work.vis.acts] == ["hold", "book"]
    assert len(clicks) <= 5


async def test_a_patient_books_by_keyboard_alone_on_a_phone(context: BrowserContext, work: Any) -> None:
    page = await signed_in(context, "patient", work.url)
    await page.set_viewport_size({"width": 390, "height": 780})
    await page.goto(MINE)
    for role, name in (("link", "Boka tid"), ("link", "Medicinmottagningen Norrby"), ("button", "Anna Lind")):
        await page.get_by_role(role, name=name).first.focus()  # type: ignore[arg-type]
        await page.keyboard.press("Enter")
        await page.wait_for_load_state()
    await expect(page.get_by_role("status")).to_contain_text("Tiden är din i 5 minuter.")
    await page.get_by_label("Vad gäller besöket?").fill("Hosta")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Tiden är bokad.")
    assert work.vis.acts[-1][1]["reason"] == "Hosta"


async def test_two_patients_press_one_time_and_the_second_chooses_another(context: BrowserContext, work: Any) -> None:
    page = await signed_in(context, "patient", work.url)
    await page.goto(f"{MINE}/new/h1")
    work.times.holds["s-1-0"] = "somebody-else"
    await page.locator('button[value="s-1-0"]').click()
    await expect(page.get_by_role("alert")).to_contain_text("Tiden är inte ledig längre. Välj en annan tid.")
    await page.locator('button[value="s-1-2"]').click()
    await page.get_by_role("button", name="Boka tiden").click()
    await expect(page.get_by_role("status")).to_contain_text("Tiden är bokad.")


async def test_a_patient_moves_a_booking_and_calls_it_off(context: BrowserContext, work: Any) -> None:
    page = await signed_in(context, "patient", work.url)
    await page.goto(MINE)
    await page.get_by_role("link", name="Boka om eller avboka").first.click()
    await page.get_by_role("link", name="Boka om").click()
    await page.locator('button[value="s1-0"]').click()
    await page.get_by_role("button", name="Boka om").click()
    await expect(page.get_by_role("status")).to_contain_text("Tiden är ombokad.")
    await page.get_by_role("link", name="Boka om eller avboka").first.click()
    await page.get_by_role("button", name="Avboka tiden").click()
    await expect(page.get_by_role("status")).to_contain_text("Ångrar du dig?")
    assert [name for name, _ in work.vis.acts] == ["hold", "rebook", "cancel"]


async def test_staff_receive_a_patient_from_the_day_with_one_press(
    context: BrowserContext, work: Any, platform: Any
) -> None:
    now = datetime.now(ZONE).replace(microsecond=0)
    slot = {"id": "now", "start": now.isoformat(), "end": (now + timedelta(minutes=30)).isoformat()}
    taken = slot | {"resourceType": "Slot", "status": "busy", "schedule": {"reference": "Schedule/k1"}}
    platform.add(taken, an_appointment("now", TOLVAN, slot, ANNA))
    page = await signed_in(context, "staff", work.url)
    await page.goto("/portal/")
    await page.keyboard.press("g")
    await page.keyboard.press("b")
    await page.get_by_role("button", name="Har kommit").click()
    await expect(page.get_by_role("status").filter(has_text="Patienten har kommit.")).to_be_visible()
    await expect(page.get_by_role("button", name="Avsluta besök")).to_be_visible()
