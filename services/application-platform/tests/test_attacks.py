"""What attackers try at the authorisation server, and what becomes of it (RFC 9700, RFC 8725, RFC 9207)."""

import base64
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from application_platform.tokens import assertions, clients

SignIn = Callable[..., Awaitable[Response]]
DOCTOR = "SE0000000001-P001"
KEY = ECKey.generate_key("P-384", {"kid": "k1"})


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes = b"") -> str:
    """A token with any header, sealed with HMAC over `secret` where there is one."""
    body = f"{part(header)}.{part(claims)}"
    seal = hmac.digest(secret, body.encode(), "sha256") if secret else b""
    return f"{body}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"


async def active(demo: Any, browser: AsyncClient, token: str) -> bool:
    own = ("information", demo.secret("information"))
    return bool((await browser.post("/auth/introspect", data={"token": token}, auth=own)).json()["active"])


@pytest.fixture
async def granted(demo: Any, an_app: Any, browser: AsyncClient, sign_in: SignIn) -> dict[str, Any]:
    await sign_in(browser, DOCTOR)
    scope = "openid fhirUser offline_access user/Observation.rs"
    body: dict[str, Any] = await an_app.redeem(browser, await an_app.ask(browser, scope=scope))
    return body


async def test_an_id_token_is_no_access_token_and_no_assertion(
    demo: Any, browser: AsyncClient, granted: dict[str, Any]
) -> None:
    assert not await active(demo, browser, granted["id_token"])
    header = {"Authorization": f"Bearer {granted['id_token']}"}
    assert (await browser.get("/auth/apps", headers=header)).status_code == 401
    data = {"grant_type": "client_credentials", "client_assertion_type": assertions.TYPE}
    answer = await browser.post("/auth/token", data={**data, "client_assertion": granted["access_token"]})
    assert answer.json()["error"] == "invalid_client"


async def test_a_refresh_token_is_no_access_token(demo: Any, browser: AsyncClient, granted: dict[str, Any]) -> None:
    assert not await active(demo, browser, granted["refresh_token"])


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "ES256", "RS256"])
async def test_the_algorithm_is_ours_to_choose(
    demo: Any, browser: AsyncClient, granted: dict[str, Any], alg: str
) -> None:
    claims = demo.office.issuer.read(granted["access_token"])
    assert claims is not None
    for public in demo.office.issuer.ring.public:
        key = (ECKey if public["kty"] == "EC" else RSAKey).import_key(public)
        header = {"alg": alg, "kid": public["kid"], "typ": "at+jwt"}
        for secret in (b"", key.as_pem(private=False), json.dumps(public).encode()):
            assert not await active(demo, browser, forged(header, claims, secret))


async def test_a_key_that_the_token_brings_along_is_not_believed(
    demo: Any, browser: AsyncClient, granted: dict[str, Any]
) -> None:
    own = ECKey.generate_key("P-256", {"kid": "mine"})
    claims = demo.office.issuer.read(granted["access_token"])
    header = {"alg": "ES256", "kid": "mine", "typ": "at+jwt", "jwk": own.as_dict(private=False)}

    assert not await active(demo, browser, jwt.encode(header, claims, own, algorithms=["ES256"]))


