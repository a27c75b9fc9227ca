"""A test is ordered, answered by HL7 v2 with the order's number, acknowledged by who ordered it, and read by the patient."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from playwright.async_api import Page, expect

from integration_platform.testing import a_message

Until = Callable[..., Awaitable[Any]]
Enter = Callable[..., Awaitable[Page]]

STINA, NUMBER = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02", "196101182803"
CHART, HOUSE = f"/portal/patients/{STINA}", f"/portal/mine/{STINA}"
QUESTION = "Följer kalium efter insatt ramipril"
WORDS = "Kalium är bra. Fortsätt med tabletterna som förut."


def an_answer(order: str, control: str) -> str:
    """P-kalium answered a moment ago, to the order of this number."""
    at = (datetime.now(ZoneInfo("Europe/Stockholm")) - timedelta(minutes=5)).strftime("%Y%m%d%H%M%S")
    return a_message(
        "ORU^R01^ORU_R01",
        f"PID|1||{NUMBER}^^^SE&1.2.752.129.2.1.3.1&ISO^NNSWE||Bergström^Stina^^^^^L||19610118|F",
        f"OBR|1|{order}^FVM|F{control}^LIMS|NPU03230^P-Kalium^NPU|||{at}|||||||||||||||{at}||LAB|F",
        "OBX|1|NM|NPU03230^P-Kalium^NPU||4.3|mmol/L^mmol/L^UCUM|3.5-4.4||||F",
        control=control,
    )


async def ordered(page: Page) -> None:
    """One signature orders P-kalium."""
    await page.goto(f"{CHART}/orders")
    await page.locator(".order-group").filter(has_text="P-Kalium").last.evaluate("one => { one.open = true }")
    await page.get_by_role("checkbox", name="P-Kalium", exact=True).check()
    await page.get_by_label("Frågeställning till prov och bild").fill(QUESTION)
    await page.get_by_role("button", name="Signera och beställ").click()
    await expect(page.get_by_role("status").filter(has_text="Signerat och beställt: 1 beställning")).to_be_visible()


async def test_an_order_is_completed_by_its_answer_which_its_orderer_acknowledges_and_the_patient_reads(
    region: Any, enter: Enter, until: Until
) -> None:
    ida = await enter("Ida Månsson")
    await ordered(ida)
    async with region.client("ida") as client:

        async def found(query: str, base: str = "/vis/fhir") -> list[dict[str, Any]]:
            entries = (await client.get(f"{base}/{query}")).json().get("entry", [])
            return [one["resource"] for one in entries if one["search"]["mode"] == "match"]

        mine = await found(f"ServiceRequest?patient={STINA}&status=active&_sort=-authored&_count=50")
        [order, *_] = [one for one in mine if QUESTION in str(one.get("reasonCode"))]
        [number] = [one["value"] for one in order["identifier"] if one["system"] == "urn:fvm:order"]
        control = f"O{uuid4().hex[:12].upper()}"
        assert "MSA|AA" in await region.say(an_answer(number, control))
        choice = {"id": str(uuid4()), "reason": "Läser svaret på min beställning"}  # the laboratory is another unit
        taken = await client.post(f"/information/access/patients/{STINA}/choices", json=choice)
        assert taken.status_code == 201, taken.text

        async def owed() -> str:
            [report] = await found(f"DiagnosticReport?patient={STINA}&identifier=F{control}", "/fhir")
            [task] = await found(f"Task?patient={STINA}&focus=DiagnosticReport/{report['id']}")
            assert (task["status"], task["owner"]["display"]) == ("requested", "Ida Månsson")
            [again] = await found(f"ServiceRequest?_id={order['id']}&patient={STINA}")
            assert again["status"] == "completed"
            return str(report["id"])

        report = await until(owed, 60)

    await ida.goto(CHART)
    await ida.get_by_role("button", name="Visa andra enheters uppgifter").click()
    await ida.wait_for_url(lambda address: "/access/" not in address)
    await ida.goto(f"{CHART}/answers?svar={report}")
    await expect(ida.locator("#answer")).to_contain_text("P-Kalium")
    await ida.get_by_label("Patienten informerad").check()
    await ida.get_by_label("Kommentar (behövs inte)").fill(WORDS)
    await ida.get_by_role("button", name=re.compile("^Vidimera")).click()
    await expect(ida.get_by_role("status").filter(has_text="vidimerat")).to_be_visible()

    stina = await enter("Stina Bergström", width=390)

    async def read() -> None:
        await stina.goto(f"{HOUSE}/results/{report}")
        await expect(stina.get_by_text(WORDS)).to_be_visible(timeout=1_000)

    await until(read, 60)
