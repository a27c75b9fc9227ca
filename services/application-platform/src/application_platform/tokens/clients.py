"""Clients: the systems and apps that may ask for tokens, and how each proves who it is."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.tokens.oauth import Credentials, invalid_client
from kit.caller import Commission

# The second OWASP profile for argon2id: 19 MiB, two passes.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked for clients that do not exist, so that their refusal takes as long as any other.
_NOBODY = _HASHER.hash("nobody")
_AT_ONCE = asyncio.Semaphore(2)  # bounds the memory and CPU that guesses can take

client = sa.Table(
    "client",
    sa.MetaData(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("auth", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.Text),
    sa.Column("jwks", pg.JSONB(none_as_null=True)),
    sa.Column("commission", pg.JSONB(none_as_null=True)),
    sa.Column("grants", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("scopes", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("doors", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("redirect_uris", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("approved", sa.Boolean, nullable=False),
    sa.Column("demo", sa.Boolean, nullable=False),
    sa.Column("disabled_at", sa.TIMESTAMP(timezone=True)),
    sa.Column("jwks_url", sa.Text),
    sa.Column("launch_url", sa.Text),
    sa.Column("contact", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Client:
    """`auth`: secret (argon2), key (private_key_jwt with `jwks` or `jwks_url`) or none (a public app, held by PKCE alone)."""

    id: str
    kind: str  # system | app
    name: str
    auth: str
    grants: frozenset[str]
    scopes: tuple[str, ...]
    doors: tuple[str, ...]
    redirect_uris: frozenset[str] = frozenset()
    approved: bool = False  # by the region, after review
    demo: bool = False
    secret_hash: str | None = field(default=None, repr=False)
    jwks: dict[str, Any] | None = None
    commission: Commission | None = None  # the one unit that a system writes for (D3)
    jwks_url: str | None = None
    launch_url: str | None = None  # where a page of ours opens the app
    about: str = ""  # what it does, in the words that people read


async def find(tx: AsyncConnection, client_id: str, *, demo: bool) -> Client | None:
    """The client, unless it is disabled or belongs to demo regions only and this is none."""
    query = sa.select(client).where(client.c.id == client_id, client.c.disabled_at.is_(None))
    row = (await tx.execute(query)).one_or_none()
    if row is None or (row.demo and not demo):
        return None
    return Client(
        id=row.id,
        kind=row.kind,
        name=row.name,
        auth=row.auth,
        grants=frozenset(row.grants),
        scopes=tuple(row.scopes),
        doors=tuple(row.doors),
        redirect_uris=frozenset(row.redirect_uris),
        approved=row.approved,
        demo=row.demo,
        secret_hash=row.secret_hash,
        jwks=row.jwks,
        commission=_commission(row.commission),
        jwks_url=row.jwks_url,
        launch_url=row.launch_url,
        about=row.about,
    )


def _commission(stored: dict[str, Any] | None) -> Commission | None:
    return None if stored is None else Commission(**{**stored, "rights": frozenset(stored["rights"])})


_NEW = {"contact": "", "about": "", "version": 1, "reason": ""}  # what a row begins with where nothing is said


async def save(tx: AsyncConnection, rows: Iterable[dict[str, Any]]) -> None:
    """Registers clients or brings them up to date; a column that is absent keeps what the database has."""
    for row in rows:
        changes = {name: value for name, value in row.items() if name != "id"}
        insert = pg.insert(client).values(_NEW | row)
        await tx.execute(insert.on_conflict_do_update(index_elements=["id"], set_=changes))


async def check_secret(found: Client | None, shown: Credentials) -> Client:
    """The client if the secret is its own; refuses in the same time and words whatever was wrong."""
    usable = found is not None and found.auth == "secret" and found.secret_hash is not None
    stored = found.secret_hash if found is not None and usable and found.secret_hash else _NOBODY
    async with _AT_ONCE:
        right = await asyncio.to_thread(_matches, stored, shown.secret or "")
    if found is None or not usable or not right:
        raise invalid_client(shown.basic)
    return found


def _matches(stored: str, secret: str) -> bool:
    try:
        return _HASHER.verify(stored, secret)
    except VerificationError:
        return False


def hash_secret(secret: str) -> str:
    """The argon2id hash that `client.secret_hash` keeps; takes about 30 ms."""
    return _HASHER.hash(secret)


def is_hash_of(stored: str | None, secret: str) -> bool:
    return stored is not None and _matches(stored, secret)
