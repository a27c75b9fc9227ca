"""A patient's settings: the apps that are let in and the browsers that are signed in, by name and number."""

from collections.abc import Awaitable, Callable
from typing import Any

from httpx2 import AsyncClient, Response

SignIn = Callable[..., Awaitable[Response]]
GUSTAV = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a03"
SETTINGS = f"/portal/mine/{GUSTAV}/settings"


async def test_apps_are_named_and_sessions_counted(
    demo: Any, an_app: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, GUSTAV)
    before = await browser.get(SETTINGS)
    assert before.status_code == 200, before.text
    assert "Inga appar är insläppta." in before.text
    assert "Du är bara inloggad här." in before.text
    page = await an_app.ask(browser, scope="openid fhirUser launch/patient patient/*.rs")
    await an_app.redeem(browser, await an_app.answer(browser, page))
    async with demo.browser() as other:
        await sign_in(other, GUSTAV)
        after = await other.get(SETTINGS)
    assert "Du har släppt in " in after.text
    assert "Du är inloggad på 2 ställen." in after.text
    assert 'href="/auth/sessions"' in after.text


async def test_signed_out_leads_to_the_door(browser: AsyncClient) -> None:
    answer = await browser.get(SETTINGS, headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/auth/")
