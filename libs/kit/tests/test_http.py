"""Calls to neighbours: what is sent along, and what their silence becomes."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from kit.http import Client, Declined
from kit.problems import Unavailable
from kit.telemetry import current_traceparent, enter_trace


@pytest.fixture
async def neighbour() -> AsyncIterator[str]:
    async def echo(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.json() if request.can_read_body else None
        return web.json_response({"headers": headers, "query": dict(request.query), "body": body})

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"no": True}, status=int(request.match_info["status"]))

    async def never(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/echo", echo)
    app.router.add_get("/status/{status}", answer)
    app.router.add_get("/never", never)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_bearer_and_trace_travel_along(neighbour: str) -> None:
    client = Client(neighbour)
    trace = enter_trace(None)

    got = await client.get("/echo", bearer="abc", params={"a": "b"})
    posted = await client.post("/echo", {"x": 1})
    await client.stop()

    assert (got["headers"]["authorization"], got["headers"]["traceparent"], got["query"]) == (
        "Bearer abc",
        trace,
        {"a": "b"},
    )
    assert (posted["body"], posted["headers"]["content-type"]) == ({"x": 1}, "application/json")


@pytest.mark.parametrize("path", ["/status/500", "/status/503", "/status/429", "/never"])
async def test_a_neighbour_in_trouble_is_unavailable(neighbour: str, path: str) -> None:
    client = Client(neighbour, timeout=0.3)
    with pytest.raises(Unavailable):
        await client.get(path)
    await client.stop()


async def test_a_neighbour_that_is_not_there_is_unavailable() -> None:
    client = Client("http://127.0.0.1:1")
    with pytest.raises(Unavailable):
        await client.get("/")
    await client.stop()


async def test_a_neighbour_that_says_no_is_declined_with_its_status(neighbour: str) -> None:
    client = Client(neighbour)
    with pytest.raises(Declined) as declined:
        await client.get("/status/404")
    answer = await client.send("GET", "/status/404")
    await client.stop()

    assert (declined.value.status, declined.value.body) == (404, b'{"no": true}')
    assert (answer.status, answer.json()) == (404, {"no": True})


def test_a_trace_goes_on_under_a_new_span_and_nonsense_begins_a_new_one() -> None:
    known = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    goes_on = enter_trace(known)
    fresh = [
        enter_trace(wrong) for wrong in (None, "", "x", known.upper(), known[:-1], f"00-{'0' * 32}-b7ad6b7169203331-01")
    ]

    assert goes_on[:36] == known[:36]
    assert goes_on != known
    assert all(found[3:35] != known[3:35] and len(found) == 55 for found in fresh)
    assert current_traceparent() == fresh[-1]
