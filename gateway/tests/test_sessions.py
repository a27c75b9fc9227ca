"""Portal pages need the session's cookie, and what changes something also our own Origin."""

from typing import Any

import pytest

COOKIE = {"Cookie": "theme=dark; fvm_session=abc"}
OWN = {"Origin": "http://region.test"}


async def _status(gateway: Any, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    async with gateway.client.request(method, path, headers=headers, allow_redirects=False) as answer:
        problem = await answer.json(content_type=None) if answer.status >= 400 else {}
    return answer.status, problem.get("type", "").removeprefix("/problems/gateway/")


@pytest.mark.parametrize(
    "cookie", ["fvm_session=abc", "theme=dark; fvm_session=abc", "__Host-fvm_session_north=abc; a=b"]
)
async def test_a_session_opens_the_portal(gateway: Any, cookie: str) -> None:
    assert await _status(gateway, "GET", "/portal/patients", {"Cookie": cookie}) == (200, "")


@pytest.mark.parametrize(
    "cookie", ["", "fvm_session=", "other_fvm_session=abc", "fvm_sessions=abc", "theme=fvm_session"]
)
async def test_another_cookie_is_no_session(gateway: Any, cookie: str) -> None:
    assert await _status(gateway, "GET", "/portal/patients", {"Cookie": cookie}) == (401, "session-missing")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_change_needs_session_and_our_own_origin(gateway: Any, method: str) -> None:
    async def ask(headers: dict[str, str]) -> tuple[int, str]:
        return await _status(gateway, method, "/portal/notes", headers)

    assert await ask(COOKIE | OWN) == (200, "")
    assert await ask(COOKIE) == (403, "foreign-origin")
    assert await ask(COOKIE | {"Origin": "http://evil.test"}) == (403, "foreign-origin")
    assert await ask(COOKIE | {"Origin": "http://region.test.evil.test"}) == (403, "foreign-origin")
    assert await ask(COOKIE | {"Origin": "null"}) == (403, "foreign-origin")
    assert await ask(OWN) == (401, "session-missing")


async def test_a_person_without_session_is_sent_to_sign_in_and_back(gateway: Any) -> None:
    page = {"Accept": "text/html,application/xhtml+xml"}
    async with gateway.client.get("/portal/patients/7?tab=labs", headers=page, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == "/auth/sign-in?next=/portal/patients/7"
        assert answer.headers["Cache-Control"] == "no-store"
        assert await answer.read() == b""


async def test_nothing_can_be_smuggled_into_the_way_back(gateway: Any) -> None:
    status, headers, _ = await gateway.raw(gateway.get("/portal/a&next=//evil.test", Accept="text/html"))

    assert status == 303
    assert headers["location"] == "/auth/sign-in"


async def test_a_stream_of_events_has_no_time_limit_and_needs_the_session(start: Any) -> None:
    async with start(request_timeout=1) as gateway:
        async with gateway.client.get("/portal/events", headers=COOKIE) as answer:
            text = await answer.text()
        refused = await _status(gateway, "GET", "/portal/events", {"Accept": "text/html"})

    assert text == "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n"
    assert refused == (401, "session-missing")


async def test_sign_in_is_open_but_its_form_only_from_our_own_page(gateway: Any) -> None:
    assert await _status(gateway, "GET", "/auth/sign-in", {}) == (200, "")
    assert await _status(gateway, "POST", "/auth/sign-in", OWN) == (200, "")
    assert await _status(gateway, "POST", "/auth/sign-in", {"Origin": "http://evil.test"}) == (403, "foreign-origin")
    for path in ("/auth/sign-out", "/auth/commission", "/auth/allow", "/auth/sessions/end-all"):
        assert await _status(gateway, "POST", path, COOKIE) == (403, "foreign-origin")
