"""For tests of services that mount the engine: patients who are known to the units of a test, and what the database holds."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import asyncpg
import zstandard

from access import Facts
from fhircore.fold import fold
from fhircore.types import TYPES
from fhirserver.codec import ZSTD, Codec, UnknownFormat
from fhirserver.engine import Engine
from fhirserver.facts import put_facts


async def known_to(pool: asyncpg.Pool, units: Iterable[str]) -> None:
    """Every patient of this database, those stored later too, has a relation to these units: for tests of something else
    than the law."""
    listed = ", ".join(f"('{unit}')" for unit in sorted(units))
    patient = TYPES["Patient"].number
    related = f"""
        insert into access_relation(unit, pat, since, until, ground, source)
        select unit, {{}}, 'epoch', 'infinity', 'list', null from (values {listed}) as u(unit)"""
    await pool.execute(
        f"""
        create function known_to_units() returns trigger language plpgsql as $$
        begin
            if not exists (select 1 from access_relation where pat = new.pat and ground = 'list') then
                {related.format("new.pat")};
            end if;
            return null;
        end $$;
        create trigger known_to_units after insert or update of pat on res for each row
        when (new.pat <> 0) execute function known_to_units();
        """
    )
    await pool.execute(related.format("r.pat") + f", (select key as pat from res where rtype = {patient}) r")


async def facts_of(engine: Engine, patient: str, **facts: Any) -> None:
    """These are now all facts of this patient (see access.Facts), as if the information platform had told them."""
    keys = engine.patient_keys(patient)
    async with engine.db.pool.acquire() as con, con.transaction():
        version = await con.fetchval(
            "select coalesce(max(version), 0) + 1 from access_fact where pat = any($1::bigint[])", keys
        )
        await put_facts(con, keys, Facts(version, **facts))


async def holding(pool: asyncpg.Pool, word: str) -> dict[str, int]:
    """Rows of the database, by table, in which the word stands: as text, as bytes, or in bytes that anybody can decompress."""
    found: dict[str, int] = {}
    tables = await pool.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'keys')"
    )
    for table in (row["name"] for row in tables):
        rows = await pool.fetch(f"select * from {table}")
        count = sum(any(_holds(value, word) for value in row.values()) for row in rows)
        if count:
            found[table] = count
    return found


def _holds(value: Any, word: str) -> bool:
    plain, folded = word.encode(), fold(word).encode()
    if not isinstance(value, bytes):
        text = str(value).encode()
        return plain in text or folded in text
    seen = [value]
    if value[:1] == bytes([ZSTD]):
        with suppress(zstandard.ZstdError, UnknownFormat):
            seen.append(Codec().unpack(value, 0))
    return any(plain in one for one in seen)
