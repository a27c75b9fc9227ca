"""Systems ask for tokens with their credentials, and services accept what they get."""

import base64
import json
import time
from typing import Any

import pytest
import sqlalchemy as sa
from httpx2 import AsyncClient
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from application_platform.tokens import clients
from kit.auth import Unauthenticated, Verifier

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CREDENTIALS = {"grant_type": "client_credentials"}


async def verifier(browser: AsyncClient, door: str = "/fhir") -> Verifier:
    found = Verifier("http://keys.invalid", "http://fvm.test", f"http://fvm.test{door}")
    found.use((await browser.get("/auth/jwks")).json())
    return found


async def test_a_system_gets_a_token_that_every_service_accepts(demo: Any, browser: AsyncClient) -> None:
    answer = await browser.post("/auth/token", data=CREDENTIALS, auth=("vis", demo.secret("vis")))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 900, "system/*.cruds")
    for door in ("/vis/fhir", "/fhir", "/exchange", "/portal"):
        caller = await (await verifier(browser, door)).caller(body["access_token"])
        assert (caller.kind, caller.subject, caller.client) == ("system", "vis", "vis")


async def test_a_token_is_refused_at_a_door_it_does_not_name(demo: Any, browser: AsyncClient) -> None:
    credentials = {**CREDENTIALS, "client_id": "lab", "client_secret": demo.secret("lab")}
    token = (await browser.post("/auth/token", data=credentials)).json()["access_token"]

    assert (await (await verifier(browser, "/exchange")).caller(token)).subject == "lab"
    with pytest.raises(Unauthenticated):
        await (await verifier(browser, "/fhir")).caller(token)


async def test_a_wrong_secret_and_an_unknown_client_get_the_same_answer(demo: Any, browser: AsyncClient) -> None:
    wrong = await browser.post("/auth/token", data=CREDENTIALS, auth=("lab", "guess"))
    unknown = await browser.post("/auth/token", data=CREDENTIALS, auth=("nobody", "guess"))
    public = await browser.post("/auth/token", data=CREDENTIALS, auth=("demo-app", "guess"))

    assert wrong.status_code == unknown.status_code == public.status_code == 401
    assert wrong.json() == unknown.json() == public.json()
    assert wrong.json()["error"] == "invalid_client"
    assert wrong.headers["www-authenticate"].startswith("Basic")


async def test_a_scope_is_narrowed_to_what_the_client_may_have(demo: Any, browser: AsyncClient) -> None:
    asked = {**CREDENTIALS, "scope": "system/Observation.rs system/Patient.cruds user/*.rs system/*.sdur"}
    answer = await browser.post("/auth/token", data=asked, auth=("lab", demo.secret("lab")))

    assert answer.json()["scope"] == "system/Patient.cu"

    nothing = {**CREDENTIALS, "scope": "user/*.cruds"}
    refused = await browser.post("/auth/token", data=nothing, auth=("lab", demo.secret("lab")))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


