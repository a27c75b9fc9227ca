"""Settings every service shares: read once from the environment (prefix FVM_), frozen, passed down as values."""

from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """A service subclasses this with its own few fields; the composition root builds it and nobody else reads it."""

    model_config = SettingsConfigDict(env_prefix="FVM_", frozen=True, extra="ignore")

    database_url: str
    kafka: str = "127.0.0.1:9092"  # bootstrap servers, comma separated
    region: str = ""  # prefixes topics and groups, so that regions and test runs share one broker
    mode: Literal["demo", "production"] = "production"
    public_url: str = "http://localhost:8080"  # the only source of issuer, audience and links (D11)
    host: str = "127.0.0.1"
    port: int = 0  # 0: any free port
    vis_url: str = "http://127.0.0.1:8081"
    information_url: str = "http://127.0.0.1:8082"
    exchange_url: str = "http://127.0.0.1:8083"
    application_url: str = "http://127.0.0.1:8084"
    data: Path | None = None  # data folder; secrets/<service>.secret in it is how our services prove who they are

    def topic(self, name: str) -> str:
        """The topic as the broker knows it: `vis.record.v1` is `north.vis.record.v1` in region north."""
        return f"{self.region}.{name}" if self.region else name

    def group(self, name: str) -> str:
        """The consumer group as the broker knows it."""
        return f"{self.region}.{name}" if self.region else name

    @property
    def jwks_url(self) -> str:
        """Where the keys of our tokens are, inside the region."""
        return f"{self.application_url}/auth/jwks"
