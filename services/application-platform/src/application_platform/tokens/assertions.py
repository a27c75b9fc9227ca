"""private_key_jwt: a system proves who it is with a signature (RFC 7523; SMART Backend Services, ES384 and RS384)."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.tokens.clients import Client
from application_platform.tokens.oauth import invalid_client

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES384", "RS384")
LONGEST = 300  # seconds that `exp` may lie ahead (SMART: five minutes)
LEEWAY = 5
_KEY_TYPE = {"ES384": "EC", "RS384": "RSA"}

used_assertion = sa.Table(
    "used_assertion",
    sa.MetaData(),
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("jti", sa.Text, primary_key=True),
    sa.Column("until", sa.TIMESTAMP(timezone=True), nullable=False),
)


def header(assertion: str) -> dict[str, Any]:
    """The unverified header: only for finding the key."""
    return _part(assertion, 0)


def claimed_client(assertion: str) -> str | None:
    """The client id an unverified assertion speaks of: only for finding the key to check it with."""
    issuer = _part(assertion, 1).get("iss")
    return issuer if isinstance(issuer, str) else None


def _part(assertion: str, index: int) -> dict[str, Any]:
    pieces = assertion.split(".")
    if len(pieces) != 3:
        return {}
    try:
        read = json.loads(base64.urlsafe_b64decode(pieces[index] + "=" * (-len(pieces[index]) % 4)))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _fitting(known: list[dict[str, Any]], assertion: str) -> KeySet:
    """The one of the client's keys with the assertion's `kid` and the right type; none or several is a refusal (SMART)."""
    said = header(assertion)
    wanted = (said.get("kid"), _KEY_TYPE.get(str(said.get("alg"))))
    fitting = [key for key in known if (key.get("kid"), key.get("kty")) == wanted]
    if None in wanted or len(fitting) != 1:
        raise invalid_client()
    return KeySet.import_key_set({"keys": fitting})


def _in_order(claims: dict[str, Any], client_id: str, audience: frozenset[str]) -> bool:
    now = time.time()
    expires, jti, aud = claims.get("exp"), claims.get("jti"), claims.get("aud")
    addressed = {aud} if isinstance(aud, str) else {entry for entry in aud or () if isinstance(entry, str)}
    return (
        claims.get("iss") == claims.get("sub") == client_id
        and isinstance(expires, int)
        and now - LEEWAY < expires <= now + LONGEST + LEEWAY
        and isinstance(jti, str)
        and 0 < len(jti) <= 256
        and bool(addressed & audience)
    )


async def check(
    tx: AsyncConnection, found: Client, known: list[dict[str, Any]], assertion: str, audience: frozenset[str]
) -> Client:
    """The client if the assertion is its own (`known` are its keys), fresh, for us and new; else invalid_client."""
    try:
        claims = jwt.decode(assertion, _fitting(known, assertion), algorithms=list(ALGORITHMS)).claims
    except (JoseError, ValueError):
        raise invalid_client() from None
    if not _in_order(claims, found.id, audience):
        raise invalid_client()
    until = datetime.fromtimestamp(claims["exp"] + LEEWAY, UTC)
    use = pg.insert(used_assertion).values(client_id=found.id, jti=claims["jti"], until=until)
    if (await tx.execute(use.on_conflict_do_nothing())).rowcount == 0:
        raise invalid_client()
    return found