async def test_requests_out_of_shape_are_refused_with_their_code(demo: Any, browser: AsyncClient) -> None:
    secret = demo.secret("lab")
    cases = [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": "system/*.rs"}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "unauthorized_client"),
        ({**CREDENTIALS, "client_secret": secret}, "invalid_request"),
        ({**CREDENTIALS, "client_id": "bench"}, "invalid_request"),
    ]
    for data, code in cases:
        answer = await browser.post("/auth/token", data=data, auth=("lab", secret))
        assert (answer.status_code, answer.json()["error"]) == (400, code)

    twice = "grant_type=client_credentials&grant_type=client_credentials"
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await browser.post("/auth/token", content=twice, headers=form, auth=("lab", secret))
    assert answer.json()["error"] == "invalid_request"
    answer = await browser.post("/auth/token", json=CREDENTIALS, auth=("lab", secret))
    assert answer.json()["error"] == "invalid_request"


async def test_a_disabled_client_gets_nothing(demo: Any, browser: AsyncClient) -> None:
    async with demo.db.transaction() as tx:
        row = {"id": "old", "kind": "system", "name": "Old", "auth": "secret", "grants": ["client_credentials"]}
        hashed = clients.hash_secret("old-secret")
        row |= {"scopes": ["system/*.rs"], "doors": ["information"], "secret_hash": hashed}
        await clients.save(tx, [{**row, "disabled_at": sa.func.now()}])

    answer = await browser.post("/auth/token", data=CREDENTIALS, auth=("old", "old-secret"))

    assert answer.status_code == 401


@pytest.fixture(scope="module")
async def signing_system(demo: Any) -> dict[str, Any]:
    """A system that authenticates with a signature: one EC and one RSA key."""
    keys = {
        "ES384": ECKey.generate_key("P-384", {"kid": "ec"}),
        "RS384": RSAKey.generate_key(2048, {"kid": "rsa"}),
    }
    async with demo.db.transaction() as tx:
        row = {"id": "pacs", "kind": "system", "name": "Bildlager", "auth": "key", "grants": ["client_credentials"]}
        public = {"keys": [key.as_dict(private=False) for key in keys.values()]}
        await clients.save(tx, [{**row, "scopes": ["system/*.rs"], "doors": ["information"], "jwks": public}])
    return keys


def assertion(keys: dict[str, Any], alg: str = "ES384", **changes: Any) -> dict[str, str]:
    key = changes.pop("key", keys.get(alg))
    claims = {"iss": "pacs", "sub": "pacs", "aud": "http://fvm.test/auth/token", "exp": int(time.time()) + 200}
    claims |= {"jti": str(time.perf_counter_ns()), **changes}
    signed = jwt.encode({"alg": alg, "kid": key.kid}, claims, key, algorithms=[alg])
    return {**CREDENTIALS, "client_assertion_type": ASSERTION, "client_assertion": signed}


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
async def test_a_system_may_sign_instead_of_showing_a_secret(
    browser: AsyncClient, signing_system: dict[str, Any], alg: str
) -> None:
    answer = await browser.post("/auth/token", data=assertion(signing_system, alg))

    assert answer.status_code == 200
    assert (await (await verifier(browser)).caller(answer.json()["access_token"])).subject == "pacs"


async def test_an_assertion_is_good_once(browser: AsyncClient, signing_system: dict[str, Any]) -> None:
    once = assertion(signing_system)

    assert (await browser.post("/auth/token", data=once)).status_code == 200
    assert (await browser.post("/auth/token", data=once)).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "http://elsewhere.test/auth/token"},
        {"exp": int(time.time()) - 60},
        {"exp": int(time.time()) + 3600},
        {"sub": "lab"},
        {"iss": "lab"},
        {"jti": ""},
        {"key": ECKey.generate_key("P-384", {"kid": "ec"})},
        {"key": ECKey.generate_key("P-384", {"kid": "unknown"})},
    ],
    ids=lambda changes: "-".join(changes),
)
async def test_an_assertion_that_is_not_in_order_is_refused(
    browser: AsyncClient, signing_system: dict[str, Any], changes: dict[str, Any]
) -> None:
    answer = await browser.post("/auth/token", data=assertion(signing_system, **changes))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_public_key_cannot_be_turned_into_a_shared_secret(
    browser: AsyncClient, signing_system: dict[str, Any]
) -> None:
    for alg in ("none", "HS256"):
        _, payload, signature = assertion(signing_system)["client_assertion"].split(".")
        header = base64.urlsafe_b64encode(json.dumps({"alg": alg, "kid": "rsa"}).encode()).decode().rstrip("=")
        forged = f"{header}.{payload}.{signature if alg == 'HS256' else ''}"
        data = {**CREDENTIALS, "client_assertion_type": ASSERTION, "client_assertion": forged}
        assert (await browser.post("/auth/token", data=data)).status_code == 401
