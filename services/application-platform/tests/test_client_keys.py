"""Clients that sign: their keys are read from the address they registered, kept as long as it allows, and never from elsewhere."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from httpx2 import AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from application_platform.tokens import assertions, client_keys, clients


@dataclass
class Keys:
    """A client's own address for its keys."""

    keys: list[Any]
    cache: str = "max-age=600"
    asked: int = 0
    status: int = 200
    url: str = ""
    body: dict[str, Any] = field(default_factory=dict)

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        body = self.body or {"keys": [key.as_dict(private=False) for key in self.keys]}
        return web.json_response(body, status=self.status, headers={"Cache-Control": self.cache})


@pytest.fixture
async def keys(demo: Any) -> AsyncIterator[Keys]:
    found = Keys([ECKey.generate_key("P-384", {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "two"})])
    app = web.Application()
    app.router.add_get("/jwks", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    found.url = f"http://{host}:{port}/jwks"
    row = {"id": "backend", "kind": "system", "name": "Backend", "auth": "key", "grants": ["client_credentials"]}
    row |= {"scopes": ["system/*.rs"], "doors": ["information"], "redirect_uris": [], "approved": True, "demo": True}
    async with demo.db.transaction() as tx:
        await clients.save(tx, [{**row, "jwks": None, "jwks_url": found.url}])
    yield found
    await runner.cleanup()


async def ask(browser: AsyncClient, key: Any, alg: str = "ES384", **header: str) -> Response:
    now = int(time.time())
    claims = {"iss": "backend", "sub": "backend", "aud": "http://fvm.test/auth/token", "exp": now + 60}
    said = {"alg": alg, "kid": key.kid, "typ": "JWT", **header}
    signed = jwt.encode(said, {**claims, "jti": str(time.time_ns())}, key, algorithms=[alg])
    data = {"grant_type": "client_credentials", "client_assertion_type": assertions.TYPE, "client_assertion": signed}
    return await browser.post("/auth/token", data=data, headers={"X-Forwarded-For": str(time.time_ns())})


async def test_both_algorithms_are_taken_and_the_keys_read_once(browser: AsyncClient, keys: Keys) -> None:
    for key, alg in zip(keys.keys, ("ES384", "RS384"), strict=True):
        assert (await ask(browser, key, alg)).status_code == 200
        assert (await ask(browser, key, alg, jku=keys.url)).status_code == 200

    assert keys.asked == 1


@pytest.mark.parametrize("cache", ["no-store", "no-cache", "max-age=0"])
async def test_keys_are_not_kept_longer_than_their_address_allows(browser: AsyncClient, keys: Keys, cache: str) -> None:
    keys.cache = cache
    for _ in range(2):
        assert (await ask(browser, keys.keys[0])).status_code == 200

    assert keys.asked == 2


async def test_a_new_key_is_found_without_waiting_for_the_old_set_to_end(
    browser: AsyncClient, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await ask(browser, keys.keys[0])).status_code == 200
    keys.keys.append(ECKey.generate_key("P-384", {"kid": "three"}))
    assert (await ask(browser, keys.keys[-1])).status_code == 401  # so soon after a look there is no other

    monkeypatch.setattr(client_keys, "_LOOK_AGAIN", 0.0)
    assert (await ask(browser, keys.keys[-1])).status_code == 200


@pytest.mark.parametrize("jku", ["http://evil.test/jwks", "https://127.0.0.1/jwks"])
async def test_keys_are_never_read_from_an_address_that_the_token_names(
    browser: AsyncClient, keys: Keys, jku: str
) -> None:
    answer = await ask(browser, keys.keys[0], jku=jku)

    assert (answer.status_code, answer.json()["error"], keys.asked) == (401, "invalid_client", 0)


async def test_two_keys_with_one_name_are_a_refusal(browser: AsyncClient, keys: Keys) -> None:
    keys.keys.append(ECKey.generate_key("P-384", {"kid": "one"}))

    assert (await ask(browser, keys.keys[0])).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("status", "body"), [(404, {}), (302, {}), (200, {"keys": "none"}), (200, {"keys": ["x"]})], ids=str
)
async def test_an_address_without_keys_is_a_refusal(
    browser: AsyncClient, keys: Keys, status: int, body: dict[str, Any]
) -> None:
    keys.status, keys.body = status, body

    assert (await ask(browser, keys.keys[0])).json()["error"] == "invalid_client"


async def test_an_address_that_is_away_is_no_refusal_but_try_again(browser: AsyncClient, keys: Keys) -> None:
    keys.status = 503

    assert (await ask(browser, keys.keys[0])).status_code == 503


def test_keys_are_read_by_https_and_in_a_demo_region_from_this_machine() -> None:
    safe = client_keys.is_safe_address
    assert safe("https://app.test/jwks", demo=False)
    assert safe("http://127.0.0.1:8000/jwks", demo=True)
    for url in ("http://127.0.0.1/jwks", "http://app.test/jwks", "file:///etc/passwd", "https:///jwks", ""):
        assert not safe(url, demo=False)
    assert not safe("http://app.test/jwks", demo=True)
