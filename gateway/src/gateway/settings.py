"""What the operator decides about the gateway; read from the environment (prefix FVM_), never at import."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from kit.settings import FromEnvironment

SERVICES = ("vis_url", "information_url", "exchange_url", "application_url")


class GatewaySettings(FromEnvironment):
    """Addresses, limits and times. Sizes in bytes, times in seconds, rates per second and client.

    A service that runs more than once has several addresses, comma separated, or one name with several.
    """

    public_url: str = "http://localhost:8080"
    vis_url: str = "http://127.0.0.1:8101"
    information_url: str = "http://127.0.0.1:8102"
    exchange_url: str = "http://127.0.0.1:8103"
    application_url: str = "http://127.0.0.1:8104"

    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8080, ge=1, le=65535)
    gateway_certificate: Path | None = Field(default=None, description="PEM; renewed without a restart")
    gateway_key: Path | None = None
    services_ca: Path | None = Field(default=None, description="who signs the services' certificates (https addresses)")
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

    @field_validator("public_url")
    @classmethod
    def _is_a_base_url(cls, value: str) -> str:
        return _base(value)

    @field_validator(*SERVICES)
    @classmethod
    def _are_base_urls(cls, value: str) -> str:
        found = [_base(one.strip()) for one in value.split(",")]
        if len({urlsplit(one).scheme for one in found}) > 1:
            raise ValueError("all addresses of one service begin with the same scheme")
        return ",".join(found)

    @model_validator(mode="after")
    def _certificates_are_whole(self) -> Self:
        if (self.gateway_certificate is None) != (self.gateway_key is None):
            raise ValueError("FVM_GATEWAY_CERTIFICATE and FVM_GATEWAY_KEY are set together")
        if self.gateway_certificate is not None and self.gateway_key is not None:
            if self.gateway_certificate.parent != self.gateway_key.parent:
                raise ValueError("FVM_GATEWAY_CERTIFICATE and FVM_GATEWAY_KEY lie in one folder, which is watched")
            if not self.public_url.startswith("https://"):
                raise ValueError("FVM_PUBLIC_URL begins with https:// where the gateway has a certificate")
        for field in SERVICES:
            if getattr(self, field).startswith("https") and self.services_ca is None:
                raise ValueError(f"FVM_{field.upper()} is https, so FVM_SERVICES_CA says who signs its certificate")
        return self

    def addresses(self, service: str) -> list[str]:
        """The base URLs of a service, one for each that runs."""
        found: str = getattr(self, f"{service}_url")
        return found.split(",")

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


def _base(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("must be scheme://host[:port] with nothing after it")
    return value.rstrip("/")
