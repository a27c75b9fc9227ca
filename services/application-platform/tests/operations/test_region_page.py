"""The operator's pages: who may see them, what they show and hide, and that replay begins with a trial run."""

import re
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

    def app(self) -> web.Application:
        app = web.Application()
        base = "/{service}/internal/operations"
        app.router.add_get(base + "/now", self._now)
        app.router.add_get(base + "/parked", self._list)
        app.router.add_post(base + "/parked/replay", self._replay)
        app.router.add_get(base + "/parked/{id}", self._show)
        app.router.add_post(base + "/parked/{id}/give-up", self._give_up)
        return app

    async def _now(self, request: web.Request) -> web.Response:
        await self._keep(request)
        return web.json_response({**NOW, "lag": {**NOW["lag"], "service": request.match_info["service"]}})

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


async def csrf(browser: AsyncClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/portal/region")).text)
    assert found
    return found[1]


async def send(browser: AsyncClient, path: str, **form: str) -> Any:
    data = {"csrf": await csrf(browser), **form}
    return await browser.post(f"/portal/region{path}", data=data, headers={"Origin": "http://fvm.test"})


async def test_only_an_operator_sees_the_region(browser: AsyncClient, services: Services, sign_in: Any) -> None:
    await sign_in(browser, "bjorn")
    pages = [await browser.get(f"/portal/region{path}") for path in ("", "/picture", "/messages/information-7")]
    replay = await browser.post(
        "/portal/region/replay", data={"code": "x", "csrf": "wrong"}, headers={"Origin": "http://fvm.test"}
    )

    assert {page.status_code for page in pages} == {403}
    assert "Sidan är för driften" in pages[0].text
    assert "Regionen</span>" not in pages[0].text  # nor is it in their rail
    assert replay.status_code == 403
    assert services.asked == []


async def test_a_patient_who_comes_to_the_region_is_led_to_their_own_journal(
    browser: AsyncClient, sign_in: Any
) -> None:
    await sign_in(browser, "tolvan")
    page = await browser.get("/portal/region")

    assert page.status_code == 403
    assert "Gå tillbaka till din egen journal" in page.text
    assert "uppdrag" not in page.text


async def test_the_page_shows_the_picture_and_what_is_set_aside_without_content(
    operator: AsyncClient, services: Services
) -> None:
    page = await operator.get("/portal/region")

    assert page.status_code == 200
    assert "Allt är som det ska." in page.text
    assert "två olika personnummer sägs vara en person" in page.text
    assert 'href="/portal/region/messages/information-7"' in page.text
    assert "Tolvan" not in page.text
    assert len(services.bearers) == 1  # with the operator's own token
    assert next(iter(services.bearers)).startswith("Bearer ey")


async def test_the_live_part_takes_no_focus(operator: AsyncClient) -> None:
    part = (await operator.get("/portal/region/picture")).text

    assert "<!doctype" not in part
    assert re.findall(r"<(?:a|button|input|select|textarea|summary)\b", part) == []


async def test_everybody_who_looks_at_once_asks_the_services_once(operator: AsyncClient, services: Services) -> None:
    await operator.get("/portal/region/picture")
    services.asked.clear()
    for _ in range(3):
        await operator.get("/portal/region/picture")

    assert services.asked == []


async def test_a_replay_by_reason_begins_with_a_trial_run(operator: AsyncClient, services: Services) -> None:
    trial = await send(operator, "/replay", code="persons/different-persons")
    kept = len(services.held)
    done = await send(operator, "/replay", code="persons/different-persons", step="do")

    assert "Provkörning: 1 meddelande skulle spelas om." in trial.text
    assert kept == 1
    assert done.headers["location"] == "/portal/region?klart=1#parked"
    assert [body["dry_run"] for _, _, body in services.acts()] == [True] * 4 + [False] * 4
    assert "Spelas om: 1 meddelande." in (await operator.get("/portal/region?klart=1")).text


async def test_content_is_shown_only_with_a_reason(operator: AsyncClient, services: Services) -> None:
    hidden = await operator.get("/portal/region/messages/information-7")
    without = await send(operator, "/messages/information-7/content", reason="  ")
    shown = await send(operator, "/messages/information-7/content", reason="Felsöker labbsvar")

    assert "Personuppgifter är dolda." in hidden.text
    assert "2 väntar bakom" in hidden.text
    assert without.status_code == 400
    assert "Tolvan" not in hidden.text + without.text
    assert "Tolvan" in shown.text
    assert [path for _, path, _ in services.asked if "reason=" in path] == [
        "/information/internal/operations/parked/information-7?reason=Fels%C3%B6ker+labbsvar"
    ]


async def test_giving_up_needs_a_reason(operator: AsyncClient, services: Services) -> None:
    silent = await send(operator, "/messages/information-7/give-up")
    given = await send(operator, "/messages/information-7/give-up", reason="Källan har skickat om")

    assert silent.status_code == 400
    assert given.status_code == 303
    assert services.acts()[-1][2] == {"reason": "Källan har skickat om"}


async def test_a_message_that_is_gone_says_so(operator: AsyncClient) -> None:
    for id in ("information-99", "nobody-1"):
        answer = await operator.get(f"/portal/region/messages/{id}")
        assert answer.status_code == 404
        assert "ligger inte här längre" in answer.text


async def test_a_form_from_elsewhere_does_nothing(operator: AsyncClient, services: Services) -> None:
    token = await csrf(operator)
    elsewhere = {"Origin": "http://evil.example"}
    forged = [
        await operator.post("/portal/region/replay", data={"csrf": token, "id": "information-7"}, headers=elsewhere),
        await operator.post(
            "/portal/region/replay", data={"id": "information-7"}, headers={"Origin": "http://fvm.test"}
        ),
    ]

    assert [answer.status_code for answer in forged] == [403, 403]
    assert services.acts() == []


async def test_a_part_that_is_away_is_not_silence(operator: AsyncClient, demo: Any) -> None:
    region = demo.app.state.region
    demo.app.state.region = Region(
        dict.fromkeys(("vis", "information", "exchange", "application"), "http://127.0.0.1:1")
    )
    page = await operator.get("/portal/region")
    await demo.app.state.region.stop()
    demo.app.state.region = region

    assert page.status_code == 200
    assert page.text.count("Svarar inte") >= 4
    assert "EJ KONTROLLERAD: Regionens journal" in page.text
    assert "Inget är undanlagt" not in page.text
