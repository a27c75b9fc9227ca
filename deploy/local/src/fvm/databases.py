"""One database and one role per service, made from the administrator's URL."""

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from fvm.memory import Memory
from fvm.trouble import Trouble

CONNECTIONS = 40  # per role: the pools, the relay and the inbox of one service under load
OLDEST = 15
PATIENCE = 10.0  # seconds a server may take to answer
_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED, https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
NOT_A_URL = "FVM_POSTGRES_URL cannot be understood; it looks like postgresql://user:password@host:5432/postgres"


@dataclass(frozen=True, slots=True)
class Admin:
    """The administrator's door to one PostgreSQL; `ours` when it is the region's own server."""

    url: str
    ours: bool

    def url_for(self, role: str, password: str, database: str = "") -> str:
        """The same server, seen by a role of ours in the database of the same name, or another one of its own."""
        parts = urlsplit(self.url)
        where = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, f"{role}:{password}@{where}", f"/{database or role}", parts.query, ""))


async def prepare(
    admin: Admin, memory: Memory, names: Sequence[str], adopt: bool = False, most: int = CONNECTIONS
) -> None:
    """Creates what is missing and sets each role's password and budget of connections.

    Raises Trouble when a database of that name belongs to another region (unless `adopt`).
    """
    connection = await connect(admin.url)
    try:
        if connection.get_server_version().major < OLDEST:
            raise Trouble("PostgreSQL 15 or newer is needed; the server of FVM_POSTGRES_URL is older.")
        for name in names:
            await _one(connection, name, memory, adopt, most)
    except asyncpg.InsufficientPrivilegeError as refused:
        raise Trouble(f"The user of FVM_POSTGRES_URL may not create databases and roles: {refused}") from refused
    finally:
        await connection.close()


async def drop(admin: Admin, memory: Memory, names: Sequence[str]) -> list[str]:
    """Removes the databases and roles that this region made; leaves any other. Returns the names removed."""
    connection = await connect(admin.url)
    removed = []
    try:
        for name in names:
            if await _owner(connection, name) == _mark(memory):
                await connection.execute(f'drop database "{name}" with (force)')
                await connection.execute(f'drop role if exists "{name}"')
                removed.append(name)
    finally:
        await connection.close()
    return removed


async def connect(url: str) -> asyncpg.Connection:
    """One administrator's connection; Trouble (without any password in it) says why there is none."""
    at = place(url)
    try:
        return await asyncpg.connect(url, timeout=PATIENCE)
    except ssl.SSLCertVerificationError as strange:  # which is a ValueError and an OSError, too
        why = "its certificate has expired" if strange.verify_code == _EXPIRED else strange.verify_message
        raise Trouble(f"PostgreSQL at {at} shows a certificate that is not trusted: {why} (sslrootcert).") from strange
    except (ValueError, asyncpg.InterfaceError) as wrong:
        raise Trouble(NOT_A_URL, 2) from wrong
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as wrong:
        raise Trouble(
            f"PostgreSQL at {at} refuses the user or password of FVM_POSTGRES_URL; correct them there."
        ) from wrong
    except asyncpg.InvalidCatalogNameError as wrong:
        raise Trouble(f"PostgreSQL at {at} has no such database as FVM_POSTGRES_URL names; use postgres.") from wrong
    except (OSError, TimeoutError, socket.gaierror) as away:
        raise Trouble(f"PostgreSQL does not answer at {at}; start it, or correct FVM_POSTGRES_URL.") from away
    except asyncpg.PostgresError as refused:
        raise Trouble(f"PostgreSQL at {at} refuses: {refused}") from refused


async def _one(connection: asyncpg.Connection, name: str, memory: Memory, adopt: bool, most: int) -> None:
    exists = await connection.fetchval("select true from pg_database where datname = $1", name)
    if exists and not adopt and await _owner(connection, name) != _mark(memory):
        raise Trouble(
            f"The PostgreSQL server already has a database {name} of another region; give this one a name of its own "
            "(FVM_REGION=north), or take that one over with `fvm up --adopt`."
        )
    known = await connection.fetchval("select true from pg_roles where rolname = $1", name)
    verb = "alter" if known else "create"
    password = memory.password(name).replace("'", "''")
    await connection.execute(f"{verb} role \"{name}\" login password '{password}' connection limit {most}")
    if not exists:
        await create(connection, name, name)
    await mark(connection, name, memory)


async def mark(connection: asyncpg.Connection, name: str, memory: Memory) -> None:
    """Says whose database it is."""
    await connection.execute(f"comment on database \"{name}\" is '{_mark(memory)}'")


async def create(connection: asyncpg.Connection, name: str, owner: str) -> None:
    """An empty database of this role."""
    # Without this grant only a superuser could give the database to the role.
    await connection.execute(f'grant "{owner}" to current_user')
    create = (
        f"create database \"{name}\" owner \"{owner}\" template template0 encoding 'UTF8' lc_collate 'C' lc_ctype '%s'"
    )
    try:
        await connection.execute(create % "C.UTF-8")
    except asyncpg.PostgresError:  # a server whose system has no C.UTF-8
        await connection.execute(create % "C")
    await connection.execute(f'revoke all on database "{name}" from public')


async def _owner(connection: asyncpg.Connection, name: str) -> str | None:
    told: str | None = await connection.fetchval(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = $1", name
    )
    return told


def _mark(memory: Memory) -> str:
    return f"fvm region {memory.id}"


def place(url: str) -> str:
    """host:port of a PostgreSQL URL, without its secrets; "" where there is none. Trouble for what is no such URL."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError as wrong:
        raise Trouble(NOT_A_URL, 2) from wrong
    if parts.scheme not in ("postgresql", "postgres"):
        raise Trouble(NOT_A_URL, 2)
    return f"{parts.hostname or 'localhost'}:{port}"
