"""compose.yaml by its rules: what is named exists, ours are locked down, secrets are files, nothing else is open."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

DEPLOY = Path(__file__).parents[1]
ROOT = DEPLOY.parent
FILES = ("compose.yaml", "compose.tls.yaml")

# The part of https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json that we use, and no more:
# a misspelt key is refused.
_TEXTS = {"type": "array", "items": {"type": "string"}}
_DURATION = {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}
_SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z0-9./-]+(:[A-Za-z0-9._-]+)?$"},
        "build": {
            "type": "object",
            "additionalProperties": False,
            "required": ["context", "dockerfile", "args"],
            "properties": {
                "context": {"const": ".."},
                "dockerfile": {"type": "string"},
                "args": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "command": _TEXTS,
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "env_file": _TEXTS,
        "secrets": _TEXTS,
        "volumes": _TEXTS,
        "ports": _TEXTS,
        "tmpfs": _TEXTS,
        "cap_drop": _TEXTS,
        "security_opt": _TEXTS,
        "user": {"type": "string"},
        "read_only": {"type": "boolean"},
        "restart": {"enum": ["no", "unless-stopped"]},
        "stop_grace_period": _DURATION,
        "shm_size": {"type": "string", "pattern": r"^\d+[kmg]$"},
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test"],
            "properties": {"test": _TEXTS, "interval": _DURATION, "timeout": _DURATION, "retries": {"type": "integer"}},
        },
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["condition"],
                "properties": {
                    "condition": {"enum": ["service_started", "service_healthy", "service_completed_successfully"]}
                },
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["services"],
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string"},
        "services": {"type": "object", "additionalProperties": _SERVICE},
        "secrets": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["file"],
                "properties": {"file": {"type": "string"}},
            },
        },
        "volumes": {"type": "object", "additionalProperties": {"type": "object", "maxProperties": 0}},
    },
}


@pytest.fixture(scope="module", params=FILES)
def page(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / request.param).read_text()))


@pytest.fixture(scope="module")
def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in compose["services"].items() if "env_file" in one}


def test_the_page_has_the_shape_of_a_compose_file(page: dict[str, Any]) -> None:
    jsonschema.validate(page, SCHEMA)


def test_everything_a_page_names_is_there(page: dict[str, Any], compose: dict[str, Any]) -> None:
    services, wrong = compose["services"], []
    for name, one in page["services"].items():
        wrong += [f"{name} waits for {other}" for other in one.get("depends_on", ()) if other not in services]
        declared = page.get("secrets", {}) | compose["secrets"]
        wrong += [f"{name}: secret {secret}" for secret in one.get("secrets", ()) if secret not in declared]
        for mount in one.get("volumes", ()):
            source = mount.partition(":")[0]
            there = (DEPLOY / source).exists() if source.startswith("./") else source in compose["volumes"]
            wrong += [] if there or source.startswith("${") else [f"{name}: volume {source}"]
        wrong += [f"{name}: {file}" for file in one.get("env_file", ()) if not (DEPLOY / file).is_file()]

    assert wrong == []


def test_who_waits_for_whom_ends_somewhere(compose: dict[str, Any]) -> None:
    services, done = compose["services"], set[str]()
    while len(done) < len(services):
        can = {name for name, one in services.items() if set(one.get("depends_on", ())) <= done} - done
        assert can, f"these wait for each other: {set(services) - done}"
        done |= can


def test_ours_are_locked_down(ours: dict[str, dict[str, Any]], compose: dict[str, Any]) -> None:
    for name, one in (ours | {"gateway": compose["services"]["gateway"]}).items():
        assert one["read_only"] is True, name
        assert one["user"] == "10001:10001", name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name


def test_only_the_two_doors_are_open(compose: dict[str, Any]) -> None:
    published = {name: one["ports"] for name, one in compose["services"].items() if "ports" in one}

    assert published == {
        "gateway": ["${FVM_GATEWAY_PORT:-8080}:8080"],
        "exchange-worker": ["${FVM_MLLP_PORT:-2575}:2575"],
    }


def test_every_command_names_a_module_that_exists(ours: dict[str, dict[str, Any]]) -> None:
    """The image's entry point is `python -m`."""
    packages = {"vis": "vis", "information-platform": "information_platform", "local": "fvm", "gateway": "gateway",
                "integration-platform": "integration_platform", "application-platform": "application_platform"}  # fmt: skip
    for name, one in ours.items():
        service = one["build"]["args"]["SERVICE"]
        assert one["command"][0] == packages[service], name
        assert find_spec(f"{one['command'][0]}.__main__"), name
        assert one["image"] == f"fvm/{service}"


def test_every_service_serves_works_and_migrates_before_it_does(ours: dict[str, dict[str, Any]]) -> None:
    for name in ("vis", "information", "exchange", "application"):
        roles = {one["command"][1] for other, one in ours.items() if other == name or other.startswith(f"{name}-")}
        alone = name == "application"  # its open pages are told by the process that hears what changed
        assert roles == ({"migrate", "all"} if alone else {"migrate", "serve", "worker"})
        for other in (name,) if alone else (name, f"{name}-worker"):
            assert ours[other]["depends_on"] == {f"{name}-migrate": {"condition": "service_completed_successfully"}}


def test_secrets_are_files_and_settings_are_known(page: dict[str, Any]) -> None:
    known = set(re.findall(r"^\| `(FVM_\w+)`", (ROOT / "docs/reference/settings.md").read_text(), re.MULTILINE))
    known |= {f"{name}_FILE" for name in known}
    set_here = {
        name: value
        for one in page["services"].values()
        for name, value in one.get("environment", {}).items()
        if name.startswith("FVM_")
    }
    for file in (DEPLOY / "env").glob("*.env"):
        set_here |= dict(line.split("=", 1) for line in file.read_text().splitlines() if line.startswith("FVM_"))

    assert set(set_here) - known == set()
    secret = ("DATABASE_URL", "POSTGRES_URL", "PASSWORD")
    assert [name for name in set_here if name.endswith(secret)] == []


def test_a_grace_period_is_longer_than_a_service_takes_to_stop(ours: dict[str, dict[str, Any]]) -> None:
    from kit.process import _STOP_WITHIN

    settings = (DEPLOY / "env/region.env").read_text()
    drain = float(re.search(r"FVM_DRAIN_SECONDS=(.*)", settings)[1])  # type: ignore[index]
    long = {name: one for name, one in ours.items() if one["restart"] != "no"}
    assert len(long) == 7
    assert {
        name for name, one in long.items() if int(one["stop_grace_period"][:-1]) < 2 * (drain + _STOP_WITHIN)
    } == set()
