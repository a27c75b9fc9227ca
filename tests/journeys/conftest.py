"""What every journey needs: somebody at the gateway, and a way to look at the region's record."""

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx2
import msgspec
import pytest

_decode = msgspec.json.Decoder(float_hook=Decimal).decode

Look = Callable[..., Awaitable[list[dict[str, Any]]]]


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
