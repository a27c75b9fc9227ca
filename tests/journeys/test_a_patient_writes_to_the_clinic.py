"""A patient and a nurse in two browsers: a question, its answer as it comes, an own value, and who read it in the patient's own log."""

from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Page, expect

Enter = Callable[..., Awaitable[Page]]

STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
HOUSE, CHART = f"/portal/mine/{STINA}", f"/portal/patients/{STINA}"
NORRBY = "SE0000000001-1001"
SUBJECT = "Yrsel när jag reser mig"


async def test_a_question_is_answered_while_both_look_and_the_log_says_who_read(
    enter: Enter, region: Any, until: Any
) -> None:
    stina, bjorn = await enter("Stina Bergström", width=390), await enter("Björn Ek")
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

    await stina.get_by_label("Skriv ett svar").fill("Tack, det gör jag.")
    await stina.get_by_role("button", name="Skicka svaret").click()
    await expect(bjorn.get_by_text("Tack, det gör jag.")).to_be_visible(timeout=15_000)

    await stina.goto(f"{HOUSE}/bookings")
    await bjorn.goto(f"{CHART}/bookings")
    when = str(await bjorn.locator(".book-clocks button").last.get_attribute("aria-label"))
    clock = when[:5]
    await bjorn.get_by_role("button", name=when).click()
    await bjorn.get_by_label("Vad besöket gäller").fill("Blodtryck stående och liggande")
    await bjorn.get_by_role("button", name="Boka BERGSTRÖM, Stina").click()
    await expect(bjorn.get_by_role("status").filter(has_text="Tiden är bokad.")).to_be_visible()

    async def booked() -> None:
        await stina.goto(f"{HOUSE}/bookings")
        await expect(stina.get_by_role("link", name=f"{clock}").first).to_be_visible(timeout=1_000)

    await until(booked, 30)

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
