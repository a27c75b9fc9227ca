"""Settings every service shares: read once from the environment (prefix FVM_), frozen, passed down as values."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from kit.sealing import Master, WrongMaster

PREFIX, FROM_FILE = "FVM_", "_FILE"


class WrongSettings(Exception):
    """One sentence per setting that is missing or wrong, without any value in it: some are secrets."""


class FromEnvironment(BaseSettings):
    """Reads each setting's variable, or the file that the variable with _FILE after it names (without outer spaces)."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Files(settings_cls)


class _Files(PydanticBaseSettingsSource):
    """Settings from files, as container engines hand out secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return from_file(os.environ, PREFIX + field_name.upper()), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def from_file(env: Mapping[str, str], name: str) -> str | None:
    """What the file of NAME_FILE holds; None where it is not named. Raises WrongSettings."""
    path = env.get(name + FROM_FILE)
    if not path:
        return None
    if env.get(name):
        raise WrongSettings(f"Both {name} and {name}{FROM_FILE} are set; set one of them.")
    try:
        text = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise WrongSettings(f"{name}{FROM_FILE} names {path}, which cannot be read ({reason}).") from None
    if not text:
        raise WrongSettings(f"{name}{FROM_FILE} names {path}, which is empty.")
    return text


S = TypeVar("S", bound=BaseSettings)


def read(kind: type[S], **known: Any) -> S:
    """The settings of this environment, `known` ones before it; WrongSettings says all that is wrong, a line each."""
    try:
        return kind(**known)
    except ValidationError as error:
        raise WrongSettings(
            "\n".join(_sentence(one["type"], one["loc"], one["msg"]) for one in error.errors())
        ) from None


def _sentence(kind: str, place: tuple[int | str, ...], message: str) -> str:
    if not place:  # several settings together
        return message.removeprefix("Value error, ") + "."
    name = f"{PREFIX}{str(place[0]).upper()}"
    if kind == "missing":
        return f"{name} is not set (nor {name}{FROM_FILE}); docs/reference/settings.md says what it is."
    return f"{name} is wrong: {message.removeprefix('Value error, ')}."


@dataclass(frozen=True, slots=True)
class Broker:
    """Where Kafka is and how it is spoken to; `bootstrap` alone means in the clear."""

    bootstrap: str
    security: str = "PLAINTEXT"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    user: str = ""
    password: str = ""
    mechanism: str = "SCRAM-SHA-512"


def bootstrap_servers(text: str) -> str:
    """The text as it is; ValueError where it is no HOST:PORT, several with commas."""
    for one in text.split(","):
        host, _, port = one.strip().rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("must be host:port, several with commas between")
    return text


class KafkaSettings(FromEnvironment):
    """What is needed to reach Kafka."""

    kafka: str = "127.0.0.1:9092"  # bootstrap servers, comma separated
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_ca: Path | None = None  # who signs the brokers' certificates; without it the system's own list
    kafka_certificate: Path | None = None  # our own, where brokers ask for one (PEM)
    kafka_key: Path | None = None
    kafka_user: str = ""
    kafka_password: str = Field(default="", repr=False)
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"

    @field_validator("kafka")
    @classmethod
    def _kafka_is_bootstrap_servers(cls, value: str) -> str:
        return bootstrap_servers(value)

    @model_validator(mode="after")
    def _kafka_is_whole(self) -> Self:
        if self.kafka_security.startswith("SASL") and not (self.kafka_user and self.kafka_password):
            raise ValueError("FVM_KAFKA_SECURITY asks for FVM_KAFKA_USER and FVM_KAFKA_PASSWORD")
        if (self.kafka_certificate is None) != (self.kafka_key is None):
            raise ValueError("FVM_KAFKA_CERTIFICATE and FVM_KAFKA_KEY are set together")
        return self

    @property
    def broker(self) -> Broker:
        return Broker(
            self.kafka,
            self.kafka_security,
            self.kafka_ca,
            self.kafka_certificate,
            self.kafka_key,
            self.kafka_user,
            self.kafka_password,
            self.kafka_mechanism,
        )


class Settings(KafkaSettings):
    """A service subclasses this with its own few fields; the composition root builds it and nobody else reads it."""

    database_url: str = Field(repr=False)
    region: str = ""  # prefixes topics and groups, so that regions and test runs share one broker
    mode: Literal["demo", "production"] = "production"
    public_url: str = "http://localhost:8080"  # the only source of issuer, audience and links (D11)
    host: str = "127.0.0.1"
    port: int = 0  # 0: any free port
    certificate: Path | None = None  # of this service's own HTTP port (PEM), read again when it is renewed
    key: Path | None = None
    drain_seconds: float = Field(default=0.0, ge=0)  # told to stop: so long unready, but still answering
    master_key: str = Field(default="", repr=False)  # wraps the keys of persons; without it bodies are not sealed (D8)
    sealing: bool = (
        True  # false: what is sealed is read, nothing is sealed yet (while other processes have no master key)
    )
    vis_url: str = "http://127.0.0.1:8081"
    information_url: str = "http://127.0.0.1:8082"
    exchange_url: str = "http://127.0.0.1:8083"
    application_url: str = "http://127.0.0.1:8084"
    data: Path | None = None  # data folder; secrets/<service>.secret in it is how our services prove who they are

    @field_validator("master_key")
    @classmethod
    def _master_key_can_be_read(cls, value: str) -> str:
        if value:
            try:
                Master.read(value)
            except WrongMaster as error:
                raise ValueError(str(error)) from None
        return value

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("FVM_CERTIFICATE and FVM_KEY are set together")
        return self

    def must_have_keys(self) -> None:
        """What a production region stores of patients is always sealed (D8). Raises WrongSettings."""
        if self.mode == "production" and not self.master_key:
            raise WrongSettings(
                "FVM_MASTER_KEY is not set (nor FVM_MASTER_KEY_FILE), and a production region does not run without it: it wraps"
                " the keys that patients' data is sealed with. Make one with `openssl rand -base64 32`; docs/how-to/"
                "erase-by-order.md says how a region that has run without one begins."
            )

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
