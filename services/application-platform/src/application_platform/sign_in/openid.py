"""The other side of OpenID Connect: this region as a client of another issuer, with nothing believed that is not checked.

https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation, RFC 9207 (mix-up), RFC 7636 (PKCE).
"""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from application_platform import outside
from application_platform.identity.vouching import NotVouched, Provider
from kit.http import Answer

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_KEEP = 3600.0  # seconds that an issuer's metadata and keys are believed
_AGAIN = 10.0  # seconds after which an unknown key is looked for anew
_LEEWAY = 30  # seconds by which its clock may differ from ours


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in elsewhere; only its own browser can finish it."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Attempt":
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")


class Elsewhere:
    """One provider: its metadata, its keys, and the two calls that turn a code into claims."""

    def __init__(self, provider: Provider, redirect_uri: str) -> None:
        self.provider = provider
        self._redirect_uri = redirect_uri
        self._metadata: dict[str, Any] = {}
        self._metadata_at = float("-inf")
        self._keys: list[dict[str, Any]] = []
        self._keys_at = float("-inf")

    async def address(self, attempt: Attempt) -> str:
        """Where the browser is sent. Raises NotVouched when the metadata is not the provider's, Unavailable when it is away."""
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self.provider.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            "ui_locales": "sv",
        }
        if self.provider.acr:
            asked["acr_values"] = " ".join(self.provider.acr)
        url = str((await self._told())["authorization_endpoint"])
        return f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}"

    async def claims(self, code: str, attempt: Attempt, issuer: str | None) -> dict[str, Any]:
        """The checked claims of the person behind a code. `issuer` is the `iss` of the answer. Raises NotVouched."""
        told = await self._told()
        must_say = told.get("authorization_response_iss_parameter_supported") is True
        if issuer != self.provider.issuer and (issuer is not None or must_say):
            raise NotVouched("The answer comes from another issuer", at="iss")
        got = await self._exchange(told, code, attempt)
        claims = await self._checked(told, str(got.get("id_token", "")), attempt)
        if not self.provider.userinfo:
            return claims
        headers = {"Authorization": f"Bearer {got.get('access_token', '')}"}
        more = _json(await outside.call("GET", str(told["userinfo_endpoint"]), headers=headers))
        if more.get("sub") != claims["sub"]:
            raise NotVouched("UserInfo speaks of somebody else", at="sub")
        return {**more, **claims}

    async def _told(self) -> dict[str, Any]:
        now = time.monotonic()
        if now - self._metadata_at > _KEEP:
            found = _json(await outside.call("GET", f"{self.provider.issuer}/.well-known/openid-configuration"))
            needed = ["authorization_endpoint", "token_endpoint", "jwks_uri"]
            needed += ["userinfo_endpoint"] * self.provider.userinfo
            whole = all(isinstance(found.get(name), str) for name in needed)
            if found.get("issuer") != self.provider.issuer or not whole:
                raise NotVouched("The issuer's metadata is not its own", at="issuer")
            self._metadata, self._metadata_at = found, now
        return self._metadata

    async def _exchange(self, told: dict[str, Any], code: str, attempt: Attempt) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri}
        body = urlencode({**form, "code_verifier": attempt.verifier}).encode()
        pair = f"{quote(self.provider.client_id, safe='')}:{quote(self.provider.secret, safe='')}"
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return _json(await outside.call("POST", str(told["token_endpoint"]), data=body, headers=headers))

    async def _checked(self, told: dict[str, Any], token: str, attempt: Attempt) -> dict[str, Any]:
        try:
            kid = str(extract_compact(token.encode()).headers().get("kid", ""))
            keys = await self._fitting(told, kid)
            claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError):
            raise NotVouched("The id_token cannot be checked", at="id_token") from None
        _must_hold(claims, self.provider, attempt)
        return claims

    async def _fitting(self, told: dict[str, Any], kid: str) -> KeySet:
        """The issuer's keys; looked up again when the key is not among them."""
        now = time.monotonic()
        unknown = kid not in {key.get("kid") for key in self._keys} and now - self._keys_at > _AGAIN
        if unknown or now - self._keys_at > _KEEP:
            found = _json(await outside.call("GET", str(told["jwks_uri"]))).get("keys")
            self._keys = [key for key in found if isinstance(key, dict)] if isinstance(found, list) else []
            self._keys_at = now
        asymmetric = [key for key in self._keys if key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"]
        return KeySet.import_key_set({"keys": [key for key in asymmetric if not kid or key.get("kid") == kid]})


def _must_hold(claims: dict[str, Any], provider: Provider, attempt: Attempt) -> None:
    """OpenID Connect Core §3.1.3.7; raises NotVouched naming the claim."""
    now, audience = time.time(), claims.get("aud")
    audience = [audience] if isinstance(audience, str) else audience
    holds = {
        "iss": claims.get("iss") == provider.issuer,
        "aud": isinstance(audience, list) and provider.client_id in audience,
        "azp": claims.get("azp", provider.client_id) == provider.client_id,
        "exp": isinstance(claims.get("exp"), int | float) and claims["exp"] > now - _LEEWAY,
        "iat": isinstance(claims.get("iat"), int | float) and claims["iat"] < now + _LEEWAY,
        "nonce": secrets.compare_digest(str(claims.get("nonce", "")), attempt.nonce),
        "sub": isinstance(claims.get("sub"), str) and bool(claims["sub"]),
    }
    wrong = [name for name, right in holds.items() if not right]
    if wrong:
        raise NotVouched("The id_token is not for this sign-in", at=wrong[0])


def _json(answer: Answer) -> dict[str, Any]:
    """The object that an issuer answered; raises NotVouched for anything else."""
    try:
        found = answer.json() if answer.status == 200 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise NotVouched(f"The issuer answered {answer.status}")
    return found