def an_assertion(header: dict[str, Any] | None = None, key: Any = KEY, **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": "signer", "sub": "signer", "aud": "http://fvm.test/auth/token", "exp": now + 60}
    claims |= {"jti": f"{time.time_ns()}", **changes}
    said = {"alg": "ES384", "kid": "k1", "typ": "JWT", **(header or {})}
    return jwt.encode(
        said, {name: value for name, value in claims.items() if value is not None}, key, algorithms=[said["alg"]]
    )


@pytest.fixture
async def signer(demo: Any) -> None:
    row = {"id": "signer", "kind": "system", "name": "Signer", "auth": "key", "grants": ["client_credentials"]}
    row |= {"scopes": ["system/Observation.rs"], "doors": ["information"], "approved": True, "demo": True}
    async with demo.db.transaction() as tx:
        await clients.save(tx, [{**row, "redirect_uris": [], "jwks": {"keys": [KEY.as_dict(private=False)]}}])


async def asked(browser: AsyncClient, assertion: str, **more: str) -> Response:
    data = {"grant_type": "client_credentials", "client_assertion_type": assertions.TYPE, "client_assertion": assertion}
    return await browser.post("/auth/token", data={**data, **more}, headers={"X-Forwarded-For": f"{time.time_ns()}"})


@pytest.mark.usefixtures("signer")
async def test_an_assertion_is_good_once(browser: AsyncClient) -> None:
    assertion = an_assertion()
    first = await asked(browser, assertion)
    assert (first.status_code, first.json()["scope"], first.json()["token_type"]) == (
        200,
        "system/Observation.rs",
        "Bearer",
    )
    assert first.json()["expires_in"] <= 900
    assert "refresh_token" not in first.json()

    again = await asked(browser, assertion)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


@pytest.mark.usefixtures("signer")
@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "http://evil.test/auth/token"},
        {"aud": None},
        {"iss": "vis"},
        {"sub": "vis"},
        {"exp": int(time.time()) - 60},
        {"exp": int(time.time()) + 3600},
        {"exp": None},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 300},
    ],
    ids=lambda changes: ",".join(changes),
)
async def test_an_assertion_out_of_order_is_refused(browser: AsyncClient, changes: dict[str, Any]) -> None:
    answer = await asked(browser, an_assertion(**changes))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.usefixtures("signer")
async def test_an_assertion_under_another_algorithm_or_key_is_refused(browser: AsyncClient) -> None:
    public = KEY.as_pem(private=False)
    claims = {"iss": "signer", "sub": "signer", "aud": "http://fvm.test/auth/token", "exp": int(time.time()) + 60}
    tries = [
        forged({"alg": alg, "kid": "k1"}, {**claims, "jti": alg}, secret)
        for alg, secret in (("none", b""), ("HS256", public))
    ]
    tries.append(an_assertion(key=ECKey.generate_key("P-384", {"kid": "k1"})))
    tries.append(an_assertion({"kid": "other"}))
    tries.append(an_assertion({"jku": "http://evil.test/jwks"}))

    for assertion in tries:
        assert (await asked(browser, assertion)).json()["error"] == "invalid_client"


@pytest.mark.usefixtures("signer")
async def test_a_backend_system_gets_no_more_than_it_was_given(browser: AsyncClient) -> None:
    wider = await asked(browser, an_assertion(), scope="system/*.cruds")
    assert wider.json()["scope"] == "system/Observation.rs"
    assert (await asked(browser, an_assertion(), scope="user/*.rs")).json()["error"] == "invalid_scope"
    person = await asked(browser, an_assertion(), grant_type="authorization_code", code="x")
    assert person.json()["error"] == "unauthorized_client"
    unknown = await asked(browser, an_assertion(), grant_type="password")
    assert (unknown.status_code, unknown.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:9090/callback#x",
        "http://localhost:9090/callback/../evil",
        "http://localhost:9090/callback%2f..",
        "http://localhost:9090@evil.test/callback",
        "http://LOCALHOST:9090/callback",
        "http://localhost:9090/callback?",
        "//localhost:9090/callback",
        "javascript:alert(1)//localhost:9090/callback",
        " http://localhost:9090/callback",
        "http://localhost:9090/callback\r\nLocation: http://evil.test",
    ],
)
async def test_no_other_redirect_uri_will_do(an_app: Any, browser: AsyncClient, sign_in: SignIn, uri: str) -> None:
    await sign_in(browser, DOCTOR)
    answer = await an_app.ask(browser, redirect_uri=uri)

    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_a_parameter_sent_twice_is_refused(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    pairs = [*an_app.request().items(), ("redirect_uri", "http://evil.test/")]
    assert (await browser.get("/auth/authorize", params=pairs)).status_code == 400
    code = an_app.told(await an_app.ask(browser))["code"]
    body = "&".join(f"{name}={value}" for name, value in an_app.exchange(code).items()) + "&code=other"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await browser.post("/auth/token", content=body, headers=form)).json()["error"] == "invalid_request"


