"""What another issuer says of a person becomes a person and a commission of ours; which claim means what is configuration.

sweden.md IDN-02, IDN-03, IDN-06: https://www.sambi.se/, https://www.oidc.se/specifications/
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from kit.caller import Commission
from kit.problems import Kind, Problem

_HSA_ID = re.compile(r"[A-Z]{2}[0-9]{10}-[A-Za-z0-9\-]{1,32}")
_NUMBER = re.compile(r"(?:19|20)?\d{6}[-+]?\d{4}")


class NotVouched(Problem):
    """Another issuer's token does not say what is needed, or not with the assurance that is asked for."""

    kind = Kind.FORBIDDEN
    code = "application/not-vouched"
    title = "The sign-in elsewhere does not say enough about the person"


class Provider(BaseModel):
    """An issuer that may say who somebody is. `acr`: the levels of assurance that are enough; empty: any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    name: str
    kind: Literal["staff", "patient"]
    issuer: str
    client_id: str
    client_secret_file: Path
    scopes: tuple[str, ...] = ("openid", "profile")
    acr: tuple[str, ...] = ()
    userinfo: bool = False  # the claims stand at the UserInfo endpoint and not in the id_token
    claims: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    purposes: dict[str, str] = Field(default_factory=dict)
    rights: dict[str, str] = Field(default_factory=dict)  # their words for rights of ours, such as exchange.operate

    @field_validator("issuer")
    @classmethod
    def _is_safe(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
        if not (parts.hostname and (parts.scheme == "https" or local)) or parts.query or parts.fragment:
            raise ValueError("an issuer is an https address without query")
        return issuer.rstrip("/")

    @property
    def secret(self) -> str:
        return self.client_secret_file.read_text("utf-8").strip()


class _Providers(BaseModel):
    model_config = ConfigDict(extra="forbid")

    providers: tuple[Provider, ...]


def providers(path: Path | None) -> dict[str, Provider]:
    """The providers of a file by id; none without a file. Raises pydantic's ValidationError, and what reading raises."""
    if path is None:
        return {}
    return {one.id: one for one in _Providers.model_validate(yaml.safe_load(path.read_text("utf-8"))).providers}


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom an issuer vouches for: `person` is an employeeHsaId, or a personnummer with twelve digits."""

    person: str
    kind: Literal["staff", "patient"]
    name: str
    title: str = ""
    commission: Commission | None = None


def read(provider: Provider, claims: Mapping[str, Any]) -> Vouched:
    """The person of a checked id_token. Raises NotVouched, naming what is missing, never a value."""
    if provider.acr and claims.get("acr") not in provider.acr:
        raise NotVouched("The level of assurance is not enough", at="acr")
    said = _Said(provider, claims)
    if provider.kind == "patient":
        return Vouched(_personnummer(said.need("person")), "patient", said.need("name"))
    person = said.need("person")
    if not _HSA_ID.fullmatch(person):
        raise NotVouched("employeeHsaId is no HSA-id", at="person")
    return Vouched(person, "staff", said.need("name"), said.want("title"), _commission(said))


def _commission(said: "_Said") -> Commission:
    """Staff work under one commission (IDN-01): an issuer that does not say which vouches for nobody's work."""
    needed = ("unit", "unit_name", "provider", "provider_name")
    return Commission(
        id=said.need("commission"),
        **{name: said.need(name) for name in needed},
        role=said.want("role"),
        purpose=said.purpose(),
        rights=said.rights(),
    )


def _personnummer(text: str) -> str:
    """Twelve digits. Ten are not enough to know the century, so they are refused."""
    digits = re.sub(r"\D", "", text)
    if not _NUMBER.fullmatch(text.strip()) or len(digits) != 12:
        raise NotVouched("The personnummer does not have twelve digits", at="person")
    return digits


class _Said:
    """The claims by our words for them."""

    def __init__(self, provider: Provider, claims: Mapping[str, Any]) -> None:
        self._claims = claims
        self._names: dict[str, Sequence[str]] = {**_packaged()[provider.kind], **provider.claims}
        self._rights = provider.rights
        self._purposes: dict[str, str] = {**_packaged()["purposes"], **provider.purposes}

    def many(self, word: str) -> list[str]:
        for name in self._names.get(word, ()):
            found = self._claims.get(name)
            if found:
                return [str(one) for one in found] if isinstance(found, list) else [str(found)]
        return []

    def want(self, word: str) -> str:
        return next(iter(self.many(word)), "")[:200]

    def need(self, word: str) -> str:
        found = self.want(word)
        if not found:
            raise NotVouched(f"The token does not say {word}", at=word)
        return found

    def rights(self) -> frozenset[str]:
        """Rights as they are said. Those of this region (words with a dot) come only through the provider's own table, so that
        an issuer gives nobody the region to run by using our word for it."""
        said = self.many("rights")
        return frozenset(
            [self._rights[one] for one in said if one in self._rights] + [one for one in said if "." not in one]
        )

    def purpose(self) -> str:
        said = self.need("purpose")
        if said not in self._purposes:
            raise NotVouched("The purpose of the commission is not one we know", at="purpose")
        return self._purposes[said]


@cache
def _packaged() -> dict[str, dict[str, Any]]:
    text = files("application_platform.identity").joinpath("claims.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return found
