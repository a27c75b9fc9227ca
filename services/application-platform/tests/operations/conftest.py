"""What the operator's tests stand on: four services behind one door, and an operator who is signed in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from httpx2 import AsyncClient

from application_platform.operations.actions import Region

HELD = {
    "id": "information-7", "state": "parked", "at": "2026-11-26T08:00:00Z", "reader": "information",
    "topic": "exchange.record.v1", "code": "persons/different-persons", "reason": "Two numbers", "person": "a1b2c3d4",
    "attempts": 0, "next_at": None,
}  # fmt: skip
NOW = {
    "checks": {"database": True, "kafka": True},
    "lag": {
        "epoch": 1, "kafka": True, "outbox": [], "arrows": [], "readings": [], "waiting": [], "parked": [], "steps": [],
    },
}  # fmt: skip


@dataclass
class Services:
    """All four services behind one door; what they were asked is kept."""

    held: list[dict[str, Any]] = field(default_factory=lambda: [dict(HELD)])
    asked: list[tuple[str, str, Any]] = field(default_factory=list)  # method, path, body
    bearers: set[str] = field(default_factory=set)
    warned: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)  # outboxes that are

    def app(self) -> web.Application:
        app = web.Application()
        base = "/{service}/internal/operations"
        app.router.add_get(base + "/now", self._now)
        app.router.add_get(base + "/parked", self._list)
        app.router.add_post(base + "/parked/replay", self._replay)
        app.router.add_get(base + "/parked/{id}", self._show)
        app.router.add_post(base + "/parked/{id}/give-up", self._give_up)
        app.router.add_get("/exchange/exchange/messages", self._warned)
        return app

    async def _warned(self, request: web.Request) -> web.Response:
        await self._keep(request)
        before = int(request.query.get("before", 2**62))
        found = [one for one in self.warned if one["id"] < before][: int(request.query["count"])]
        return web.json_response(found if request.query["state"] == "warned" else [])

    async def _now(self, request: web.Request) -> web.Response:
        await self._keep(request)
        lag = {**NOW["lag"], "service": request.match_info["service"], "outbox": self.late}
        return web.json_response({**NOW, "lag": lag})

    async def _list(self, request: web.Request) -> web.Response:
        mine = [one for one in self.held if one["id"].startswith(request.match_info["service"])]
        return web.json_response({"count": len(mine), "messages": mine})

    async def _show(self, request: web.Request) -> web.Response:
        await self._keep(request)
        found = next((one for one in self.held if one["id"] == request.match_info["id"]), None)
        if found is None:
            return web.json_response({}, status=404)
        body = "eyJuYW1lIjoiVG9sdmFuIn0=" if request.query.get("reason") else None
        return web.json_response(
            {"held": found, "attributes": {"ce_type": "exchange.record.v1"}, "size": 17, "behind": 2, "body": body}
        )

    async def _replay(self, request: web.Request) -> web.Response:
        body = await self._keep(request)
        mine = [one for one in self.held if one["id"].startswith(request.match_info["service"])]
        if not body["dry_run"]:
            self.held = [one for one in self.held if one not in mine]
        return web.json_response({"count": len(mine), "replayed": 0 if body["dry_run"] else len(mine)})

    async def _give_up(self, request: web.Request) -> web.Response:
        await self._keep(request)
        self.held.clear()
        return web.json_response({})

    async def _keep(self, request: web.Request) -> Any:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path_qs, body))
        self.bearers.add(request.headers.get("Authorization", ""))
        return body

    def acts(self) -> list[tuple[str, str, Any]]:
        return [asked for asked in self.asked if asked[0] == "POST"]


@pytest.fixture
async def services(demo: Any) -> AsyncIterator[Services]:
    found = Services()
    runner = web.AppRunner(found.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    before = demo.app.state.region
    region = Region(
        {name: f"http://127.0.0.1:{port}/{name}" for name in ("vis", "information", "exchange", "application")}
    )
    demo.app.state.region = region
    yield found
    demo.app.state.region = before
    await region.stop()
    await runner.cleanup()


@pytest.fixture
async def operator(browser: AsyncClient, services: Services, sign_in: Any) -> AsyncClient:
    await sign_in(browser, "jonatan")
    return browser
