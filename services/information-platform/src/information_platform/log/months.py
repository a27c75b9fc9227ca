"""The months of the log: partitions made when they are met, and dropped when the law no longer asks for them (LOG-03)."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from kit.db import Connection

TABLES = ("log_batch", "log_entry")
_NAME = re.compile(r"log_batch_y(\d{4})m(\d{2})")
_LOCK = 0x6B6974000A  # advisory lock of this database: "kit", months of the log


def month_of(at: datetime) -> tuple[int, int]:
    """Year and month, in UTC (LOG-10)."""
    at = at.astimezone(UTC)
    return at.year, at.month


async def ensure(con: Connection, moments: Iterable[datetime]) -> None:
    """Makes the partitions that these moments fall into, in the caller's transaction."""
    for year, month in sorted({month_of(at) for at in moments}):
        if await con.fetchval("select to_regclass($1)", _table("log_entry", year, month)) is not None:
            continue
        await con.execute("select pg_advisory_xact_lock($1)", _LOCK)
        for table in TABLES:
            await con.execute(
                f"create table if not exists {_table(table, year, month)} partition of {table}"
                f" for values from ('{_first(year, month)}') to ('{_first(*_next(year, month))}')"
            )


async def drop_before(con: Connection, now: datetime, years: int) -> list[str]:
    """Drops the months that ended more than `years` ago; returns them as 2021-01."""
    dropped = []
    rows = await con.fetch("select inhrelid::regclass::text from pg_inherits where inhparent = 'log_batch'::regclass")
    for (name,) in rows:
        found = _NAME.fullmatch(name)
        if found is None:
            continue
        year, month = int(found[1]), int(found[2])
        ended = _next(year, month)
        if (ended[0] + years, ended[1]) < month_of(now):
            for table in TABLES:
                await con.execute(f"drop table {_table(table, year, month)}")
            dropped.append(f"{year}-{month:02}")
    return sorted(dropped)


def _table(table: str, year: int, month: int) -> str:
    return f"{table}_y{year:04}m{month:02}"


def _first(year: int, month: int) -> str:
    return f"{year:04}-{month:02}-01 00:00:00+00"


def _next(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)
