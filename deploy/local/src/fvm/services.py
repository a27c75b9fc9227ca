"""The region's four services: which program, which database, and the environment each is started with."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from fvm.part import Part
from fvm.places import Places
from fvm.settings import Settings

# Administrators' doors and machine-wide choices are for the runner only; a service gets its own role and nothing more.
FOR_THE_RUNNER = ("FVM_POSTGRES_URL", "FVM_POSTGRES_URL_FILE", "FVM_HOME", "FVM_GATEWAY_PORT")


@dataclass(frozen=True, slots=True)
class Service:
    """`name` is also the last part of its database, `module` what `python -m` runs; `variable` tells its address."""

    name: str
    module: str
    variable: str
    title: str

    def database(self, prefix: str) -> str:
        return f"{prefix}_{self.name}"


SERVICES = (
    Service("information", "information_platform", "FVM_INFORMATION_URL", "information platform"),
    Service("vis", "vis", "FVM_VIS_URL", "VIS"),
    Service("exchange", "integration_platform", "FVM_EXCHANGE_URL", "integration platform"),
    Service("application", "application_platform", "FVM_APPLICATION_URL", "application platform"),
)


def addresses(ports: Mapping[str, int]) -> dict[str, str]:
    """The services' inner base URLs by environment variable."""
    return {service.variable: f"http://127.0.0.1:{ports[service.name]}" for service in SERVICES}


def part(service: Service, settings: Settings, ports: Mapping[str, int], database_url: str, kafka: str) -> Part:
    """The service as a program to run."""
    own = {
        "FVM_DATABASE_URL": database_url,
        "FVM_KAFKA": kafka,
        "FVM_REGION": settings.region,
        "FVM_MODE": settings.mode,
        "FVM_PUBLIC_URL": settings.public_url,
        "FVM_HOST": "127.0.0.1",
        "FVM_PORT": str(ports[service.name]),
        "FVM_MLLP_PORT": str(settings.mllp_port),
        "FVM_MLLP_HOST": settings.host,
        "FVM_DATA": str(settings.data),
        "PYTHONUNBUFFERED": "1",
        **addresses(ports),
    }
    master = Places(settings.data).master_key
    if master.exists() and not any(os.environ.get(name) for name in ("FVM_MASTER_KEY", "FVM_MASTER_KEY_FILE")):
        own["FVM_MASTER_KEY_FILE"] = str(master)
    inherited = {name: value for name, value in os.environ.items() if name not in FOR_THE_RUNNER}
    return Part(service.name, (sys.executable, "-m", service.module), env=inherited | own, patience=15.0)
