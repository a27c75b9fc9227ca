"""What a person let an app do: the grant, the code that starts it, and refresh tokens that are used once each.

RFC 6749 §4.1 and §6, RFC 7636 (PKCE), RFC 9700 §4.14 (refresh token rotation): a code or refresh token that comes a
second time ends the whole grant, because then two parties hold it.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.events import Reason
from application_platform.tokens import clients
from application_platform.tokens.oauth import OAuthRefusal

CODE_LIFE = timedelta(seconds=60)
OFFLINE_LIFE = timedelta(days=30)
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")

metadata = sa.MetaData()

app_grant = sa.Table(
    "app_grant",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("session_id", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("person_id", sa.Text, nullable=False),
    sa.Column("commission_id", sa.Text),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("doors", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("nonce", sa.Text),
    sa.Column("offline", sa.Boolean, nullable=False),
    sa.Column("signed_in_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("ended_at", sa.TIMESTAMP(timezone=True)),
    sa.Column("ended_because", sa.Text),
    sa.Column("patient", sa.Text),
    sa.Column("encounter", sa.Text),
    sa.Column("intent", sa.Text),
    sa.Column("fhir_context", pg.JSONB(none_as_null=True)),
    sa.Column("banner", sa.Boolean, nullable=False),
    sa.Column("begun_at", sa.TIMESTAMP(timezone=True)),
)

authorization_code = sa.Table(
    "authorization_code",
    metadata,
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("grant_id", sa.Text, nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("challenge", sa.Text, nullable=False),
    sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("used_at", sa.TIMESTAMP(timezone=True)),
)

refresh_token = sa.Table(
    "refresh_token",
    metadata,
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("grant_id", sa.Text, nullable=False),
    sa.Column("issued_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("used_at", sa.TIMESTAMP(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """Person, commission, scopes and context as they were when the app was let in; `id` is the `sid` of its tokens."""

    id: str
    session_id: str
    client_id: str
    person_id: str
    commission_id: str | None
    scope: str
    doors: tuple[str, ...]
    nonce: str | None
    offline: bool
    signed_in_at: datetime
    expires_at: datetime
    patient: str | None = None  # the context: whom and what the app was launched about
    encounter: str | None = None
    intent: str | None = None
    fhir_context: list[dict[str, Any]] | None = None
    banner: bool = True  # the app shows who the patient is: no page of ours around it does


class UsedTwice(OAuthRefusal):
    """A code or refresh token came a second time; the caller ends `grant_id` in a transaction of its own."""

    def __init__(self, grant_id: str) -> None:
        super().__init__("invalid_grant", "It has been used before; the grant is ended")
        self.grant_id = grant_id


def invalid_grant(description: str) -> OAuthRefusal:
    return OAuthRefusal("invalid_grant", description)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _grant(row: Any) -> Grant:
    values: dict[str, Any] = {name: getattr(row, name) for name in Grant.__dataclass_fields__}
    return Grant(**{**values, "doors": tuple(row.doors)})


async def begin(tx: AsyncConnection, grant: Grant, *, redirect_uri: str, challenge: str, at: datetime) -> str:
    """Keeps the grant and returns its authorization code (60 seconds, one use)."""
    code = secrets.token_urlsafe(32)
    columns = {name: getattr(grant, name) for name in Grant.__dataclass_fields__}
    await tx.execute(app_grant.insert().values({**columns, "doors": list(grant.doors), "begun_at": at}))
    await tx.execute(
        authorization_code.insert().values(
            hash=_hash(code),
            grant_id=grant.id,
            redirect_uri=redirect_uri,
            challenge=challenge,
            expires_at=at + CODE_LIFE,
        )
    )
    return code


def new_id() -> str:
    return str(uuid4())


async def redeem_code(
    tx: AsyncConnection, code: str, *, client_id: str, redirect_uri: str, verifier: str, at: datetime
) -> Grant:
    """The grant of a code; refuses a code that is unknown, late, another client's, or without its PKCE verifier."""
    query = sa.select(authorization_code).where(authorization_code.c.hash == _hash(code)).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    grant = await load(tx, row.grant_id) if row is not None else None
    if row is None or grant is None or grant.client_id != client_id:
        raise invalid_grant("The code is not known")
    if row.used_at is not None:
        raise UsedTwice(row.grant_id)
    if row.expires_at <= at:
        raise invalid_grant("The code is too old")
    if row.redirect_uri != redirect_uri:
        raise invalid_grant("redirect_uri is not the one of the authorization request")
    if not _proves(verifier, row.challenge):
        raise invalid_grant("code_verifier does not fit the code_challenge")
    used = authorization_code.update().where(authorization_code.c.hash == row.hash)
    await tx.execute(used.values(used_at=at))
    return grant


