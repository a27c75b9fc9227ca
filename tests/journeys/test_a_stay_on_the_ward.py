"""A stay on a ward in a browser: a bed, vitals with NEWS2, another bed, home; and the bed is another's to take."""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from playwright.async_api import Page, expect

Enter = Callable[..., Awaitable[Page]]
Newcomer = Callable[[str, str, str], Awaitable[str]]

NAME = re.compile("LINDGREN, Evert")


async def free(page: Page) -> list[str]:
    """The names of the beds that may be chosen."""
    every = await page.locator("#s-bed option").all_inner_texts()
    return [one for one in every if one not in ("Välj plats", "Ingen än: väntas in")]


async def score(page: Page, chart: str) -> None:
    """Evert is short of breath: NEWS2 is seven."""
    await page.goto(f"{chart}/vitals")
    for name, value in {"respirations": 22, "spo2": 93, "systolic": 104, "diastolic": 62, "pulse": 96}.items():
        await page.locator(f"#v-{name}").fill(str(value))
    await page.locator("#v-temperature").fill("38,4")
    await page.get_by_label("Nej, luft").check()
    await page.get_by_label("A · ").check()
    await page.get_by_role("button", name="Spara kontroll").click()
    await expect(page.get_by_role("status").filter(has_text="är sparad.")).to_be_visible()
    await expect(page.locator(".vitals__now")).to_contain_text("NEWS2 7")


async def test_a_bed_a_score_another_bed_and_home_while_a_colleague_watches_the_board(
    region: Any, enter: Enter, newcomer: Newcomer
) -> None:
    evert = await newcomer("Lindgren", "Evert", "1950-03-04")
    chart = f"/portal/patients/{evert}"
    async with region.client("therese") as client:
        relation = {"id": str(uuid4()), "reason": "Väntas till avdelningen", "days": 1}
        answer = await client.post(f"/information/access/patients/{evert}/relations", json=relation)
        assert answer.status_code == 201, answer.text
    therese, henrik = await enter("Therese Norman"), await enter("Henrik Aldén", unit="Avdelning 52")
    await henrik.goto("/portal/ward")
    await therese.goto(f"{chart}/stay")
    first, second = (await free(therese))[:2]
    await therese.locator("#s-cause").fill("Misstänkt pneumoni")
    await therese.locator("#s-bed").select_option(label=first)
    await therese.get_by_role("button", name="Skriv in").click()
    await expect(therese.locator("#s-now")).to_have_text(first)
    card = henrik.locator("main").get_by_text(NAME).first
    await expect(card).to_be_visible(timeout=15_000)  # the colleague's board says so by itself

    await score(therese, chart)
    await therese.goto(f"{chart}/stay")
    await therese.locator("#s-bed").select_option(label=second)
    await therese.get_by_role("button", name="Flytta").click()
    await expect(therese.locator("#s-now")).to_have_text(second)
    assert first in await free(therese)

    await therese.locator("#s-to").select_option(index=1)
    await therese.get_by_role("button", name="Skriv ut").click()
    await expect(therese.get_by_role("status").filter(has_text=NAME)).to_contain_text("är utskriven")
    await therese.goto(f"{chart}/stay")
    assert {first, second} <= set(await free(therese))
    await expect(card).to_have_count(0, timeout=15_000)
