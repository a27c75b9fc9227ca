"""Who is behind a token: verified with the application platform's keys, ES256 only, remembered for a minute (D11)."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from joserfc.jws import extract_compact

from kit.caller import Caller, Commission
from kit.http import Client
from kit.problems import Header, Kind, Problem, Unavailable

_REMEMBER = 60  # seconds a verified token is believed without looking again
_AT_MOST = 10_000  # tokens remembered
_REFRESH = 10  # seconds between two looks at the keys, so that made-up key ids cannot make us hammer the issuer
_LEEWAY = 5  # seconds of clock difference
_REVOKED_FOR = 25 * 3600  # longer than any token lives (D19: ≤ 24 h in demo)
_TYPES = ("at+jwt", "application/at+jwt")  # RFC 9068: what else we sign (id_tokens) opens no door
_KINDS = ("staff", "patient", "system")

log = structlog.get_logger(__name__)


class Unauthenticated(Problem):
    """No token, or one that is not ours, not for this door, expired or revoked."""

    kind = Kind.UNAUTHENTICATED
    code = "kit/unauthenticated"
    title = "Sign in to do this"

    def __init__(self, detail: str = "", *, error: str = "invalid_token") -> None:
        challenge = f'Bearer error="{error}"' if error else "Bearer"
        super().__init__(detail, headers=(Header("WWW-Authenticate", challenge),))


def bearer(header: str | None) -> str:
    """The token of an Authorization header; raises Unauthenticated when there is none."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The request carries no bearer token", error="")
    return token.strip()


class Verifier:
    """Verifies access tokens for one door (`audience`). One per process: it keeps keys, tokens and revoked sessions."""

    def __init__(self, jwks_url: str, issuer: str, audience: str, *, client: Client | None = None) -> None:
        self._client = client or Client(jwks_url, timeout=3.0)
        self._registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._keys: dict[str, ECKey] = {}
        self._looked = float("-inf")
        self._looking = asyncio.Lock()
        self._known: dict[str, tuple[Caller, float]] = {}
        self._revoked: dict[str, float] = {}

    async def caller(self, token: str) -> Caller:
        """Raises Unauthenticated, or Unavailable when the issuer's keys cannot be had."""
        now = time.time()
        found = self._known.get(token)
        if found is None or found[1] <= now:
            found = self._remember(token, await self._verify(token), now)
        if found[0].session in self._revoked:
            raise Unauthenticated("The session has ended")
        return found[0]

    def revoke(self, sid: str) -> None:
        """The session has ended (sign-out, kill switch): its tokens are refused from now on."""
        now = time.time()
        for old in [session for session, until in self._revoked.items() if until <= now]:
            del self._revoked[old]
        self._revoked[sid] = now + _REVOKED_FOR

    def use(self, jwks: Any) -> None:
        """Takes this key set (also what the application platform, whose keys they are, does at its own door)."""
        self._keys = {str(key.kid): key for key in KeySet.import_key_set(jwks).keys if isinstance(key, ECKey)}
        self._looked = time.monotonic()

    async def stop(self) -> None:
        await self._client.stop()

    def _remember(self, token: str, caller: Caller, now: float) -> tuple[Caller, float]:
        self._known.pop(token, None)
        if len(self._known) >= _AT_MOST:
            for old in list(self._known)[: _AT_MOST // 10]:
                del self._known[old]
        found = (caller, min(now + _REMEMBER, caller.expires + _LEEWAY))
        self._known[token] = found
        return found

    async def _verify(self, token: str) -> Caller:
        try:
            header = extract_compact(token.encode()).headers()
        except (JoseError, ValueError):
            raise Unauthenticated("The token cannot be read") from None
        if header.get("alg") != "ES256":
            raise Unauthenticated("The token is not signed with ES256")
        if header.get("typ") not in _TYPES:
            raise Unauthenticated("The token is no access token")
        key = await self._key(str(header.get("kid", "")))
        try:
            claims = jwt.decode(token, key, algorithms=["ES256"]).claims
            self._registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise Unauthenticated(f"The token is refused ({type(error).__name__})") from None
        return _caller(claims)

    async def _key(self, kid: str) -> ECKey:
        if kid not in self._keys:
            async with self._looking:
                if kid not in self._keys and time.monotonic() - self._looked >= _REFRESH:
                    await self._look()
        if kid in self._keys:
            return self._keys[kid]
        if not self._keys:
            raise Unavailable("The keys that tokens are signed with cannot be reached")
        raise Unauthenticated("The token is signed with a key we do not know")

    async def _look(self) -> None:
        """Fetches the key set; keeps the old one when the issuer is away."""
        try:
            self.use(await self._client.get(""))
        except (Problem, JoseError, ValueError, KeyError, TypeError):
            log.warning("keys not fetched")
            self._looked = time.monotonic() - _REFRESH + 1  # try again in a second


def _caller(claims: Mapping[str, Any]) -> Caller:
    ours = claims.get("fvm")
    if not isinstance(ours, Mapping) or ours.get("kind") not in _KINDS:
        raise Unauthenticated("The token does not say what kind of caller it is for")
    scopes = frozenset(str(claims.get("scope", "")).split())
    # A scope of one patient in the hands of staff would reach everybody whom they may see; what cannot hold them to the
    # patient in context must not count it, so it lies apart from the others.
    narrow = frozenset(scope for scope in scopes if ours["kind"] == "staff" and scope.startswith("patient/"))
    try:
        return Caller(
            subject=claims["sub"],
            kind=ours["kind"],
            client=str(claims.get("client_id", "")),
            name=str(ours.get("name", "")),
            scopes=scopes - narrow,
            context_scopes=narrow,
            commission=_commission(ours.get("commission")),
            patient=claims.get("patient"),
            session=claims.get("sid"),
            expires=int(claims["exp"]),
        )
    except (KeyError, TypeError, ValueError):
        raise Unauthenticated("The token's commission cannot be read") from None


def _commission(found: Any) -> Commission | None:
    if found is None:
        return None
    fields = ("id", "unit", "unit_name", "provider", "provider_name", "role")
    return Commission(
        **{name: str(found[name]) for name in fields},
        purpose=str(found.get("purpose", "care")),
        rights=frozenset(found.get("rights", ())),
    )
