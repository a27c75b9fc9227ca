"""Orders that SQL cannot make: by codes, references and uris, which stand there only as hashes.

The matches are read whole, up to a limit, and sorted by the values of their bodies; a position is found among them by value,
so pages are stable while others write, as they are in SQL.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from fhircore.extract import DATE, NUMBER, QUANTITY, REFERENCE, STRING, TEXT, TOKEN, URI, extractor
from fhircore.query import Sort
from fhircore.types import NAMES
from fhirserver.bodies import parsed
from fhirserver.index import folded
from fhirserver.problems import NotSupported
from fhirserver.search.cursor import Position

MOST = 10_000  # resources that are sorted so
_BREATH = 200

Value = Any
Row = tuple[tuple[Value, ...], int, int, asyncpg.Record | None]
"""Sort values (None: it has none), key, a tie-breaker (0 for rows), and the row itself."""


async def page(
    rows: Sequence[asyncpg.Record], sort: Sequence[Sort], unpack: Callable[[bytes, int], bytes], limit: int,
    after: Position | None,
) -> tuple[list[asyncpg.Record], dict[int, tuple[Value, ...]]]:  # fmt: skip
    """The rows of one page plus one, in order (from the far end when it looks back), and sort values by key."""
    if len(rows) > MOST:
        names = ", ".join(one.param.name for one in sort)
        raise NotSupported(f"More than {MOST} matches cannot be sorted by {names}; narrow the search", at="_sort")
    found: list[Row] = []
    for place, row in enumerate(rows):
        found.append((_values(row, sort, unpack), row["key"], 0, row))
        if place % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
    mark: Row | None = None
    if after is not None:
        if len(after.values) != len(sort):
            raise NotSupported("The page cursor does not belong to this search", at="_cursor")
        mark = (after.values, after.key, -1 if after.back else 1, None)
        found.append(mark)
    found.sort(key=lambda row: (row[1], row[2]))
    for place, one in reversed(list(enumerate(sort))):
        _by(found, place, descending=one.descending)
    at = found.index(mark) if mark is not None else -1
    kept = found[max(0, at - limit - 1) : at][::-1] if mark and after and after.back else found[at + 1 : at + 2 + limit]
    return [row[3] for row in kept if row[3] is not None], {row[1]: row[0] for row in kept}


def _by(found: list[Row], place: int, *, descending: bool) -> None:
    """One key, stable; what has no value last in both directions."""
    without = [row for row in found if row[0][place] is None]
    with_value = [row for row in found if row[0][place] is not None]
    with_value.sort(key=lambda row: row[0][place], reverse=descending)
    found[:] = with_value + without


def _values(row: asyncpg.Record, sort: Sequence[Sort], unpack: Callable[[bytes, int], bytes]) -> tuple[Value, ...]:
    type_name = NAMES[row["rtype"]]
    read = extractor(type_name)(parsed(unpack(row["body"], row["key"])))
    return tuple(_value(row, one, read) for one in sort)


def _value(row: asyncpg.Record, sort: Sort, read: list[tuple[Any, ...]]) -> Value:
    name, pick = sort.param.name, max if sort.descending else min
    if name == "_id":
        return row["id"]
    if name == "_lastUpdated":
        return int(row["upd"].timestamp() * 1_000_000)
    mine = [value for value in read if value[1] == name]
    texts = [folded(value[2]) for value in mine if value[0] == TEXT]
    if sort.param.type == "token" and texts:
        return pick(texts)
    found = [_READ[value[0]](value, sort.descending) for value in mine if value[0] in _READ]
    return pick(found, default=None)


def _high(value: tuple[Any, ...], descending: bool) -> float:
    return float(value[-1] if descending else value[-2])


_READ: dict[int, Callable[[tuple[Any, ...], bool], Any]] = {
    TOKEN: lambda value, _: value[3],
    REFERENCE: lambda value, _: value[2],
    STRING: lambda value, _: folded(value[2]),
    URI: lambda value, _: value[2],
    DATE: _high,
    NUMBER: _high,
    QUANTITY: _high,
}