async def test_leaving_pkce_out_gains_nothing(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    for changes in ({"code_challenge_method": "plain"}, {"code_challenge_method": None}, {"code_challenge": None}):
        assert an_app.told(await an_app.ask(browser, **changes))["error"] == "invalid_request"
    code = an_app.told(await an_app.ask(browser))["code"]
    without = {name: value for name, value in an_app.exchange(code).items() if name != "code_verifier"}
    assert (await browser.post("/auth/token", data=without)).json()["error"] == "invalid_grant"


async def test_a_stolen_code_used_after_its_owner_ends_what_the_owner_got(
    demo: Any, an_app: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    code = an_app.told(await an_app.ask(browser, scope="offline_access user/*.rs"))["code"]
    first = (await browser.post("/auth/token", data=an_app.exchange(code))).json()
    assert await active(demo, browser, first["access_token"])

    assert (await browser.post("/auth/token", data=an_app.exchange(code))).json()["error"] == "invalid_grant"

    assert not await active(demo, browser, first["access_token"])
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": "demo-app"}
    assert (await browser.post("/auth/token", data=refresh)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "scope",
    [
        "user/*.rs",
        "user/Observation.cruds",
        "user/Observation.*",
        "user/Patient.rs",
        "system/*.rs",
        "patient/Observation.rs",
        "launch/patient",
    ],
)
async def test_a_refresh_cannot_reach_further(browser: AsyncClient, granted: dict[str, Any], scope: str) -> None:
    data = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"], "client_id": "demo-app"}
    answer = await browser.post("/auth/token", data={**data, "scope": scope})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


async def test_a_refresh_may_reach_less_and_the_next_as_far_as_before(
    browser: AsyncClient, granted: dict[str, Any]
) -> None:
    data = {"grant_type": "refresh_token", "client_id": "demo-app"}
    less = {**data, "refresh_token": granted["refresh_token"], "scope": "user/Observation.r"}
    first = (await browser.post("/auth/token", data=less)).json()
    assert first["scope"] == "user/Observation.r"

    again = (await browser.post("/auth/token", data={**data, "refresh_token": first["refresh_token"]})).json()
    assert set(again["scope"].split()) == set(granted["scope"].split())


async def test_a_refresh_token_is_bound_to_its_app(demo: Any, browser: AsyncClient, granted: dict[str, Any]) -> None:
    row = {"id": "thief-app", "kind": "app", "name": "Thief", "auth": "none", "grants": ["refresh_token"]}
    row |= {"scopes": ["user/*.rs"], "doors": ["information"], "redirect_uris": [], "approved": True, "demo": True}
    async with demo.db.transaction() as tx:
        await clients.save(tx, [row])
    data = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}

    stolen = await browser.post("/auth/token", data={**data, "client_id": "thief-app"})
    assert stolen.json()["error"] == "invalid_grant"
    assert (await browser.post("/auth/token", data={**data, "client_id": "demo-app"})).status_code == 200


async def test_every_answer_to_an_app_names_the_issuer(an_app: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    for changes in ({}, {"response_type": "token"}, {"scope": "system/*.rs"}, {"prompt": "none"}):
        assert an_app.told(await an_app.ask(browser, **changes))["iss"] == "http://fvm.test"


async def test_an_app_that_may_not_ask_for_everything_cannot(
    an_app: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    refused = an_app.told(await an_app.ask(browser, scope="fvm/everything system/*.cruds"))

    assert refused["error"] == "invalid_scope"
