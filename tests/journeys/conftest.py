"""What every journey needs: somebody at the gateway, people in browsers, and a way to look at the region's record."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx2
import msgspec
import pytest
from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = os.environ.get("FVM_CHROMIUM", "/usr/bin/chromium")

_decode = msgspec.json.Decoder(float_hook=Decimal).decode

Look = Callable[..., Awaitable[list[dict[str, Any]]]]
Enter = Callable[..., Awaitable[Page]]
Newcomer = Callable[[str, str, str], Awaitable[str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "journeys" in item.path.parts:
            item.add_marker(pytest.mark.journey)


@pytest.fixture(scope="session")
async def bench(region: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """The system that may read and write everything."""
    async with region.client() as client:
        yield client


@pytest.fixture(scope="session")
def look(bench: httpx2.AsyncClient, region: Any) -> Look:
    """`await look("Observation?patient=x")`: every page of a search at /fhir, decimals as they were written."""

    async def found(query: str, *, by: httpx2.AsyncClient = bench, base: str = "/fhir") -> list[dict[str, Any]]:
        address, entries = f"{base}/{query}", []
        while address:
            answer = await by.get(address)
            assert answer.status_code == 200, answer.text[:1000]
            bundle = _decode(answer.content)
            entries += [entry["resource"] for entry in bundle.get("entry", [])]
            following = [link["url"] for link in bundle.get("link", []) if link["relation"] == "next"]
            address = following[0].removeprefix(region.settings.public_url) if following else ""
        return entries

    return found


@pytest.fixture
def newcomer(bench: httpx2.AsyncClient) -> Newcomer:
    """`await newcomer("Åkerlund", "Ture", "2020-01-05")`: the id of a patient whom nobody has met before."""

    async def made(family: str, given: str, born: str) -> str:
        id = str(uuid4())
        name = {"use": "official", "family": family, "given": [given]}
        patient = {"resourceType": "Patient", "id": id, "name": [name], "gender": "male", "birthDate": born}
        answer = await bench.put(f"/vis/fhir/Patient/{id}", json=patient, headers={"FVM-Patient": id})
        assert answer.status_code == 201, answer.text[:300]
        return id

    return made


@pytest.fixture
async def enter(region: Any) -> AsyncIterator[Enter]:
    """`await enter("Anna Lind")`: a page of hers, in a browser of her own; `unit` chooses among several commissions."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"Chromium is not at {CHROMIUM} (apt-get install chromium)")
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        browser: Browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)

        async def entered(name: str, *, unit: str = "", width: int = 1280) -> Page:
            size: Any = {"width": width, "height": 900}
            context = await browser.new_context(base_url=region.settings.public_url, locale="sv-SE", viewport=size)
            page = await context.new_page()
            await page.goto("/portal/")
            await page.locator("#named").fill(name)
            await page.locator("#named").press("Enter")
            await page.wait_for_url(lambda address: "/auth/sign-in" not in address)
            commission = page.locator("button[name=commission]")
            if await commission.count():
                await commission.filter(has_text=unit).first.click()
            await page.wait_for_url("**/portal/**")
            return page

        yield entered
        await browser.close()
