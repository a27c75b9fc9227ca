"""Migrations: forward, once, the same tables as the code says; the region's row; databases cloned for tests."""

import asyncio

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from kit import inbox, outbox, region
from kit.db import Database, driver
from kit.migrate import migrate
from kit.region import WrongMode
from kit.testing import fresh_database, truncate


async def test_the_tables_are_what_the_code_says(db: Database) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        known = [outbox.metadata, inbox.metadata, region.metadata]
        return [found for found in compare_metadata(context, known) if not str(found[0]).startswith("remove_")]

    async with db.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_two_runners_at_once_migrate_once(postgres_url: str) -> None:
    async with fresh_database(postgres_url, "sample_service") as url:
        database = Database(url)
        async with database.transaction() as tx:
            await (await driver(tx)).execute("drop schema public cascade; create schema public")

        await asyncio.gather(*(migrate(url, "sample_service", mode="production") for _ in range(3)))

        async with database.transaction() as tx:
            found = await region.check_mode(tx, "production")
        await database.stop()

    assert (found.epoch, len(found.hash_key)) == (1, 32)


async def test_a_database_serves_only_the_mode_it_was_born_in(db: Database) -> None:
    async with db.transaction() as tx:
        assert (await region.check_mode(tx, "demo")).mode == "demo"
        with pytest.raises(WrongMode, match="FVM_MODE=production"):
            await region.check_mode(tx, "production")


async def test_truncating_keeps_the_region_and_the_version(db: Database) -> None:
    await db.pool.execute("insert into note (event) values ('x')")
    await truncate(db)

    assert await db.pool.fetchval("select count(*) from note") == 0
    assert await db.pool.fetchval("select count(*) from region") == 1
    assert await db.pool.fetchval("select version_num from alembic_version") == "0002"


async def test_decimals_in_json_keep_their_precision(db: Database) -> None:
    async with db.transaction() as tx:
        value = (
            await tx.execute(sa.select(sa.type_coerce(sa.literal_column("""'{"a": 1.00}'::jsonb"""), sa.JSON)))
        ).scalar()
        kept = (await tx.execute(sa.select(sa.cast(sa.literal(value, sa.JSON), sa.Text)))).scalar()

    assert str(value["a"]) == "1.00"
    assert "1.00" in str(kept)
