"""People see where they are signed in and which apps they let in, end each or all, and never anybody else's."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from application_platform.sign_in.agents import browser_of

SignIn = Callable[..., Awaitable[Response]]
DOCTOR, NURSE = "SE0000000001-P013", "SE0000000001-P002"
PAGE = {"Accept": "text/html"}
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def csrf(browser: AsyncClient, sign_in: Any) -> dict[str, str]:
    return {"csrf": await sign_in.csrf(browser, "/auth/sessions")}


async def active(demo: Any, browser: AsyncClient, token: str) -> bool:
    own = ("information", demo.secret("information"))
    return bool((await browser.post("/auth/introspect", data={"token": token}, auth=own)).json()["active"])


def grant_of(demo: Any, body: dict[str, Any]) -> str:
    sid: str = demo.office.issuer.read(body["access_token"])["sid"]
    return sid


@pytest.fixture
async def let_in(demo: Any, an_app: Any, browser: AsyncClient, sign_in: SignIn) -> dict[str, Any]:
    """A doctor who has let an app in, also for when she is away."""
    browser.headers["user-agent"] = FIREFOX
    await sign_in(browser, DOCTOR)
    body: dict[str, Any] = await an_app.redeem(browser, await an_app.ask(browser, scope="offline_access user/*.rs"))
    return body


async def test_the_page_shows_ones_own_sessions_and_apps(
    demo: Any, browser: AsyncClient, let_in: dict[str, Any]
) -> None:
    page = await browser.get("/auth/sessions")

    for words in ("Dina appar och inloggningar", "Firefox på Windows (den här)", "Demoappen", "Hela din journal"):
        assert words in page.text
    assert grant_of(demo, let_in) in page.text


async def test_ending_an_app_voids_its_tokens(
    demo: Any, browser: AsyncClient, sign_in: SignIn, let_in: dict[str, Any]
) -> None:
    form = {**await csrf(browser, sign_in), "app": grant_of(demo, let_in)}
    answer = await browser.post("/auth/sessions/end", data=form, headers={"Origin": "http://fvm.test"})

    assert answer.headers["location"] == "/auth/sessions?done=app"
    assert "Appen är borttagen" in (await browser.get(answer.headers["location"])).text
    assert not await active(demo, browser, let_in["access_token"])
    data = {"grant_type": "refresh_token", "refresh_token": let_in["refresh_token"], "client_id": "demo-app"}
    assert (await browser.post("/auth/token", data=data)).json()["error"] == "invalid_grant"


async def test_nobody_ends_what_is_somebody_elses(
    demo: Any, browser: AsyncClient, sign_in: SignIn, let_in: dict[str, Any]
) -> None:
    mine = (await browser.get("/auth/sessions")).text
    session = mine.split('name="session" value="')[1].split('"')[0]
    async with demo.browser() as other:
        await sign_in(other, NURSE)
        theirs = (await other.get("/auth/sessions")).text
        assert session not in theirs
        assert grant_of(demo, let_in) not in theirs
        for form in ({"session": session}, {"app": grant_of(demo, let_in)}):
            data = {**await csrf(other, sign_in), **form}
            answer = await other.post("/auth/sessions/end", data=data, headers={"Origin": "http://fvm.test"})
            assert answer.headers["location"] == "/auth/sessions"

    assert (await browser.get("/auth/sessions")).status_code == 200
    assert await active(demo, browser, let_in["access_token"])


async def test_signing_out_everywhere_ends_every_session_and_every_app(
    demo: Any, browser: AsyncClient, sign_in: SignIn, let_in: dict[str, Any]
) -> None:
    async with demo.browser() as phone:
        await sign_in(phone, DOCTOR)
        form = await csrf(phone, sign_in)
        answer = await phone.post("/auth/sessions/end-all", data=form, headers={"Origin": "http://fvm.test"})
        assert answer.headers["location"] == "/auth/sign-in"
        assert (await phone.get("/auth/sessions", headers=PAGE)).status_code == 303

    assert (await browser.get("/auth/sessions", headers=PAGE)).status_code == 303
    assert not await active(demo, browser, let_in["access_token"])


async def test_ending_another_session_leaves_this_one(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    async with demo.browser() as phone:
        await sign_in(phone, DOCTOR)
        page = (await phone.get("/auth/sessions")).text
        here = page.split("(den här)")[0].rsplit('name="session" value="', 1)[1].split('"')[0]
        data = {**await csrf(browser, sign_in), "session": here}
        answer = await browser.post("/auth/sessions/end", data=data, headers={"Origin": "http://fvm.test"})
        assert answer.headers["location"] == "/auth/sessions?done=session"
        assert (await phone.get("/auth/sessions", headers=PAGE)).status_code == 303
    assert (await browser.get("/auth/sessions")).status_code == 200


async def test_the_page_is_for_the_signed_in_and_its_forms_for_itself(
    demo: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    assert (await browser.get("/auth/sessions", headers=PAGE)).headers[
        "location"
    ] == "/auth/sign-in?next=%2Fauth%2Fsessions"
    await sign_in(browser, DOCTOR)
    for headers in ({"Origin": "http://evil.test"}, {"Origin": "http://fvm.test"}):
        assert (await browser.post("/auth/sessions/end-all", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox på Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari på iPhone",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge på Linux"),
        ("curl/8", ""),
    ],
)
def test_a_browser_is_named_so_that_its_owner_knows_it(agent: str, words: str) -> None:
    assert browser_of(agent) == words