def _proves(verifier: str, challenge: str) -> bool:
    """RFC 7636 §4.6 with S256, the only method we take."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, challenge.encode())


async def new_refresh_token(tx: AsyncConnection, grant_id: str, at: datetime) -> str:
    token = secrets.token_urlsafe(32)
    await tx.execute(refresh_token.insert().values(hash=_hash(token), grant_id=grant_id, issued_at=at))
    return token


async def redeem_refresh_token(tx: AsyncConnection, token: str, *, client_id: str, at: datetime) -> Grant:
    """The grant of a refresh token, which is used up by this; a second use raises UsedTwice."""
    query = sa.select(refresh_token).where(refresh_token.c.hash == _hash(token)).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    grant = await load(tx, row.grant_id) if row is not None else None
    if row is None or grant is None or grant.client_id != client_id:
        raise invalid_grant("The refresh token is not known")
    if row.used_at is not None:
        raise UsedTwice(row.grant_id)
    await tx.execute(refresh_token.update().where(refresh_token.c.hash == row.hash).values(used_at=at))
    return grant


async def load(tx: AsyncConnection, grant_id: str) -> Grant | None:
    """The grant unless it has ended; None then."""
    query = sa.select(app_grant).where(app_grant.c.id == grant_id)
    row = (await tx.execute(query)).one_or_none()
    return _grant(row) if row is not None else None


async def ended(tx: AsyncConnection, grant_id: str, at: datetime) -> bool:
    """Whether the grant is over: ended, expired or unknown."""
    living = (app_grant.c.ended_at.is_(None), app_grant.c.expires_at > at)
    return not await tx.scalar(sa.select(sa.exists().where(app_grant.c.id == grant_id, *living)))


async def of_refresh_token(tx: AsyncConnection, token: str) -> Grant | None:
    """The grant that a refresh token belongs to, used or not."""
    grant_id = await tx.scalar(sa.select(refresh_token.c.grant_id).where(refresh_token.c.hash == _hash(token)))
    return await load(tx, grant_id) if grant_id is not None else None


async def end(tx: AsyncConnection, grant_id: str, reason: Reason, at: datetime) -> bool:
    """Ends a grant; False when it was over already."""
    update = app_grant.update().where(app_grant.c.id == grant_id, app_grant.c.ended_at.is_(None))
    return (await tx.execute(update.values(ended_at=at, ended_because=reason))).rowcount > 0


@dataclass(frozen=True, slots=True)
class Held:
    """A living grant in the list that its owner sees."""

    id: str
    client_id: str
    app: str
    scope: str
    offline: bool
    since: datetime
    until: datetime


async def living(tx: AsyncConnection, person_id: str, at: datetime) -> list[Held]:
    """The apps that a person has let in and that still are, the latest first."""
    column = app_grant.c
    mine = (column.person_id == person_id, column.ended_at.is_(None), column.expires_at > at)
    names = sa.select(app_grant, clients.client.c.name).join(clients.client, clients.client.c.id == column.client_id)
    begun = sa.func.coalesce(column.begun_at, column.signed_in_at)
    rows = (await tx.execute(names.where(*mine).order_by(begun.desc(), column.id))).all()
    return [
        Held(row.id, row.client_id, row.name, row.scope, row.offline, row.begun_at or row.signed_in_at, row.expires_at)
        for row in rows
    ]


async def end_all(tx: AsyncConnection, which: sa.ColumnElement[bool], reason: Reason, at: datetime) -> list[str]:
    """Ends every living grant that `which` says of; returns their ids."""
    update = app_grant.update().where(which, app_grant.c.ended_at.is_(None)).values(ended_at=at, ended_because=reason)
    return list((await tx.execute(update.returning(app_grant.c.id))).scalars().all())


async def end_online(tx: AsyncConnection, session_id: str, reason: Reason, at: datetime) -> list[str]:
    """Ends what lives only with the browser session (everything but offline grants); returns the ended ids."""
    column = app_grant.c
    return await end_all(tx, (column.session_id == session_id) & column.offline.is_(False), reason, at)
