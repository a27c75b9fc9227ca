"""The rows of one page: by one statement, stretch by stretch of time, or sorted outside SQL."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import asyncpg

from fhirserver.engine import Engine
from fhirserver.search import sorting
from fhirserver.search.cursor import Position
from fhirserver.search.order import in_sql
from fhirserver.search.plan import Plan
from fhirserver.search.ranges import instant
from fhirserver.search.stretches import lifetime, stretches
from kit.db import Connection


async def rows_of(
    con: Connection, engine: Engine, made: Plan, limit: int, after: Position | None
) -> tuple[list[asyncpg.Record], Callable[[asyncpg.Record], tuple[Any, ...]]]:
    """Up to one more than a page, in the order of reading, and what the sort values of a row are."""
    sort = made.query.sort
    if not in_sql(sort):
        found = made.some(sorting.MOST + 1)
        every = await con.fetch(found.text, *found.values)
        await engine.codec.ready(con, [row["body"] for row in every])
        rows, values = await sorting.page(every, sort, engine.codec.unpack, limit, after)
        return rows, lambda row: values[row["key"]]
    rows = await _in_stretches(con, made, limit, after) if made.by_time else await _page(con, made, limit, after)
    names = [f"s{place}" for place in range(max(len(sort), 1))]
    return rows, lambda row: tuple(row[name] for name in names)


async def _page(
    con: Connection, made: Plan, limit: int, after: Position | None, within: tuple[datetime, datetime] | None = None
) -> list[asyncpg.Record]:
    statement = made.page(limit, after, within)
    return list(await con.fetch(statement.text, *statement.values))


async def _in_stretches(con: Connection, made: Plan, limit: int, after: Position | None) -> list[asyncpg.Record]:
    """The same page, put together from stretches of time in its order."""
    newest_first = made.query.sort[0].descending != (after is not None and after.back)
    begin, end = await lifetime(con)
    if after is not None:
        at = instant(after.values[0])
        begin, end = (begin, min(at, end)) if newest_first else (max(at, begin), end)
    rows: list[asyncpg.Record] = []
    for within in stretches(begin, end, newest_first=newest_first):
        rows += await _page(con, made, limit - len(rows), after, within)
        if len(rows) > limit:
            break
    return rows
