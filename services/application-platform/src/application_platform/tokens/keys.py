"""Signing keys: made here, kept in the database, handed out only as public JWKs; next → current → previous.

A key is published as `next` for a whole period before it signs, so that no verifier meets a signature it cannot check,
and as `previous` for longer than the longest-lived token (RFC 7517; https://openid.net/specs/openid-connect-core-1_0.html#RotateSigKeys).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from joserfc.jwk import ECKey, KeyParameters, RSAKey
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.problems import Kind, Problem

ACCESS = "ES256"  # access tokens: the fastest to sign and check
IDENTITY = "RS256"  # id_tokens: what every OpenID Connect client must understand
ALGORITHMS = (ACCESS, IDENTITY)

KEPT_AFTER_RETIREMENT = timedelta(hours=25)  # the longest token is a demo token of 24 hours (D19)

# The first byte of a stored private key says how it rests (D8). 0: the JWK as it is.
_PLAIN = b"\x00"
_ROTATION_LOCK = 0x46564D_6B6579

signing_key = sa.Table(
    "signing_key",
    sa.MetaData(),
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("alg", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("public_key", pg.JSONB, nullable=False),
    sa.Column("private_key", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("current_from", sa.TIMESTAMP(timezone=True)),
    sa.Column("retired_at", sa.TIMESTAMP(timezone=True)),
)

SigningKey = ECKey | RSAKey


class NoSigningKey(Problem):
    """The keys have not been read yet, or the database has none."""

    kind = Kind.UNAVAILABLE
    code = "application/no-signing-key"
    title = "Tokens cannot be signed just now"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys as read at one moment: what signs, and what others may check with."""

    signers: dict[str, SigningKey]  # by algorithm
    public: tuple[dict[str, Any], ...]  # JWKs, current first
    current_from: dict[str, datetime]

    def signer(self, alg: str) -> SigningKey:
        if alg not in self.signers:
            raise NoSigningKey
        return self.signers[alg]

    def jwks(self) -> dict[str, Any]:
        return {"keys": list(self.public)}


EMPTY = KeyRing({}, (), {})


def _generate(alg: str) -> SigningKey:
    parameters: KeyParameters = {"use": "sig", "alg": alg}
    if alg == ACCESS:
        return ECKey.generate_key("P-256", parameters, auto_kid=True)
    return RSAKey.generate_key(2048, parameters, auto_kid=True)


def _rest(key: SigningKey) -> bytes:
    return _PLAIN + json.dumps(key.as_dict(private=True)).encode()


def _wake(alg: str, stored: bytes) -> SigningKey:
    if stored[:1] != _PLAIN:
        raise NoSigningKey("A stored signing key has a format that this version does not know")
    kind: type[ECKey] | type[RSAKey] = ECKey if alg == ACCESS else RSAKey
    return kind.import_key(json.loads(stored[1:]))


async def _add(tx: AsyncConnection, alg: str, state: str, at: datetime) -> None:
    key = _generate(alg)
    await tx.execute(
        signing_key.insert().values(
            kid=key.kid,
            alg=alg,
            state=state,
            public_key=key.as_dict(private=False),
            private_key=_rest(key),
            created_at=at,
            current_from=at if state == "current" else None,
        )
    )


async def ensure(tx: AsyncConnection, at: datetime) -> None:
    """Makes the current and the next key of each algorithm where they are missing; safe beside other processes."""
    await tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_ROTATION_LOCK)))
    rows = await tx.execute(sa.select(signing_key.c.alg, signing_key.c.state))
    there = {(row.alg, row.state) for row in rows}
    for alg in ALGORITHMS:
        for state in ("current", "next"):
            if (alg, state) not in there:
                await _add(tx, alg, state, at)


async def rotate(tx: AsyncConnection, at: datetime, alg: str) -> None:
    """current → previous, next → current, a new next; forgets previous keys that no living token can carry."""
    await ensure(tx, at)
    column = signing_key.c
    now, after = ((column.alg == alg) & (column.state == state) for state in ("current", "next"))
    await tx.execute(signing_key.update().where(now).values(state="previous", retired_at=at))
    await tx.execute(signing_key.update().where(after).values(state="current", current_from=at))
    await _add(tx, alg, "next", at)
    await tx.execute(signing_key.delete().where(column.retired_at < at - KEPT_AFTER_RETIREMENT))


async def rotate_if_due(tx: AsyncConnection, at: datetime, period: timedelta) -> None:
    """Rotates each algorithm whose current key is older than `period`."""
    await ensure(tx, at)
    due = sa.select(signing_key.c.alg).where(signing_key.c.state == "current", signing_key.c.current_from < at - period)
    for alg in (await tx.execute(due)).scalars().all():
        await rotate(tx, at, alg)


async def load(tx: AsyncConnection) -> KeyRing:
    """Reads the ring: current, next and previous keys."""
    order = sa.case({"current": 0, "next": 1}, value=signing_key.c.state, else_=2)
    rows: Sequence[Any] = (await tx.execute(sa.select(signing_key).order_by(order, signing_key.c.alg))).all()
    current = [row for row in rows if row.state == "current"]
    return KeyRing(
        signers={row.alg: _wake(row.alg, row.private_key) for row in current},
        public=tuple(row.public_key for row in rows),
        current_from={row.alg: row.current_from for row in current},
    )
