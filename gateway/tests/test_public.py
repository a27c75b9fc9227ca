"""What anyone may reach, and what nobody reaches from outside."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.envoy import command
from gateway.render import render

PUBLIC = [
    ("GET", "/", "application"),
    ("GET", "/health/ready", "application"),
    ("GET", "/.well-known/openid-configuration", "application"),
    ("GET", "/vis/fhir/metadata", "vis"),
    ("GET", "/vis/fhir/.well-known/smart-configuration", "application"),
    ("GET", "/fhir/metadata", "information"),
    ("GET", "/fhir/.well-known/smart-configuration", "application"),
    ("GET", "/fhir/.well-known/openid-configuration", "application"),
    ("GET", "/auth/authorize", "application"),
    ("POST", "/auth/authorize", "application"),
    ("POST", "/auth/token", "application"),
    ("POST", "/auth/introspect", "application"),
    ("GET", "/portal/static/app.css", "application"),
]

NOWHERE = [
    "/internal/facts",
    "/metrics",
    "/health/live",
    "/openapi.json",
    "/health/ready/x",
    "/visitors",
    "/fhirs/Patient",
    "/Health/Ready",
    "/vis/../internal/facts",
    "/vis/%2e%2e/internal/facts",
    "/portal/static/%2e%2e/../../metrics",
    "//internal/facts",
    "/%69nternal/facts",
]


@pytest.mark.parametrize(("method", "path", "service"), PUBLIC)
async def test_public_routes_reach_their_service_without_a_token(
    gateway: Any, method: str, path: str, service: str
) -> None:
    async with gateway.client.request(method, path) as answer:
        body = await answer.json()

    assert answer.status == 200
    assert (body["service"], body["path"]) == (service, path)


@pytest.mark.parametrize("path", NOWHERE)
async def test_everything_else_is_404_and_reaches_nobody(gateway: Any, services: Any, path: str) -> None:
    services.seen.clear()

    status, headers, body = await gateway.raw(gateway.get(path, **gateway.bearer()))

    assert status == 404
    assert headers["content-type"] == "application/problem+json"
    assert b"/problems/gateway/unknown-path" in body
    assert services.seen == []


@pytest.mark.parametrize("path", ["/vis/..%2finternal/facts", "/fhir/metadata%2f..", "/vis/%5c..%5cinternal"])
async def test_slashes_in_disguise_are_refused(gateway: Any, services: Any, path: str) -> None:
    services.seen.clear()

    status, headers, _ = await gateway.raw(gateway.get(path, **gateway.bearer()))

    assert status == 400
    assert headers["content-type"] == "application/problem+json"
    assert services.seen == []


@pytest.mark.parametrize("path", ["/fhir/metadata", "/vis/fhir/metadata"])
async def test_metadata_is_public_to_read_and_a_door_to_write(gateway: Any, path: str) -> None:
    async with gateway.client.post(path) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    "path", ["/fhir/metadata/../Patient", "/portal/static/../patients", "/portal/static/%2e%2e/patients"]
)
async def test_another_spelling_does_not_go_around_a_door(gateway: Any, services: Any, path: str) -> None:
    services.seen.clear()

    status, _, _ = await gateway.raw(gateway.get(path))

    assert status == 401
    assert services.seen == []


@pytest.mark.parametrize("path", ["/vis/fhir/Patient", "/fhir/Patient", "/auth/token", "/fhir/metadata"])
async def test_an_app_on_another_origin_may_ask_beforehand_and_read_the_answer(gateway: Any, path: str) -> None:
    origin = {"Origin": "https://app.test"}
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

    async with gateway.client.options(path, headers=origin | ask) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.test"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    async with gateway.client.get(path, headers=origin | gateway.bearer()) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.test"
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


async def test_the_portal_and_sign_in_are_closed_to_other_origins(gateway: Any) -> None:
    headers = {"Origin": "https://app.test", "Cookie": "fvm_session=abc"}
    for path in ("/portal/patients", "/auth/sign-in"):
        async with gateway.client.get(path, headers=headers) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_second_gateway_on_a_taken_port_stops_instead_of_sharing_it(gateway: Any, tmp_path: Path) -> None:
    config = tmp_path / "envoy.yaml"
    config.write_text(render(gateway.settings))

    second = await asyncio.create_subprocess_exec(*command(gateway.settings, config), stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(second.communicate(), 20)

    assert second.returncode != 0
    assert b"in use" in said
