"""Signs tokens: the only place where a private key is used."""

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from application_platform.tokens import keys, model
from kit.caller import Caller

LEEWAY = 5  # seconds by which clocks of our own processes may differ


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token and when it ends (seconds since the epoch)."""

    token: str
    expires: int
    jti: str


class Issuer:
    """Signs for one issuer (FVM_PUBLIC_URL) with the ring it was last given."""

    def __init__(self, url: str, seconds: int) -> None:
        self.url = url
        self.seconds = seconds
        self.ring = keys.EMPTY

    def access_token(self, caller: Caller, doors: Iterable[str], *, seconds: int | None = None) -> Issued:
        """An ES256 access token (RFC 9068) for `caller`, good at the named doors of `model.DOORS`."""
        now = int(time.time())
        expires = now + (seconds or self.seconds)
        jti = secrets.token_urlsafe(16)
        claims = {
            "iss": self.url,
            "aud": model.audience(self.url, doors),
            "iat": now,
            "exp": expires,
            "jti": jti,
            **model.identity_claims(caller),
        }
        return Issued(self._sign(keys.ACCESS, "at+jwt", claims), expires, jti)

    def id_token(self, caller: Caller, *, nonce: str | None, auth_time: int, fhir_user: str | None = None) -> str:
        """An RS256 id_token (OpenID Connect Core §2) for the client of `caller`."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": caller.subject,
            "aud": caller.client,
            "iat": now,
            "exp": now + self.seconds,
            "auth_time": auth_time,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if fhir_user is not None:
            claims |= {"fhirUser": fhir_user, "profile": fhir_user}  # `profile`: what clients of SMART 1 look at
        if "profile" in caller.scopes:
            claims["name"] = caller.name
        if caller.session is not None:
            claims["sid"] = caller.session
        return self._sign(keys.IDENTITY, "JWT", claims)

    def read(self, token: str) -> dict[str, Any] | None:
        """The claims of an access token that this issuer signed and that has not ended; None for anything else."""
        try:
            ring = KeySet.import_key_set({"keys": [key for key in self.ring.public if key["alg"] == keys.ACCESS]})
            read = jwt.decode(token, ring, algorithms=[keys.ACCESS])
        except (JoseError, ValueError, KeyError):
            return None
        ours = read.header.get("typ") == "at+jwt" and read.claims.get("iss") == self.url
        return read.claims if ours and read.claims.get("exp", 0) > time.time() - LEEWAY else None

    def _sign(self, alg: str, kind: str, claims: dict[str, Any]) -> str:
        key = self.ring.signer(alg)
        return jwt.encode({"alg": alg, "kid": key.kid, "typ": kind}, claims, key, algorithms=[alg])
