"""Discovery says the same at every address, and only what works."""

from typing import Any

import pytest
from httpx2 import AsyncClient


@pytest.mark.parametrize("base", ["", "/vis/fhir", "/fhir"])
async def test_every_address_tells_the_same(browser: AsyncClient, base: str) -> None:
    for name in ("smart-configuration", "openid-configuration"):
        here = await browser.get(f"{base}/.well-known/{name}", headers={"Accept": "application/fhir+xml"})
        root = await browser.get(f"/.well-known/{name}")
        assert here.status_code == 200
        assert here.json() == root.json()
        assert here.headers["content-type"] == "application/json"
        assert here.headers["access-control-allow-origin"] == "*"


async def test_smart_discovery_has_what_clients_need(browser: AsyncClient) -> None:
    told = (await browser.get("/fhir/.well-known/smart-configuration")).json()

    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["grant_types_supported"] == ["authorization_code", "client_credentials", "refresh_token"]
    assert "launch-ehr" not in told["capabilities"]
    assert "permission-v1" not in told["capabilities"]
    assert told["issuer"] == "http://fvm.test"


async def test_every_endpoint_that_is_told_of_answers(demo: Any, browser: AsyncClient) -> None:
    told = (await browser.get("/.well-known/openid-configuration")).json()

    assert "RS256" in told["id_token_signing_alg_values_supported"]
    assert (await browser.get(told["jwks_uri"])).status_code == 200
    assert (await browser.get(told["authorization_endpoint"])).status_code == 400
    for endpoint in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        answer = await browser.post(told[endpoint], data={"grant_type": "none", "token": "none"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
