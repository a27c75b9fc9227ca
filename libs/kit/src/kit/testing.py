"""What tests of every service need: databases cloned from a migrated template, tokens, topics, a stand-in producer."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from sqlalchemy.engine import make_url

from kit.auth import Verifier
from kit.caller import CallerKind, Commission
from kit.db import Database
from kit.kafka import Topic, delete_topics, ensure_topics
from kit.migrate import migrate
from kit.outbox import LARGEST_MESSAGE, Message

_LOCK = 0x6B69740003  # advisory lock of the administrator's database: "kit", templates
A_COMMISSION = Commission(
    id="commission-1",
    unit="SE2321000016-1001",
    unit_name="Medicinkliniken",
    provider="SE2321000016-0001",
    provider_name="Region Norr",
    role="Läkare",
)


async def template_database(admin_url: str, package: str, *, mode: str = "demo") -> str:
    """The name of a database with this package's migrations applied; made once per content of the migrations."""
    family = f"template_{package}_{mode}_"
    name = family + _fingerprint(package)
    admin = await asyncpg.connect(admin_url)
    try:
        while not await admin.fetchval("select pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        if not await admin.fetchval("select 1 from pg_database where datname = $1", name):
            stale = await admin.fetch("select datname from pg_database where starts_with(datname, $1)", family)
            for row in stale:  # of earlier migrations, or of a run that was cut off
                await admin.execute(f'drop database if exists "{row["datname"]}" with (force)')
            unfinished = f"{name}_{secrets.token_hex(3)}"
            await admin.execute(f'create database "{unfinished}"')
            await migrate(database_url(admin_url, unfinished), package, mode=mode)
            await admin.execute(f'alter database "{unfinished}" rename to "{name}"')
    finally:
        await admin.close()
    return name


@asynccontextmanager
async def fresh_database(admin_url: str, package: str, *, mode: str = "demo") -> AsyncIterator[str]:
    """The URL of a database of one's own, migrated, dropped afterwards (D13)."""
    template = await template_database(admin_url, package, mode=mode)
    name = f"test_{package}_{secrets.token_hex(5)}"
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute(f'create database "{name}" template "{template}"')
        yield database_url(admin_url, name)
    finally:
        await admin.execute(f'drop database if exists "{name}" with (force)')
        await admin.close()


async def truncate(db: Database) -> None:
    """Empties every table but the region's row and alembic's."""
    async with db.pool.acquire() as connection:
        names = await connection.fetch(
            "select quote_ident(relname) as name from pg_class where relkind in ('r', 'p') and not relispartition"
            " and relnamespace = 'public'::regnamespace and relname not in ('alembic_version', 'region')"
        )
        await connection.execute(f"truncate {', '.join(row['name'] for row in names)} restart identity cascade")


def database_url(admin_url: str, name: str) -> str:
    return make_url(admin_url).set(database=name).render_as_string(hide_password=False)


@asynccontextmanager
async def fresh_topics(bootstrap: str, names: Sequence[str], *, partitions: int = 3) -> AsyncIterator[str]:
    """Creates these topics in a region of their own and gives the region's name; removes them afterwards."""
    region = f"t{secrets.token_hex(5)}"
    largest = {"max.message.bytes": str(LARGEST_MESSAGE)}
    topics = [Topic(f"{region}.{name}", partitions, config=largest) for name in names]
    await ensure_topics(bootstrap, topics)
    try:
        yield region
    finally:
        await delete_topics(bootstrap, [topic.name for topic in topics])


class Told:
    """Stands in for the Kafka producer: keeps what was sent."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def send_all(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)


class TestIssuer:
    """The application platform's signing, in a test: an ES256 key pair, its JWKS, tokens for anyone."""

    __test__ = False  # pytest: not a test class

    def __init__(self, issuer: str = "http://localhost:8080", *, kid: str = "test-1") -> None:
        self.issuer = issuer
        self.key = ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})

    def jwks(self) -> dict[str, Any]:
        """The public half, as /auth/jwks would show it."""
        return dict(KeySet([self.key]).as_dict(private=False))

    def verifier(self, audience: str) -> Verifier:
        """A Verifier that has these keys already and never calls anyone; `audience` is a door, e.g. "/vis/fhir"."""
        verifier = Verifier("http://keys.invalid", self.issuer, self.issuer + audience)
        verifier.use(self.jwks())
        return verifier

    def token(
        self,
        kind: CallerKind = "staff",
        *,
        subject: str = "SE2321000016-person-1",
        audience: Sequence[str] = ("/vis/fhir", "/fhir", "/exchange", "/portal"),
        scope: str = "",
        commission: Commission | None = A_COMMISSION,
        patient: str | None = None,
        **claims: Any,
    ) -> str:
        """A signed token; further claims (exp, iss, sid, client_id …) by keyword, and `typ` of its header."""
        typ = claims.pop("typ", "at+jwt")
        now = int(time.time())
        ours: dict[str, Any] = {"kind": kind, "name": "Test Testsson"}
        by_default = commission is A_COMMISSION  # which only staff have
        if commission is not None and (kind == "staff" or (kind == "system" and not by_default)):
            ours["commission"] = _claims(commission)
        body = {
            "iss": self.issuer,
            "sub": subject,
            "aud": [self.issuer + door for door in audience],
            "iat": now,
            "exp": now + 600,
            "jti": secrets.token_hex(8),
            "client_id": "test",
            "scope": scope or {"staff": "user/*.cruds", "patient": "patient/*.rs", "system": "system/*.cruds"}[kind],
            "sid": "session-1",
            "fvm": ours,
            **({"patient": patient} if patient is not None else {}),
            **claims,
        }
        header = {"alg": "ES256", "kid": self.key.kid, "typ": typ}
        return jwt.encode(header, body, self.key, algorithms=["ES256"])

    def headers(self, kind: CallerKind = "staff", **more: Any) -> dict[str, str]:
        """The Authorization header of such a token."""
        return {"Authorization": f"Bearer {self.token(kind, **more)}"}


def _claims(commission: Commission) -> dict[str, Any]:
    names = ("id", "unit", "unit_name", "provider", "provider_name", "role", "purpose")
    return {**{name: getattr(commission, name) for name in names}, "rights": sorted(commission.rights)}


def _fingerprint(package: str) -> str:
    """Changes with any migration, and with the kit's own part of them."""
    folder = Path(str(files(package))) / "migrations"
    digest = hashlib.blake2b(digest_size=6)
    for path in (*sorted(folder.glob("*.py")), Path(__file__).parent / "migrate.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()
