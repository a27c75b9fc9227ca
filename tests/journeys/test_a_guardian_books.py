"""A guardian books for the child, who the clinic sees come; the child's start shows it, and the log names the guardian (PAT-04)."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from playwright.async_api import Page, expect

Until = Callable[..., Awaitable[Any]]
Enter = Callable[..., Awaitable[Page]]
Newcomer = Callable[[str, str, str], Awaitable[str]]

GUSTAV = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a03"


async def test_pat_04_a_guardian_books_for_the_child_and_the_log_says_who(
    region: Any, enter: Enter, until: Until, newcomer: Newcomer
) -> None:
    child = await newcomer("Åkerlund", "Ture", f"{datetime.now(UTC).year - 6}-01-05")
    house = f"/portal/mine/{child}"
    async with region.client("margareta") as manager:

        async def registered() -> None:
            body = {"id": str(uuid4()), "who": GUSTAV, "reason": "Vårdnadshavare enligt folkbokföringen"}
            answer = await manager.post(f"/information/access/patients/{child}/guardians", json=body)
            assert answer.status_code == 201, answer.text

        await until(registered, 30)

    gustav = await enter("Gustav Åkerlund", width=390)

    async def stepped_in() -> None:
        answer = await gustav.goto(f"{house}/bookings/new")
        assert answer is not None
        assert answer.status == 200

    await until(stepped_in, 30)
    await gustav.get_by_role("link", name="Barn- och ungdomsmottagningen").click()
    later = gustav.get_by_role("link", name="Visa ")
    if await later.count():
        await later.first.click()
    await gustav.locator(".book-clock").first.click()
    await expect(gustav.locator(".book-card")).to_contain_text("Barn- och ungdomsmottagningen")
    await gustav.get_by_label("Vad gäller besöket?").fill("Eksem på armarna")
    await gustav.get_by_role("button", name="Boka tiden").click()
    await gustav.wait_for_url(f"**{house}/bookings**")
    await gustav.goto(house)
    await expect(gustav.locator("main")).to_contain_text("Sjuksköterskebesök")
    await gustav.goto(f"/portal/mine/{GUSTAV}")
    await expect(gustav.locator("main")).not_to_contain_text("Sjuksköterskebesök för barn")  # it is the child's

    async def told() -> None:
        await gustav.goto(f"{house}/privacy")
        await expect(gustav.locator("main")).to_contain_text("Gustav Åkerlund", timeout=1_000)

    await until(told, 60)

    fanny = await enter("Fanny Öst")

    async def due() -> None:
        async with region.client("fanny") as client:
            found = (await client.get(f"/fhir/Appointment?patient={child}")).json().get("entry", [])
            assert [one["resource"]["status"] for one in found if one["resource"]["resourceType"] == "Appointment"] == [
                "booked"
            ]
            start = found[0]["resource"]["start"]
        await fanny.goto(f"/portal/bookings?dag={start[:10]}")
        await expect(fanny.locator("main")).to_contain_text("ÅKERLUND, Ture", timeout=1_000)

    await until(due, 60)
