"""How sessions rest: the cookie's secret only as a hash, two ends (idle and absolute), and an end that is told."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.events import Reason
from application_platform.identity import store
from application_platform.identity.model import Limits, Person, Session

_SLIDE = timedelta(seconds=60)  # the last use is written at most this often

browser_session = sa.Table(
    "browser_session",
    sa.MetaData(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("person_id", sa.Text, nullable=False),
    sa.Column("commission_id", sa.Text),
    sa.Column("csrf", sa.Text, nullable=False),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("seen_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("ended_at", sa.TIMESTAMP(timezone=True)),
    sa.Column("ended_because", sa.Text),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where and by whom somebody was signed in: the browser in a few words, the issuer that said who it is (empty: we)."""

    agent: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A living session in the list that its owner sees."""

    id: str
    commission_id: str | None
    created_at: datetime
    seen_at: datetime
    agent: str


def _hash(secret: str) -> bytes:
    # The secret has 256 random bits, so a plain hash is enough; argon2 is for what people or operators choose.
    return hashlib.sha256(secret.encode()).digest()


async def begin(
    tx: AsyncConnection, who: Person, commission_id: str | None, at: datetime, limits: Limits, place: Place
) -> tuple[str, Session]:
    """A new session and the secret for its cookie; the secret is not kept."""
    secret = secrets.token_urlsafe(32)
    values: dict[str, Any] = {
        "id": str(uuid4()),
        "secret_hash": _hash(secret),
        "person_id": who.id,
        "commission_id": commission_id,
        "csrf": secrets.token_urlsafe(24),
        "created_at": at,
        "seen_at": at,
        "expires_at": at + limits.absolute,
        "agent": place.agent,
        "issuer": place.issuer,
    }
    await tx.execute(browser_session.insert().values(values))
    found = await store.valid_commission(tx, commission_id, at) if commission_id else None
    return secret, Session(values["id"], who, found, values["csrf"], at, values["expires_at"])


async def find(tx: AsyncConnection, secret: str, at: datetime, limits: Limits) -> Session | None:
    """The living session of a cookie, with its commission as it is today; counts as a use."""
    column = browser_session.c
    living = (column.ended_at.is_(None), column.expires_at > at, column.seen_at > at - limits.idle)
    query = sa.select(browser_session).where(column.secret_hash == _hash(secret), *living)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        return None
    if row.seen_at < at - _SLIDE:
        await tx.execute(browser_session.update().where(column.id == row.id).values(seen_at=at))
    return await _session(tx, row, at)


async def _session(tx: AsyncConnection, row: Any, at: datetime) -> Session:
    who = await store.load(tx, row.person_id)
    found = await store.valid_commission(tx, row.commission_id, at) if row.commission_id else None
    return Session(row.id, who, found, row.csrf, row.created_at, row.expires_at)


async def alive(tx: AsyncConnection, session_id: str, at: datetime, limits: Limits) -> bool:
    """Whether a session still lives; does not count as a use."""
    column = browser_session.c
    living = (column.ended_at.is_(None), column.expires_at > at, column.seen_at > at - limits.idle)
    return bool(await tx.scalar(sa.select(sa.exists().where(column.id == session_id, *living))))


async def place(tx: AsyncConnection, session_id: str) -> Place:
    """Where a session was begun."""
    query = sa.select(browser_session.c.agent, browser_session.c.issuer).where(browser_session.c.id == session_id)
    row = (await tx.execute(query)).one()
    return Place(row.agent, row.issuer)


async def living(tx: AsyncConnection, person_id: str, at: datetime, limits: Limits) -> list[Seen]:
    """The living sessions of a person, the latest first."""
    column = browser_session.c
    alive_now = (column.ended_at.is_(None), column.expires_at > at, column.seen_at > at - limits.idle)
    query = (
        sa.select(browser_session).where(column.person_id == person_id, *alive_now).order_by(column.created_at.desc())
    )
    rows = (await tx.execute(query)).all()
    return [Seen(row.id, row.commission_id, row.created_at, row.seen_at, row.agent) for row in rows]


async def end(tx: AsyncConnection, session_id: str, reason: Reason, at: datetime) -> bool:
    """Ends a session; False when it was over already."""
    column = browser_session.c
    update = browser_session.update().where(column.id == session_id, column.ended_at.is_(None))
    return (await tx.execute(update.values(ended_at=at, ended_because=reason))).rowcount > 0


async def forget(tx: AsyncConnection, before: datetime) -> None:
    """Removes sessions that were over before `before`."""
    column = browser_session.c
    await tx.execute(browser_session.delete().where((column.ended_at < before) | (column.expires_at < before)))
