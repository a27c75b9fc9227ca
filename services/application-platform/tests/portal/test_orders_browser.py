"""Orders in Debian's Chromium: clicks counted, words that survive, axe silent, nothing wider than the screen."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from application_platform.identity.api import Unit
from application_platform.portal.referrals import asking

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
SHOTS = os.environ.get("SHOTS", "")  # a folder for pictures of every page, to be looked at
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
ORDERS = f"/portal/patients/{TOLVAN}/orders"
UNITS = (
    Unit(unit="SE-OGON", name="Ögonmottagningen", provider="SE0000000001-0001", provider_name="Region Norr"),
    Unit(unit="SE-SJOVIK", name="Vårdcentralen Sjövik", provider="SE0000000002-0001", provider_name="Hälsoakuten AB"),
)


def a_referral(
    id: str, state: str = "sent", *, copy: bool = False, due: str = "2099-01-31T22:00:00+00:00", **more: Any
) -> Any:
    parts: list[dict[str, Any]] = [
        {"url": "state", "valueCode": state}, {"url": "by", "valueReference": {"display": "Eva Öberg"}},
        {"url": "at", "valueDateTime": "2026-11-03T09:00:00+00:00"}, {"url": "due", "valueDateTime": due},
    ]  # fmt: skip
    if state == "returned":
        parts.append({"url": "words", "valueString": "Hur är blodtrycket, och vilka läkemedel tar patienten nu?"})
    passed = {"sent": "A", "received": "AB", "returned": "AB", "accepted": "ABC", "answered": "ABCG"}[state]
    flow = [{"url": "urn:fvm:flow", "extension": [{"url": "point", "valueCode": one},
             {"url": "at", "valueDateTime": "2026-11-02T09:00:00+00:00"}]} for one in passed]  # fmt: skip
    return {
        "resourceType": "ServiceRequest", "id": id, "status": "active", "intent": "filler-order" if copy else "order",
        "category": [{"coding": [{"code": "referral"}]}], "code": {"text": "Ögonbottenfoto"}, "priority": "routine",
        "subject": {"reference": f"Patient/{TOLVAN}"}, "requester": {"display": "Anna Lind"}, "meta": {"versionId": "1"},
        "performer": [{"reference": "Organization/SE-OGON", "display": "Ögonmottagningen"}],
        "identifier": [{"system": "urn:fvm:order", "value": "004211907733"}],
        "reasonCode": [{"text": "Retinopati vid typ 2-diabetes?"}], "note": [{"text": "Diabetes sedan 2014. HbA1c 58."}],
        "extension": [{"url": "urn:fvm:referral", "extension": parts}, *flow], **more,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _units(monkeypatch: pytest.MonkeyPatch) -> None:
    async def known(_: Any) -> tuple[Unit, ...]:
        return UNITS

    monkeypatch.setattr(asking, "units_of", known)


@pytest.fixture
async def work(platform: Any, serve: Any) -> AsyncIterator[Any]:
    lab = {
        **a_referral("lab"),
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"text": "Elektrolytstatus"},
    }
    lab |= {"extension": [], "orderDetail": [{"text": "P-Natrium"}, {"text": "P-Kalium"}], "performer": []}
    platform.add(
        a_referral("in", copy=True, priority="urgent", code={"text": "Bedömning av hjärtsvikt"}),
        a_referral("late", due="2026-11-01T10:00:00+00:00"), a_referral("back", "returned"), lab,
        a_referral("time", "accepted", code={"text": "Hörselprov"}), a_referral("done", "answered", status="completed"),
        a_referral("mine", "accepted", copy=True, code={"text": "Kontroll av pacemaker"}),
        {
            "resourceType": "Appointment", "id": "a-1", "status": "booked", "start": "2099-01-20T08:15:00+01:00",
            "end": "2099-01-20T08:45:00+01:00", "subject": {"reference": f"Patient/{TOLVAN}"},
            "participant": [{"actor": {"reference": f"Patient/{TOLVAN}"}, "status": "accepted"}],
        },
    )  # fmt: skip
    async with serve(platform, public_url="") as found:
        yield found


@pytest.fixture
async def browser(work: Any) -> AsyncIterator[Any]:
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield found
        await found.close()


async def context_of(browser: Any, work: Any, who: str, width: int = 1440, theme: str = "light") -> BrowserContext:
    found: BrowserContext = await browser.new_context(
        base_url=work.url,
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",
        bypass_csp=True,
        color_scheme=theme,
    )
    await found.add_cookies([{"name": "who", "value": who, "url": work.url}])
    return found


@pytest.fixture
async def page(browser: Any, work: Any) -> Page:
    return await (await context_of(browser, work, "staff")).new_page()


async def test_a_test_is_ordered_in_two_clicks_and_a_referral_in_the_same_signature(page: Page, work: Any) -> None:
    await page.goto(ORDERS)
    await page.get_by_label("Elektrolytstatus").check()
    await page.get_by_role("button", name="Signera och beställ").click()
    await expect(page.get_by_text("Signerat och beställt: 1 beställning")).to_be_visible()
    await page.get_by_label("Blodstatus").check()
    await page.locator("summary", has_text="Remiss").first.click()
    await page.get_by_label("Vart?").first.select_option(label="Ögonmottagningen")
    await page.get_by_label("Vad ber du om?").first.fill("Ögonbottenfoto")
    await page.get_by_label("Frågeställning", exact=True).first.fill("Retinopati?")
    await page.get_by_role("button", name="Signera och beställ").click()
    await expect(page.get_by_text("Signerat och beställt: 2 beställningar")).to_be_visible()
    assert [len(body["parameter"]) for name, body in work.vis.asked if name == "order"] == [1, 2]


async def test_while_vis_is_away_the_basket_stays_in_the_page_and_goes_out_afterwards_once(
    page: Page, work: Any
) -> None:
    await page.goto(ORDERS)
    work.vis.deaf = True  # it is stored, and the answer is lost
    await page.get_by_label("Blodstatus").check()
    await page.get_by_label("Frågeställning till prov och bild").fill("Trötthet sedan i somras.")
    await page.get_by_role("button", name="Signera och beställ").click()
    await expect(page.get_by_role("alert")).to_contain_text("INTE BESTÄLLT.")
    await expect(page.get_by_label("Frågeställning till prov och bild")).to_have_value("Trötthet sedan i somras.")
    work.vis.deaf = False
    await page.get_by_role("button", name="Signera och beställ").click()
    await expect(page.get_by_text("Signerat och beställt: 1 beställning")).to_be_visible()
    first, again = (body for name, body in work.vis.asked if name == "order")
    assert first == again  # the same ids: VIS makes one order of both


async def test_a_received_referral_is_accepted_in_two_clicks_from_the_list_by_keyboard_too(
    page: Page, work: Any
) -> None:
    await page.goto(ORDERS)
    await page.get_by_role("link", name="Bedömning av hjärtsvikt").click()
    await page.get_by_role("button", name="Acceptera remissen").click()
    await expect(page.get_by_text("Remissen är accepterad.")).to_be_visible()
    summary = page.locator("summary", has_text="Returnera med en fråga")
    await summary.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Hur är blodtrycket?")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Remissen är returnerad med din fråga.")).to_be_visible()
    assert [name for name, _ in work.vis.acts] == ["accept", "return"]


async def test_a_sign_in_that_ends_while_an_answer_is_written_loses_no_word(page: Page, work: Any) -> None:
    await page.goto(f"{ORDERS}/in")
    await page.locator("summary", has_text="Svara på remissen").click()
    await page.get_by_label("Svar till den som skickade remissen").fill("Inga tecken till hjärtsvikt.")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Signera och skicka svaret").click()
    await expect(page.get_by_role("link", name="Logga in i en ny flik")).to_be_visible()
    await page.context.add_cookies([{"name": "who", "value": "staff", "url": work.url}])
    await page.get_by_role("button", name="Signera och skicka svaret").click()
    await expect(page.get_by_text("Svaret är skickat.")).to_be_visible()
    assert work.vis.acts[-1][1]["text"] == "Inga tecken till hjärtsvikt."


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390, 320])
async def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(
    browser: Any, work: Any, width: int, theme: str
) -> None:
    pages = {
        "staff": {
            "orders": ORDERS,
            "order-in": f"{ORDERS}/in",
            "order-back": f"{ORDERS}/back",
            "order-time": f"{ORDERS}/mine",
        },
        "patient": {"mine": f"/portal/mine/{TOLVAN}/referrals"},
    }
    for who, listed in pages.items():
        context = await context_of(browser, work, who, width, theme)
        page = await context.new_page()
        for name, address in listed.items():
            await page.goto(address)
            await page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true; })")
            await page.evaluate(AXE)
            asked = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
            found = await page.evaluate(
                "async (o) => (await axe.run(document, o)).violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | '))",
                asked,
            )
            assert found == [], (name, width, theme)
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (name, width)
            if who == "patient":
                small = await page.evaluate(
                    "[...document.querySelectorAll('main a, main button, main summary')].filter(e => e.getBoundingClientRect().height < 43).map(e => e.outerHTML.slice(0, 90))"
                )
                assert small == [], (name, width)
            if SHOTS:
                await page.goto(address)
                await page.screenshot(path=f"{SHOTS}/{name}-{width}-{theme}.png", full_page=True)
        await context.close()
