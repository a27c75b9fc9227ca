"""What the operator decides about the gateway; read from the environment (prefix FVM_), never at import."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """Addresses, limits and times. Sizes in bytes, times in seconds, rates per second and client."""

    model_config = SettingsConfigDict(env_prefix="FVM_", frozen=True, extra="ignore")

    public_url: str = "http://localhost:8080"
    vis_url: str = "http://127.0.0.1:8101"
    information_url: str = "http://127.0.0.1:8102"
    exchange_url: str = "http://127.0.0.1:8103"
    application_url: str = "http://127.0.0.1:8104"

    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8080, ge=1, le=65535)
    gateway_admin_port: int = Field(default=0, ge=0, le=65535, description="loopback only; 0 = no admin interface")
    gateway_concurrency: int = Field(default=1, ge=1, description="worker threads of Envoy")
    gateway_memory_mb: int = Field(default=512, ge=64, description="above 95 % of it new requests get 503")
    gateway_trusted_hops: int = Field(default=0, ge=0, description="load balancers in front that set X-Forwarded-For")
    gateway_log: str = Field(default="stdout", description="access log: stdout, a file, or empty for none")

    rate_limit: int = Field(default=20_000, ge=1, description="requests per second for one client (FVM_RATE_LIMIT)")
    rate_limit_clients: int = Field(default=10_000, ge=1, description="clients remembered; the oldest is forgotten")
    max_body: int = Field(default=50 * 1024 * 1024, ge=1, description="of one request; as the services have it (D17)")
    request_timeout: int = Field(default=60, ge=1, description="from the last byte of the request to the answer")
    receive_timeout: int = Field(default=300, ge=1, description="a request must have arrived whole within this")
    upstream_idle: float = Field(
        default=60.0, gt=0, description="kept upstream connections close after this; below the services' own (75 s)"
    )
    session_cookie: str = Field(default="fvm_session", pattern=r"^[A-Za-z0-9_-]+$")

    @field_validator("public_url", "vis_url", "information_url", "exchange_url", "application_url")
    @classmethod
    def _is_a_base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("must be scheme://host[:port] with nothing after it")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _services_are_reached_in_the_clear(self) -> Self:
        for field in ("vis_url", "information_url", "exchange_url", "application_url"):
            if urlsplit(getattr(self, field)).scheme != "http":
                raise ValueError(f"{field}: services are reached over http inside the region's own network")
        return self

    @property
    def issuer(self) -> str:
        """`iss` of every token (D11)."""
        return self.public_url

    @property
    def origin(self) -> str:
        """What a browser sends as Origin from our own pages: scheme, host, and the port unless it is the default."""
        parts = urlsplit(self.public_url)
        usual = {"http": 80, "https": 443}[parts.scheme]
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")

    def audience(self, door: str) -> str:
        """The `aud` a token needs at this door."""
        return self.public_url + {"vis": "/vis/fhir", "information": "/fhir", "exchange": "/exchange"}[door]
