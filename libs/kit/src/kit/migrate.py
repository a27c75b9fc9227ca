"""Migrations: forward only, one runner at a time, one env.py for every service (kit/alembic/env.py)."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command, op
from alembic.config import Config

from kit.db import Database

_LOCK = 0x6B69740001  # advisory lock of this database: "kit", migrations


async def migrate(url: str, package: str, *, mode: str = "production") -> None:
    """Brings the database to the newest migration in `<package>/migrations/NNNN_name.py`.

    `mode` is what a newborn database's region row will say (D19). Two runners at once: the second waits, then
    finds nothing to do. Each migration is a transaction of its own. Raises alembic.util.CommandError on a gap.
    """
    folder = Path(str(files(package.removesuffix(".migrations")))) / "migrations"
    database = Database(url)
    try:
        async with _alone(database), database.engine.connect() as connection:
            await connection.run_sync(_upgrade, folder, mode)
    finally:
        await database.stop()


def configuration(folder: Path) -> Config:
    """What alembic needs to know; also for `new-migration`."""
    config = Config()
    config.set_main_option("script_location", _verbatim(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", _verbatim(folder))
    config.set_main_option("path_separator", "newline")
    return config


def _upgrade(connection: sa.Connection, folder: Path, mode: str) -> None:
    config = configuration(folder)
    config.attributes["connection"] = connection
    config.attributes["mode"] = mode
    command.upgrade(config, "head")


def _verbatim(path: Path) -> str:
    return str(path).replace("%", "%%")  # configparser interpolates


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    """Holds the lock on a connection of its own. Polls: a waiting statement would block `create index concurrently`."""
    connection = await database.connect()
    try:
        while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        yield
    finally:
        await connection.close()  # and with it the lock


# What the first migration of every service calls. The text is frozen: a change is a new function and a new migration.


def create_region() -> None:
    """The region row (D19): mode as the runner was told, epoch 1, a random key for this database's hashes."""
    op.execute("""
        create table region (
            "only" smallint primary key default 1 constraint region_only_one_check check ("only" = 1),
            mode text not null constraint region_mode_check check (mode in ('demo', 'production')),
            epoch integer not null default 1,
            hash_key bytea not null,
            born_at timestamptz not null default now()
        )""")
    mode: Any = op.get_context().opts["region_mode"]
    row = {"mode": mode, "hash_key": secrets.token_bytes(32)}
    op.get_bind().execute(sa.text("insert into region (mode, hash_key) values (:mode, :hash_key)"), row)


def create_outbox() -> None:
    """The outbox: emptied all the time, so it is vacuumed often; values are compressed already, so not again."""
    op.execute("""
        create table outbox (
            id bigint generated always as identity primary key,
            topic text not null,
            key text,
            headers bytea not null,
            value bytea not null,
            at timestamptz not null default now()
        ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
                autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000)""")
    op.execute("alter table outbox alter column value set storage external")


def create_inbox() -> None:
    """The inbox (events seen), positions per partition, messages that wait with their key, and parked ones."""
    op.execute("create table inbox (event uuid primary key, at timestamptz not null default now())")
    op.execute("create index inbox_at_idx on inbox using brin (at)")
    op.execute("""
        create table inbox_position (
            reader text, topic text, partition integer,
            position bigint not null,
            primary key (reader, topic, partition)
        ) with (fillfactor = 50)""")
    message = """
            id bigint generated always as identity primary key,
            reader text not null,
            topic text not null,
            partition integer not null,
            "offset" bigint not null,
            key text,
            headers bytea not null,
            value bytea not null,
            at timestamptz not null default now()"""
    op.execute(f"""
        create table inbox_waiting ({message},
            lane text not null,
            attempts integer not null default 0,
            next_at timestamptz not null default now(),
            error text not null
        )""")
    op.execute("create index inbox_waiting_lane_idx on inbox_waiting (reader, topic, lane, id)")
    op.execute(f"create table inbox_parked ({message}, code text not null, reason text not null)")
    for table in ("inbox_waiting", "inbox_parked"):
        op.execute(f"alter table {table} alter column value set storage external")


def create_revoked_sessions() -> None:
    """Sessions whose tokens are refused until they would have ended by themselves (kit.sessions)."""
    op.execute("""
        create table revoked_session (
            id text primary key,
            until timestamptz not null,
            at timestamptz not null default now()
        )""")


def create_operations() -> None:
    """What operators did: a parked message that was given up stays, with who and why; every act is written down."""
    op.execute("alter table inbox_parked add column given_up_at timestamptz")
    op.execute("""
        create table operation (
            id bigint generated always as identity primary key,
            at timestamptz not null default now(),
            operator text not null,
            act text not null,
            what text not null,
            reason text not null
        )""")


def create_keys() -> None:
    """Keys that can be destroyed (kit.keyring), in a schema of their own so that a backup can leave them out; and the orders of
    destruction that this database must follow (D8). `owner` is whom a key is of; `maker` the service that made it, '' our own."""
    op.execute("create schema keys")
    op.execute("""
        create table keys.data_key (
            id bigint primary key,
            owner bigint not null,
            maker text not null default '',
            wrapped bytea,
            made_at timestamptz not null default now(),
            retired_at timestamptz,
            destroyed_at timestamptz,
            constraint data_key_ends check ((wrapped is null) = (destroyed_at is not null))
        )""")
    op.execute("create unique index data_key_current on keys.data_key (owner) where retired_at is null and maker = ''")
    op.execute("create index data_key_owner on keys.data_key (owner)")
    # A key of something that names several persons, listed under each.
    op.execute("create table keys.shared (owner bigint, key bigint, primary key (owner, key))")
    op.execute("create index data_key_retired on keys.data_key (retired_at) where retired_at is not null")
    op.execute("""
        create table erasure_task (
            id uuid primary key,
            value bytea not null,
            at timestamptz not null default now(),
            retired_at timestamptz,
            restored boolean not null default false,
            done_at timestamptz,
            proof bytea
        )""")
    op.execute("create index erasure_task_open on erasure_task (at) where done_at is null")
