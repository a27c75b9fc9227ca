"""A bearer door opens for a token of the region that names it, and for nothing else."""

import asyncio
import base64
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

DOORS = [
    ("/vis/fhir/Patient/1", "vis", "vis/fhir"),
    ("/vis/board", "vis", "vis/fhir"),
    ("/fhir/Patient/1", "information", "fhir"),
    ("/information/persons", "information", "fhir"),
    ("/exchange/events", "exchange", "exchange"),
    ("/exchange/receipts/1", "exchange", "exchange"),
]


@pytest.mark.parametrize(("path", "service", "door"), DOORS)
async def test_a_token_for_the_door_reaches_its_service_with_path_and_token_untouched(
    gateway: Any, path: str, service: str, door: str
) -> None:
    headers = gateway.bearer(door)

    async with gateway.client.get(path + "?code=8480-6", headers=headers) as answer:
        body = await answer.json()

    assert answer.status == 200
    assert (body["service"], body["path"]) == (service, path + "?code=8480-6")
    assert body["headers"]["authorization"] == headers["Authorization"]


@pytest.mark.parametrize(("path", "service", "door"), DOORS)
async def test_without_a_token_the_door_answers_401_and_asks_for_one(
    gateway: Any, services: Any, path: str, service: str, door: str
) -> None:
    services.seen.clear()

    async with gateway.client.get(path) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert answer.status == problem["status"] == 401
    assert problem["type"] == "/problems/gateway/token-missing"
    assert answer.headers.getall("WWW-Authenticate") == ['Bearer realm="fvm"']
    assert services.seen == []


def _unsigned() -> str:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    head, body = '{"alg":"none"}', '{"iss":"http://region.test","exp":9999999999}'
    return f"{part(head)}.{part(body)}."


BAD = {
    "expired": {"exp": int(time.time()) - 60},
    "without an end": {"exp": None},
    "from another issuer": {"iss": "http://elsewhere.test"},
    "for nobody": {"aud": None},
    "for another region": {"aud": "http://elsewhere.test/vis/fhir"},
    "not yet valid": {"nbf": int(time.time()) + 600},
    "signed with RS256 by a key of the same set": {"alg": "RS256"},
    "signed by a stranger's key with our key id": {"key": ECKey.generate_key("P-256", {"kid": "ec-1"})},
    "signed by an unknown key": {"key": ECKey.generate_key("P-256", {"kid": "other"})},
}


@pytest.mark.parametrize("claims", BAD.values(), ids=BAD.keys())
async def test_a_token_that_is_not_right_is_refused_as_invalid(
    gateway: Any, services: Any, claims: dict[str, Any]
) -> None:
    services.seen.clear()

    async with gateway.client.get("/vis/fhir/Patient/1", headers=gateway.bearer(**claims)) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert answer.status == problem["status"] == 401
    assert problem["type"] == "/problems/gateway/token-refused"
    assert answer.headers.getall("WWW-Authenticate") == ['Bearer realm="fvm", error="invalid_token"']
    assert services.seen == []


async def test_words_that_are_no_token_are_refused(gateway: Any) -> None:
    shared = OctKey.import_key("secret-secret-secret-secret-secret")
    hs256 = jwt.encode({"alg": "HS256", "kid": "ec-1"}, {"iss": "http://region.test"}, shared, algorithms=["HS256"])
    for word in ("nonsense", "a.b.c", _unsigned(), hs256, gateway.issuer.token()[:-4]):
        async with gateway.client.get("/fhir/Patient/1", headers={"Authorization": f"Bearer {word}"}) as answer:
            assert answer.status == 401, word
            assert "invalid_token" in answer.headers["WWW-Authenticate"]


async def test_a_token_for_one_door_is_refused_at_the_others(gateway: Any) -> None:
    headers = gateway.bearer("fhir")

    statuses = []
    for path in ("/fhir/Patient/1", "/vis/fhir/Patient/1", "/exchange/events"):
        async with gateway.client.get(path, headers=headers) as answer:
            statuses.append(answer.status)

    assert statuses == [200, 401, 401]


async def test_a_token_in_the_address_is_not_looked_at(gateway: Any) -> None:
    async with gateway.client.get("/fhir/Patient/1", params={"access_token": gateway.issuer.token()}) as answer:
        assert answer.status == 401


async def test_the_cached_token_is_refused_once_it_has_expired(gateway: Any) -> None:
    headers = gateway.bearer(exp=int(time.time()) - 9)  # 10 s of clock skew are allowed
    async with gateway.client.get("/fhir/Patient/1", headers=headers) as answer:
        assert answer.status == 200

    statuses = []
    for _ in range(20):
        async with gateway.client.get("/fhir/Patient/1", headers=headers) as answer:
            statuses.append(answer.status)
        if statuses[-1] == 401:
            break
        await _a_moment()

    assert statuses[-1] == 401


async def test_while_the_keys_are_away_the_answer_is_503_and_not_your_token_is_bad(start: Any) -> None:
    async with (
        start(application_url="http://127.0.0.1:9") as gateway,
        gateway.client.get("/fhir/Patient/1", headers=gateway.bearer()) as answer,
    ):
        problem = await answer.json(content_type="application/problem+json")

    assert answer.status == problem["status"] == 503
    assert problem["type"] == "/problems/gateway/keys-away"
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="fvm"'


async def _a_moment() -> None:

    await asyncio.sleep(0.2)
