"""What a person decides about a region, read from the environment once."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from fvm.places import checkout
from fvm.trouble import Trouble
from kit.settings import WrongSettings, bootstrap_servers, from_file

Mode = Literal["demo", "production"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where one region lives and which doors it opens. Ports are TCP ports on `host`."""

    data: Path
    region: str = ""
    mode: Mode = "demo"
    host: str = "127.0.0.1"
    gateway_port: int = 8080
    mllp_port: int = 2575
    public_url: str = "http://localhost:8080"
    postgres_url: str = ""
    kafka: str = ""

    @property
    def gate(self) -> str:
        """The gateway's base URL as seen from this machine."""
        return f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.gateway_port}"  # noqa: S104

    @property
    def prefix(self) -> str:
        """The first part of the region's databases and roles."""
        return self.region or "fvm"


def from_environment(env: Mapping[str, str] | None = None) -> Settings:
    """Reads FVM_*; raises Trouble naming the variable that cannot be understood."""
    env = os.environ if env is None else env
    gateway_port = _port(env, "FVM_GATEWAY_PORT", 8080)
    mode = env.get("FVM_MODE") or "demo"
    if mode not in ("demo", "production"):
        raise Trouble(f"FVM_MODE is {mode!r}; it must be demo or production.", 2)
    return Settings(
        data=_data(env),
        region=_region(env),
        mode=cast(Mode, mode),
        host=env.get("FVM_HOST") or "127.0.0.1",
        gateway_port=gateway_port,
        mllp_port=_port(env, "FVM_MLLP_PORT", 2575),
        public_url=(env.get("FVM_PUBLIC_URL") or f"http://localhost:{gateway_port}").rstrip("/"),
        postgres_url=_secret(env, "FVM_POSTGRES_URL"),
        kafka=_kafka(env),
    )


def _secret(env: Mapping[str, str], name: str) -> str:
    """The variable itself, or the content of the file that NAME_FILE names."""
    try:
        return from_file(env, name) or env.get(name, "")
    except WrongSettings as wrong:
        raise Trouble(str(wrong), 2) from wrong


def _kafka(env: Mapping[str, str]) -> str:
    kafka = env.get("FVM_KAFKA", "")
    try:
        return bootstrap_servers(kafka) if kafka else ""
    except ValueError as wrong:
        raise Trouble(f"FVM_KAFKA is {kafka!r}; it {wrong}.", 2) from wrong


def _data(env: Mapping[str, str]) -> Path:
    chosen = env.get("FVM_DATA")
    return Path(chosen).expanduser().absolute() if chosen else checkout() / "var"


def _region(env: Mapping[str, str]) -> str:
    region = env.get("FVM_REGION", "")
    if region and not re.fullmatch(r"[a-z][a-z0-9]{0,20}", region):
        raise Trouble(f"FVM_REGION is {region!r}; use at most 21 small letters a–z and digits, a letter first.", 2)
    return region


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise Trouble(f"{name} is {text!r}; it must be a port number from 1 to 65535.", 2)
    return int(text)
