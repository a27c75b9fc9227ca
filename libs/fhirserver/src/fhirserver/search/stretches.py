"""Stretches of time in which rows are looked for one after the other when their order is that of `upd`.

The index over `upd` (BRIN) is a thousandth of a B-tree's size; it says which rows lie in a stretch, not which come first. So
the newest hour is looked at, then a stretch eight times as long, and so on until a page is full.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from kit.db import Connection

_FIRST, _LONGER = timedelta(hours=1), 8
_SLACK = timedelta(days=1)  # that clocks may differ
_POINT = timedelta(microseconds=1)  # ends are half-open


async def lifetime(con: Connection) -> tuple[datetime, datetime]:
    """From when to when anything here can have been written."""
    born = await con.fetchval("select born_at from region")
    return born - _SLACK, datetime.now(UTC) + _SLACK


def stretches(begin: datetime, end: datetime, *, newest_first: bool) -> Iterator[tuple[datetime, datetime]]:
    """Half-open stretches that together are [begin, end], each longer than the one before."""
    low, high = begin, end + _POINT
    stretch = _FIRST
    now = datetime.now(UTC)
    while low < high:
        if newest_first:
            edge = max(min(high, now) - stretch, low)  # what is ahead of our clock belongs to the first stretch
            yield edge, high
            high = edge
        else:
            edge = min(low + stretch, high)
            yield low, edge
            low = edge
        stretch *= _LONGER
