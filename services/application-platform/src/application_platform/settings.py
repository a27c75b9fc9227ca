"""What the application platform is told from outside: the house's settings and its own few (prefix FVM_)."""

from functools import cached_property
from pathlib import Path

from pydantic import Field

from application_platform.identity import vouching
from application_platform.identity.vouching import Provider
from kit.settings import Settings as KitSettings


class Settings(KitSettings):
    """Adds to `kit.settings.Settings`: where secrets of our own services lie, and how long tokens and sessions live."""

    token_seconds: int = Field(default=900, gt=0, le=900)  # life of an access token (D11: at most 15 minutes)
    session_idle_minutes: int = 60
    session_hours: int = 10  # a working day; after it one signs in again whatever one does
    key_days: int = 30  # a signing key is current for this long, then the next one takes over
    identity_providers: Path | None = None  # a YAML file of issuers that may say who somebody is (SITHS, BankID, Freja)

    @property
    def demo(self) -> bool:
        return self.mode == "demo"

    @cached_property
    def providers(self) -> dict[str, Provider]:
        """The issuers of FVM_IDENTITY_PROVIDERS by id."""
        return vouching.providers(self.identity_providers)

    @property
    def issuer(self) -> str:
        return self.public_url.rstrip("/")
