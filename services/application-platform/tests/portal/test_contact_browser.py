"""In Debian's Chromium, a patient and a doctor at once: they see each other's words, nothing moves under a pen, no word is lost."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from application_platform.portal.hearing import Ears

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
HOUSE, CHART = f"/portal/mine/{TOLVAN}", f"/portal/patients/{TOLVAN}"
FORM = f"{HOUSE}/forms/health"
SCHEMES = {320: ("dark",), 390: (), 1440: ("light",)}  # widths, and the colours that axe looks at there
SMALL = """() => [...document.querySelectorAll("main a, main button, main input:not([type=hidden]), main select, main textarea")]
  .filter((one) => one.offsetParent && !one.closest("p.support, .talk__body") && getComputedStyle(one).display !== "inline")
  .map((one) => [one.outerHTML.slice(0, 80), (one.closest("label") || one).getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 24).map(([html, box]) => `${html} ${box.width}x${box.height}`)"""

Opens = Callable[..., Awaitable[BrowserContext]]


@pytest.fixture
async def talk(platform: Any, serve: Any, demo: Any) -> AsyncIterator[Any]:
    """The portal with what it stores itself, whose forms come from where it is served."""
    await demo.db.pool.execute("truncate message, message_thread, own_entry, health_form")
    async with serve(platform, public_url="", db=demo.db) as found:
        ears = Ears(demo.db, found.hub)
        listening = asyncio.create_task(ears.run())
        await asyncio.wait_for(ears.listening.wait(), 5)
        yield found
        listening.cancel()


@pytest.fixture
async def opens(talk: Any) -> AsyncIterator[Opens]:
    """Another browser, signed in as the patient or as staff."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)

        async def one(who: str, width: int = 1280, **more: Any) -> BrowserContext:
            found = await browser.new_context(
                base_url=talk.url,
                viewport={"width": width, "height": 900},
                reduced_motion="reduce",
                locale="sv-SE",
                **{"bypass_csp": True, **more},
            )
            await signed_in(found, talk, who)
            return found

        yield one
        await browser.close()


async def signed_in(context: BrowserContext, talk: Any, who: str) -> None:
    await context.clear_cookies()
    await context.add_cookies([{"name": "who", "value": who, "url": talk.url}])


async def asked(page: Page, text: str = "Jag blir yr.") -> str:
    """The patient asks a question; the conversation's id."""
    await page.goto(f"{HOUSE}/messages/new")
    await page.get_by_label("Vilken mottagning?").select_option(label="Medicinmottagningen Norrby, Region Norr")
    await page.get_by_label("Vad gäller det?").fill("Yrsel")
    await page.get_by_label("Din fråga").fill(text)
    await page.get_by_role("button", name="Skicka frågan").click()
    await expect(page.get_by_role("status").filter(has_text="Skickat.")).to_be_visible()
    return page.url.split("/")[-1].partition("?")[0]


async def test_a_patient_and_a_doctor_see_each_others_words_as_they_come(opens: Opens) -> None:
    patient, doctor = await (await opens("patient", 390)).new_page(), await (await opens("staff")).new_page()
    await doctor.goto("/portal/contact")
    await expect(doctor.get_by_text("Inget väntar på svar")).to_be_visible()
    await asked(patient)
    await doctor.get_by_role("link", name="Svara").click()
    await expect(doctor.locator(".banner__name")).to_have_text("TOLVANSSON, Tolvan")
    await doctor.get_by_role("button", name="Fråga mer").click()
    await doctor.get_by_label("Svar till Tolvan Tolvansson").press("End")
    await doctor.get_by_role("button", name="Skicka svaret").click()
    await expect(patient.get_by_text("Tack för ditt meddelande.")).to_be_visible()
    await expect(doctor.get_by_text("Läst 20")).to_be_visible()
    await patient.get_by_label("Skriv ett svar").fill("I tre dagar.")
    await patient.get_by_role("button", name="Skicka svaret").click()
    await expect(doctor.get_by_text("I tre dagar.")).to_be_visible()
    await doctor.get_by_role("button", name="Avsluta utan svar").click()
    await expect(doctor.get_by_text("Konversationen är avslutad.")).to_be_visible()
    await expect(patient.get_by_text("Avslutad I dag")).to_be_visible()


async def test_nothing_moves_under_who_is_writing_and_the_old_page_still_sends(opens: Opens) -> None:
    patient, doctor = await (await opens("patient", 390)).new_page(), await (await opens("staff")).new_page()
    talk = await asked(patient)
    await doctor.goto(f"{CHART}/messages/{talk}")
    await doctor.get_by_label("Svar till").fill("Vila lite.")
    await patient.get_by_label("Skriv ett svar").fill("Nu svimmade jag.")
    await patient.get_by_role("button", name="Skicka svaret").click()
    await expect(doctor.get_by_text("Nytt meddelande")).to_be_visible()
    await expect(doctor.get_by_text("Nu svimmade jag.")).to_be_hidden()
    await doctor.get_by_role("button", name="Skicka svaret").click()  # without having read it
    await expect(doctor.get_by_role("alert")).to_contain_text("Något nytt har skrivits sedan du öppnade sidan")
    await expect(doctor.get_by_text("Nu svimmade jag.")).to_be_visible()
    await expect(doctor.get_by_label("Svar till")).to_have_value("Vila lite.")
    await doctor.get_by_label("Svar till").fill("Ring 112.")
    await doctor.get_by_role("button", name="Skicka svaret").click()
    await expect(patient.get_by_text("Ring 112.")).to_be_visible()
    await expect(patient.get_by_text("Vila lite.")).to_be_hidden()


async def test_a_sign_in_that_ends_in_the_middle_and_a_lost_contact_take_no_word(opens: Opens, talk: Any) -> None:
    context = await opens("patient", 390)
    page = await context.new_page()
    await asked(page)
    await page.get_by_label("Skriv ett svar").fill("Det är värre i dag.")
    await page.route("**/messages/**", lambda route: route.abort())
    await page.get_by_role("button", name="Skicka svaret").click()
    await expect(page.get_by_role("alert")).to_contain_text("Ingen kontakt med servern")
    await page.unroute("**/messages/**")
    await context.clear_cookies()
    await page.get_by_role("button", name="Skicka svaret").click()
    await expect(page.get_by_role("alert")).to_contain_text("Du är utloggad.")
    await expect(page.get_by_role("link", name="Logga in i en ny flik")).to_be_visible()
    await signed_in(context, talk, "staff")  # somebody else signs in at the same computer
    await page.get_by_role("button", name="Skicka svaret").click()
    await expect(page.get_by_role("alert")).to_contain_text("INTE SKICKAT")
    await signed_in(context, talk, "patient")
    await expect(page.get_by_label("Skriv ett svar")).to_have_value("Det är värre i dag.")
    await page.get_by_role("button", name="Skicka svaret").click()
    await expect(page.get_by_role("status").filter(has_text="Skickat.")).to_be_visible()
    await expect(page.get_by_text("Det är värre i dag.")).to_have_count(1)


async def test_the_form_saves_itself_and_goes_on_after_a_reload_and_a_new_sign_in(opens: Opens, talk: Any) -> None:
    context = await opens("patient", 390)
    page = await context.new_page()
    await page.goto(FORM)
    await page.get_by_role("link", name="Börja").click()
    await page.get_by_label("Bra", exact=True).check()
    await expect(page.get_by_text("1 av 8 klara.")).to_be_visible()
    await page.get_by_role("button", name="Spara och gå vidare").click()
    await page.get_by_label("Vad vill du ha hjälp med").fill("Yrseln.")
    await context.clear_cookies()
    await expect(page.get_by_role("alert")).to_contain_text("INTE SPARAT", timeout=10_000)
    await signed_in(context, talk, "patient")
    await expect(page.get_by_text("2 av 8 klara.")).to_be_visible(timeout=15_000)
    await page.goto(FORM)
    await expect(page.get_by_role("heading", name="2 av 8 klara")).to_be_visible()
    await page.get_by_role("link", name="Fortsätt").click()
    more = page.get_by_label("Vilken eller vilka sjukdomar?")
    await page.get_by_label("Nej", exact=True).check()
    await expect(more).to_be_hidden()
    await page.get_by_label("Ja", exact=True).check()
    await expect(more).to_be_visible()


async def test_a_list_that_is_open_says_that_an_answer_has_come(opens: Opens) -> None:
    patient, doctor = await (await opens("patient", 390)).new_page(), await (await opens("staff")).new_page()
    talk = await asked(patient)
    await patient.goto(f"{HOUSE}/messages")
    await expect(patient.get_by_text("väntar på svar")).to_be_visible()
    await doctor.goto(f"{CHART}/messages/{talk}")
    await doctor.get_by_label("Svar till").fill("Vila lite.")
    await doctor.get_by_role("button", name="Skicka svaret").click()
    await expect(patient.get_by_text("Nytt svar")).to_be_visible()


async def test_a_wrong_number_is_said_at_its_field_and_a_lost_sign_in_keeps_it(opens: Opens, talk: Any) -> None:
    context = await opens("patient", 390)
    page = await context.new_page()
    await page.goto(f"{HOUSE}/own/pulse")
    field = page.get_by_label("Puls (slag/min)")
    await field.fill("720")
    await context.clear_cookies()
    await page.get_by_role("button", name="Spara").click()
    await expect(page.get_by_role("alert")).to_contain_text("Du är utloggad.")
    await signed_in(context, talk, "patient")
    await page.get_by_role("button", name="Spara").click()
    await expect(page.get_by_text("Kontrollera siffran: mellan 20 och 250 slag/min.")).to_be_visible()
    await expect(field).to_be_focused()
    await expect(field).to_have_value("720")
    await field.fill("72")
    await page.get_by_role("button", name="Spara").click()
    await expect(page.get_by_text("Sparat.", exact=True)).to_be_visible()


async def test_two_windows_with_one_form_overwrite_nothing_by_themselves(opens: Opens) -> None:
    context = await opens("patient", 390)
    one, other = await context.new_page(), await context.new_page()
    await one.goto(f"{FORM}/2")
    await one.get_by_label("Vad vill du ha hjälp med").fill("Knät.")
    await expect(one.get_by_text("1 av 8 klara.")).to_be_visible()
    await other.goto(f"{FORM}/2")
    await other.get_by_label("Vad vill du ha hjälp med").fill("Höften.")
    await expect(other.get_by_text("1 av 8 klara.")).to_be_visible()
    await one.get_by_label("Vad vill du ha hjälp med").fill("Ryggen.")
    await expect(one.get_by_role("alert")).to_contain_text("I det andra fönstret står: Höften.")
    await one.get_by_label("Vad vill du ha hjälp med").fill("Ryggen och knät.")
    await one.wait_for_timeout(2_500)  # longer than a save waits: nothing goes on by itself
    await other.reload()
    await expect(other.get_by_label("Vad vill du ha hjälp med")).to_have_value("Höften.")
    await one.get_by_role("button", name="Spara och gå vidare").click()
    await expect(one.get_by_role("heading", name="Fråga 3 av 8")).to_be_visible()
    await other.reload()
    await expect(other.get_by_label("Vad vill du ha hjälp med")).to_have_value("Ryggen och knät.")


async def test_without_script_everything_is_done_with_forms_and_links(opens: Opens) -> None:
    patient = await (await opens("patient", 390, java_script_enabled=False)).new_page()
    doctor = await (await opens("staff", java_script_enabled=False)).new_page()
    talk = await asked(patient)
    await doctor.goto(f"{CHART}/messages/{talk}")
    await doctor.get_by_role("link", name="Om recept").click()
    await expect(doctor.get_by_label("Svar till")).to_contain_text("Du förnyar recept under Läkemedel.")
    await doctor.get_by_role("button", name="Skicka och avsluta").click()
    await expect(doctor.get_by_text("Konversationen är avslutad.")).to_be_visible()
    await patient.goto(f"{FORM}/1")
    await patient.get_by_label("Dåligt", exact=True).check()
    await patient.get_by_role("button", name="Spara och gå vidare").click()
    await expect(patient.get_by_role("heading", name="Fråga 2 av 8")).to_be_visible()


async def test_a_value_is_written_with_the_keyboard_alone(opens: Opens) -> None:
    page = await (await opens("patient")).new_page()
    await page.goto(f"{HOUSE}/own/pulse")
    await page.locator("#main").focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Puls (slag/min)")).to_be_focused()
    await page.keyboard.type("72")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Sparat.", exact=True)).to_be_visible()
    await expect(page.get_by_text("72\u00a0slag/min", exact=True)).to_be_visible()


async def filled(page: Page) -> str:
    """Something of everything; the conversation's id."""
    for value in ("140", "128"):
        await page.goto(f"{HOUSE}/own/blood-pressure")
        await page.locator("#systolic").fill(value)
        await page.locator("#diastolic").fill("82")
        await page.get_by_role("button", name="Spara").click()
        await expect(page.get_by_text("Sparat.", exact=True)).to_be_visible()
    await page.goto(f"{HOUSE}/own/note")
    await page.get_by_label("Ny anteckning").fill("Sover dåligt.")
    await page.get_by_role("button", name="Spara anteckningen").click()
    await page.get_by_role("button", name="Stryk").click()
    for number, label in ((1, "Bra"), (3, "Nej"), (4, "Nej"), (6, "Ibland")):
        await page.goto(f"{FORM}/{number}")
        await page.get_by_label(label, exact=True).check()
        await page.get_by_role("button", name="Spara och gå vidare").click()
        await page.wait_for_url(f"**/{number + 1}")
    return await asked(page, "Rad ett.\n\n" + "Ettlångtordutanmellanslag" * 20)


async def test_every_page_passes_axe_and_fits_in_light_and_dark(opens: Opens) -> None:
    patient, doctor = await (await opens("patient")).new_page(), await (await opens("staff")).new_page()
    talk = await filled(patient)
    house = ["messages", "messages/new", f"messages/{talk}", "own", "own/blood-pressure", "own/note"]
    house += ["forms/health", "forms/health/3", "forms/health/2"]
    pages = [(patient, f"{HOUSE}/{one}") for one in house]
    pages += [
        (doctor, one) for one in ("/portal/contact", f"{CHART}/messages", f"{CHART}/messages/{talk}", f"{CHART}/own")
    ]
    for page, path in pages:
        for width in SCHEMES:
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto(path)
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0, (path, width)
            if page is patient:
                assert await page.evaluate(SMALL) == [], (path, width)
            for scheme in SCHEMES[width]:
                await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                await page.evaluate(AXE)
                found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
                broken = [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]
                assert broken == [], (path, width, scheme)
