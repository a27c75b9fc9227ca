"""Discovery says the same at every address, and only what works."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from application_platform.tokens import context, model


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
    assert "plain" not in told["code_challenge_methods_supported"]
    assert told["issuer"] == "http://fvm.test"
    assert {"RS384", "ES384"} == set(told["token_endpoint_auth_signing_alg_values_supported"])
    assert "private_key_jwt" in told["token_endpoint_auth_methods_supported"]
    assert all(told[name].startswith("http://fvm.test/") for name in told if name.endswith(("_endpoint", "_uri")))


@pytest.mark.parametrize(
    "needed",
    [
        {"launch-standalone", "client-public", "context-standalone-patient", "permission-patient"},
        {"launch-ehr", "client-confidential-symmetric", "context-ehr-patient", "permission-patient"},
        {"launch-standalone", "client-public", "permission-user", "permission-patient"},
        {"launch-ehr", "context-ehr-patient", "context-ehr-encounter", "permission-user", "permission-patient"},
    ],
    ids=["patient standalone", "patient from a portal", "clinician standalone", "clinician from a chart"],
)
async def test_every_capability_set_is_whole(browser: AsyncClient, needed: set[str]) -> None:
    told = (await browser.get("/fhir/.well-known/smart-configuration")).json()

    assert needed <= set(told["capabilities"])


async def test_every_scope_that_is_told_of_can_be_granted(browser: AsyncClient) -> None:
    told = (await browser.get("/.well-known/smart-configuration")).json()

    for scope in told["scopes_supported"]:
        assert scope in model.PLAIN_SCOPES or model.data_scope(scope) is not None


async def test_the_style_of_our_pages_has_an_address_of_its_own(browser: AsyncClient) -> None:
    answer = await browser.get(context.STYLE_PATH)

    assert answer.status_code == 200
    assert answer.json()["color_text"].startswith("#")


async def test_every_endpoint_that_is_told_of_answers(demo: Any, browser: AsyncClient) -> None:
    told = (await browser.get("/.well-known/openid-configuration")).json()

    assert "RS256" in told["id_token_signing_alg_values_supported"]
    assert (await browser.get(told["jwks_uri"])).status_code == 200
    assert (await browser.get(told["authorization_endpoint"])).status_code == 400
    for endpoint in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        answer = await browser.post(told[endpoint], data={"grant_type": "none", "token": "none"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
