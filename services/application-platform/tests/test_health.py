"""The region is ready when each of its services is."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from application_platform.health.region import Neighbours
from kit.broker import answering
from kit.problems import Unavailable


class Neighbour:
    """A service that says of itself whether it is ready."""

    def __init__(self) -> None:
        self.ready = True
        self.url = ""

    async def answer(self, _: web.Request) -> web.Response:
        return web.json_response({}, status=200 if self.ready else 503)


@pytest.fixture
async def neighbour() -> AsyncIterator[Neighbour]:
    found = Neighbour()
    app = web.Application()
    app.router.add_get("/health/ready", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


async def test_a_service_that_is_ready_passes_and_one_that_is_not_or_is_away_fails(neighbour: Neighbour) -> None:
    neighbours = Neighbours({"vis": neighbour.url, "exchange": "http://127.0.0.1:1"})
    checks = neighbours.checks()
    try:
        await checks["vis"]()
        neighbour.ready = False
        with pytest.raises(Unavailable):
            await checks["vis"]()
        with pytest.raises(Unavailable):
            await checks["exchange"]()
    finally:
        await neighbours.stop()


async def test_a_broker_that_is_away_fails() -> None:
    with pytest.raises(Unavailable):
        await answering("127.0.0.1:1")()
