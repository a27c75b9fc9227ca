"""The table cannot contradict itself, and in the rendered configuration no route is without a declared access."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from gateway import routes
from gateway.envoy import InvalidConfiguration, command, validate
from gateway.render import configuration, render
from gateway.settings import GatewaySettings

JWT = "envoy.filters.http.jwt_authn"
RBAC = "envoy.filters.http.rbac"


def _settings(**changes: Any) -> GatewaySettings:
    return GatewaySettings(**{"public_url": "https://region.test", **changes})


def _manager(settings: GatewaySettings) -> dict[str, Any]:
    [listener] = yaml.safe_load(render(settings))["static_resources"]["listeners"]
    [chain] = listener["filter_chains"]
    [manager] = chain["filters"]
    return manager["typed_config"]


def _rendered() -> list[dict[str, Any]]:
    [host] = _manager(_settings())["route_config"]["virtual_hosts"]
    return host["routes"]


def _kind(route: dict[str, Any]) -> str:
    """What the configuration does with a request on this route, read from the configuration alone."""
    filters = route["typed_per_filter_config"]
    headers = {match["name"]: match.get("string_match") for match in route["match"].get("headers", ())}
    open_for_all = filters[JWT].get("disabled") is True
    if "direct_response" in route:
        assert "route" not in route
        return "refusal"
    if not open_for_all:
        assert filters[JWT]["requirement_name"]
        assert "disabled" not in filters.get(RBAC, {}), "the algorithm is checked where the token is"
        return "bearer"
    if "cookie" in headers:
        own_origin = headers.get("origin") == {"exact": "https://region.test"}
        safe = headers.get(":method") == {"safe_regex": {"regex": "GET|HEAD"}}
        assert own_origin or safe, "a change with a session needs our own Origin"
        return "session"
    return "public"


def test_every_rendered_route_is_bearer_session_public_or_a_refusal_as_its_line_declares() -> None:
    declared = {route.name: route.access.value for route in routes.load().routes}

    for route in _rendered():
        kind = _kind(route)
        assert kind == "refusal" or kind == declared[route["name"]], route["name"]
    forwarded = {route["name"] for route in _rendered() if "route" in route}
    assert forwarded == set(declared)


def test_only_these_are_public() -> None:
    def where(route: dict[str, Any]) -> str:
        return route["match"].get("path") or route["match"]["path_separated_prefix"] + "/**"

    assert sorted({where(route) for route in _rendered() if _kind(route) == "public"}) == [
        "/",
        "/.well-known/**",
        "/auth/**",
        "/auth/allow/**",
        "/auth/authorize/**",
        "/auth/commission/**",
        "/auth/launch/**",
        "/auth/sessions/**",
        "/auth/sign-in/**",
        "/auth/sign-out/**",
        "/fhir/.well-known/**",
        "/fhir/metadata",
        "/health/ready",
        "/portal/static/**",
        "/vis/fhir/.well-known/**",
        "/vis/fhir/metadata",
    ]


def test_a_route_that_said_nothing_would_still_need_a_token() -> None:
    [tokens] = [part["typed_config"] for part in _manager(_settings())["http_filters"] if part["name"] == JWT]

    assert [rule["match"] for rule in tokens["rules"]] == [{"prefix": "/"}]
    assert "requires" in tokens["rules"][0]
    assert "allow_missing" not in str(tokens)


def test_the_last_route_refuses_everything_and_no_other_one_takes_all() -> None:
    *others, last = _rendered()

    assert (last["match"], last["direct_response"]["status"]) == ({"prefix": "/"}, 404)
    assert all(route["match"].get("prefix") != "/" or "direct_response" in route for route in others)


def test_every_route_to_a_service_has_a_share_a_time_limit_and_a_retry_that_repeats_nothing() -> None:
    streams = {route.name for route in routes.load().routes if route.stream}

    for route in _rendered():
        if "route" in route:
            by = "subject" if _kind(route) == "bearer" else "address"
            assert route["metadata"] == {"filter_metadata": {"fvm": {"share": by}}}
            assert (route["route"]["timeout"] == "0s") == (route["name"] in streams)
            assert route["route"]["retry_policy"]["retry_on"] == "connect-failure,reset-before-request"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("{name: a, to: vis, path: /a}", "access"),
        ("{name: a, access: open, to: vis, path: /a}", "bearer"),
        ("{name: a, access: public, to: nowhere, path: /a}", "vis"),
        ("{name: a, access: public, to: vis}", "either path or prefix"),
        ("{name: a, access: public, to: vis, path: /a, prefix: /a}", "either path or prefix"),
        ("{name: a, access: public, to: vis, prefix: /}", "prefix"),
        ("{name: a, access: bearer, to: vis, path: /a}", "names its door"),
        ("{name: a, access: public, to: vis, path: /a, door: vis}", "names its door"),
        ("{name: a, access: session, to: vis, path: /a}", "without a session"),
        ("{name: a, access: session, to: vis, path: /a, without_session: refuse, cors: true}", "other origins"),
        ("{name: a, access: public, to: vis, path: /a, own_origin: true, cors: true}", "other origins"),
        ("{name: a, access: public, to: vis, path: /a, speed: high}", "speed"),
        ("{name: a, access: public, to: vis, path: /a}, {name: a, access: public, to: vis, path: /b}", "same name"),
        ("{name: a, access: public, to: vis, prefix: /a}, {name: b, access: public, to: vis, path: /a/b}", "never"),
        ("{name: a, access: public, to: vis, path: /a}, {name: b, access: public, to: vis, path: /a}", "never"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused_with_the_reason(lines: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        routes.load(f"sign_in: /auth/sign-in\nroutes: [{lines}]")


def test_a_narrower_method_lets_the_others_go_on_to_the_next_line() -> None:
    get = "{name: a, access: public, to: vis, path: /a, methods: [GET]}"
    table = routes.load(f"sign_in: /s\nroutes: [{get}, {{name: b, access: public, to: vis, path: /a}}]")

    assert [route.name for route in table.routes] == ["a", "b"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gateway_admin_port": 9901, "gateway_log": "", "gateway_concurrency": 4},
        {"vis_url": "http://vis:8000", "gateway_host": "0.0.0.0"},
    ],
)
def test_envoy_accepts_the_configuration(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = tmp_path / "envoy.yaml"
    config.write_text(render(_settings(**changes)))

    validate(config)


def test_what_envoy_does_not_accept_is_refused_with_its_reason(tmp_path: Path) -> None:
    config = tmp_path / "envoy.yaml"
    config.write_text(render(_settings()).replace("stat_prefix: front", "stat_prefixes: front"))

    with pytest.raises(InvalidConfiguration, match="stat_prefixes"):
        validate(config)


def test_the_admin_interface_is_off_by_default_and_else_on_loopback() -> None:
    assert "admin" not in configuration(_settings(), routes.load())
    admin = configuration(_settings(gateway_admin_port=9901, gateway_host="0.0.0.0"), routes.load())["admin"]
    assert admin["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9901}


def test_the_command_starts_the_workers_asked_for_and_ties_no_two_regions_together(tmp_path: Path) -> None:
    arguments = command(_settings(gateway_concurrency=3), tmp_path / "envoy.yaml")

    assert Path(arguments[0]).is_file()
    assert arguments[arguments.index("--concurrency") + 1] == "3"
    assert "--disable-hot-restart" in arguments


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://region.test", "https://region.test"),
        ("https://region.test:443/", "https://region.test"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_origin_is_what_a_browser_sends(public_url: str, origin: str) -> None:
    assert _settings(public_url=public_url).origin == origin


@pytest.mark.parametrize(
    "changes",
    [
        {"public_url": "region.test"},
        {"public_url": "https://region.test/app"},
        {"vis_url": "https://vis"},
        {"rate_limit": 0},
        {"gateway_port": 70_000},
        {"session_cookie": "a=b"},
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _settings(**changes)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FVM_RATE_LIMIT", "7")
    monkeypatch.setenv("FVM_GATEWAY_PORT", "8181")

    settings = GatewaySettings()

    assert (settings.rate_limit, settings.gateway_port) == (7, 8181)


def test_browsers_are_held_to_https_where_the_region_has_it() -> None:
    def names(public_url: str) -> set[str]:
        [host] = _manager(_settings(public_url=public_url))["route_config"]["virtual_hosts"]
        return {header["header"]["key"] for header in host["response_headers_to_add"]}

    assert "strict-transport-security" in names("https://region.test")
    assert "strict-transport-security" not in names("http://localhost:8080")
