"""Apps are registered, reviewed, changed and switched off by those whose commission it is."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from httpx2 import AsyncClient, Response
from joserfc.jwk import ECKey

from kit.outbox import outbox

SignIn = Callable[..., Awaitable[Response]]
NURSE = "SE0000000001-P002"
APP = {
    "name": "Blodtrycksdagboken",
    "about": "Visar dina blodtryck.",
    "redirect_uris": ["http://localhost:9090/callback"],
    "scopes": ["openid", "fhirUser", "offline_access", "user/Observation.rs", "patient/Observation.read"],
    "doors": ["information"],
}


async def as_(browser: AsyncClient, who: str) -> dict[str, str]:
    token = (await browser.post("/internal/demo-token", json={"who": who})).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def manager(browser: AsyncClient) -> dict[str, str]:
    return await as_(browser, "jonatan")


async def register(browser: AsyncClient, manager: dict[str, str], **changes: Any) -> dict[str, Any]:
    answer = await browser.post("/auth/apps", json={**APP, **changes}, headers=manager)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def verdict(browser: AsyncClient, manager: dict[str, str], app: str, **said: str) -> dict[str, Any]:
    answer = await browser.post(f"/auth/apps/{app}/verdict", json=said, headers=manager)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_an_app_waits_for_review_and_then_may_ask(
    an_app: Any, browser: AsyncClient, sign_in: SignIn, manager: dict[str, str]
) -> None:
    app = await register(browser, manager)
    assert (app["state"], app["version"], app["client_secret"]) == ("in-review", 1, None)
    await sign_in(browser, NURSE)
    assert an_app.told(await an_app.ask(browser, client_id=app["client_id"]))["error"] == "access_denied"

    assert (await verdict(browser, manager, app["client_id"], state="live"))["state"] == "live"

    answer = await an_app.ask(browser, client_id=app["client_id"])
    assert (await an_app.redeem(browser, answer, client_id=app["client_id"]))["scope"] == "user/Observation.rs"


async def test_a_confidential_app_gets_its_secret_once_and_needs_it(
    an_app: Any, browser: AsyncClient, sign_in: SignIn, manager: dict[str, str]
) -> None:
    app = await register(browser, manager, auth="secret")
    id, secret = app["client_id"], app["client_secret"]
    await verdict(browser, manager, id, state="live")
    assert (await browser.get(f"/auth/apps/{id}", headers=manager)).json()["client_secret"] is None
    await sign_in(browser, NURSE)
    code = an_app.told(await an_app.ask(browser, client_id=id))["code"]

    data = an_app.exchange(code, client_id=id)
    assert (await browser.post("/auth/token", data=data)).json()["error"] == "invalid_client"
    assert (await browser.post("/auth/token", data=data, auth=(id, secret))).status_code == 200


async def test_a_changed_app_waits_for_review_again(browser: AsyncClient, manager: dict[str, str]) -> None:
    id = (await register(browser, manager))["client_id"]
    await verdict(browser, manager, id, state="live")

    answer = await browser.put(f"/auth/apps/{id}", json={**APP, "scopes": ["user/*.rs"]}, headers=manager)
    assert (answer.json()["state"], answer.json()["version"]) == ("in-review", 2)
    rejected = await verdict(browser, manager, id, state="rejected", reason="Behöver inte hela journalen")
    assert (rejected["state"], rejected["reason"]) == ("rejected", "Behöver inte hela journalen")
    other = await browser.put(f"/auth/apps/{id}", json={**APP, "auth": "secret"}, headers=manager)
    assert other.status_code == 400


async def test_switching_an_app_off_ends_its_grants_everywhere(
    demo: Any, an_app: Any, browser: AsyncClient, sign_in: SignIn, manager: dict[str, str]
) -> None:
    id = (await register(browser, manager))["client_id"]
    await verdict(browser, manager, id, state="live")
    await sign_in(browser, NURSE)
    answer = await an_app.ask(browser, client_id=id, scope="offline_access user/Observation.rs")
    body = await an_app.redeem(browser, answer, client_id=id)

    assert (await verdict(browser, manager, id, state="suspended", reason="Läcker"))["state"] == "suspended"

    sid = demo.office.issuer.read(body["access_token"])["sid"]
    async with demo.db.transaction() as tx:
        assert sid in (await tx.execute(sa.select(outbox.c.key))).scalars().all()
    data = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"], "client_id": id}
    assert (await browser.post("/auth/token", data=data)).json()["error"] == "invalid_client"
    assert (await an_app.ask(browser, client_id=id)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"redirect_uris": ["http://evil.test/cb"]}, "redirect_uris"),
        ({"redirect_uris": ["https://app.test/cb#x"]}, "redirect_uris"),
        ({"redirect_uris": ["https://*.app.test/cb"]}, "redirect_uris"),
        ({"redirect_uris": ["https://user@app.test/cb"]}, "redirect_uris"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uris"),
        ({"redirect_uris": ["data:text/html,x"]}, "redirect_uris"),
        ({"launch_url": "http://app.test/launch"}, "launch_url"),
        ({"scopes": ["system/*.rs"]}, "scopes"),
        ({"scopes": ["fvm/everything"]}, "scopes"),
        ({"scopes": ["user/*.sr"]}, "scopes"),
        ({"auth": "key"}, "jwks"),
        ({"auth": "none", "jwks_url": "https://app.test/jwks"}, "jwks"),
        ({"auth": "key", "jwks_url": "http://app.test/jwks"}, "jwks_url"),
    ],
    ids=str,
)
async def test_what_is_not_safe_is_not_registered(
    browser: AsyncClient, manager: dict[str, str], changes: dict[str, Any], at: str
) -> None:
    answer = await browser.post("/auth/apps", json={**APP, **changes}, headers=manager)

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/application/wrong-registration")
    assert at in answer.text


async def test_native_apps_and_apps_with_keys_can_be_registered(browser: AsyncClient, manager: dict[str, str]) -> None:
    native = await register(browser, manager, redirect_uris=["se.region.app:/callback", "https://app.test/cb"])
    assert native["redirect_uris"][0] == "se.region.app:/callback"
    keys = {"keys": [ECKey.generate_key("P-384", {"kid": "k"}).as_dict(private=False)]}
    assert (await register(browser, manager, auth="key", jwks=keys))["auth"] == "key"
    assert (await register(browser, manager, auth="key", jwks_url="https://app.test/jwks"))["jwks_url"]


async def test_only_those_who_manage_apps_come_in(browser: AsyncClient) -> None:
    assert (await browser.get("/auth/apps")).status_code == 401
    for who in ("bjorn", "bench"):
        answer = await browser.get("/auth/apps", headers=await as_(browser, who))
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/application/not-an-app-manager")
    lab = await browser.get("/auth/apps", headers=await as_(browser, "lab"))
    assert lab.status_code == 401  # its token is good at another door


async def test_the_registry_lists_apps_and_no_systems(browser: AsyncClient, manager: dict[str, str]) -> None:
    ids = [one["client_id"] for one in (await browser.get("/auth/apps", headers=manager)).json()]

    assert "demo-app" in ids
    assert not {"vis", "bench"} & set(ids)
    for app in ("vis", "nothing"):
        assert (await browser.get(f"/auth/apps/{app}", headers=manager)).status_code == 404
        answer = await browser.post(f"/auth/apps/{app}/verdict", json={"state": "suspended"}, headers=manager)
        assert answer.status_code == 404
