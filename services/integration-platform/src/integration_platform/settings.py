"""What Exchange is told from outside: the house's settings and its own few (prefix FVM_)."""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from kit.settings import Settings as KitSettings


class Settings(KitSettings):
    """Adds the MLLP port to `kit.settings.Settings`."""

    mllp_host: str = ""  # FVM_MLLP_HOST; empty: as FVM_HOST
    mllp_port: int = 2575  # FVM_MLLP_PORT
    mllp_frame_bytes: int = 16 * 1024 * 1024  # the largest frame taken (D17)
    mllp_frame_seconds: float = 30.0  # from the first byte of a frame to its last
    mllp_certificate: Path | None = None  # the listener's own (PEM); without it MLLP in the clear
    mllp_key: Path | None = None
    mllp_clients: Path | None = None  # who signs senders' certificates; with it every sender must show one
    mllp_known_as: int | None = None  # the port senders are registered with, where FVM_MLLP_PORT is mapped to it

    @model_validator(mode="after")
    def _mllp_certificates_are_whole(self) -> Self:
        if (self.mllp_certificate is None) != (self.mllp_key is None):
            raise ValueError("FVM_MLLP_CERTIFICATE and FVM_MLLP_KEY are set together")
        if self.mllp_clients is not None and self.mllp_certificate is None:
            raise ValueError("FVM_MLLP_CLIENTS needs FVM_MLLP_CERTIFICATE: without TLS nobody shows a certificate")
        return self

    @property
    def demo(self) -> bool:
        return self.mode == "demo"

    @property
    def base(self) -> str:
        """The address that links and audiences begin with (D11)."""
        return f"{self.public_url.rstrip('/')}/exchange"
