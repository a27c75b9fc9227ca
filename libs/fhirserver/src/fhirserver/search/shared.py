"""Searches that are asked at the same time and differ in their values only are one statement: one round trip, one plan (D7).

A round trip costs the process, the database and the two wake-ups between them more than finding twenty rows by an index
(docs/explanation/performance.md).
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import asyncpg

from fhirserver.flights import Flights

_VALUE = re.compile(r"\$(\d+)::(\w+(?:\[\])?)")
_ANY = re.compile(r"\$\d")

Pool = asyncpg.Pool
Rows = list[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class Joined:
    """A statement for many: `text`, and which values of the one it is made from are columns, and which are the same for all."""

    text: str
    columns: Sequence[int]
    same: Sequence[int]


@dataclass(slots=True, eq=False)
class _Wish:
    text: str
    values: tuple[Any, ...]
    answer: "asyncio.Future[Rows]"

    @property
    def kind(self) -> tuple[object, ...]:
        """What must be the same in those that go together: the text and each value that is a list."""
        return self.text, *(tuple(one) if isinstance(one, list) else None for one in self.values)


class Shared:
    """Has `fetch` as a connection has it, for statements of one row each or of few rows in order.

    Alone, a statement runs as it is. Raises what the database raises; others that came along do not notice.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._flights = Flights(self._carry)

    async def fetch(self, text: str, *values: Any) -> Rows:
        wish = _Wish(text, values, asyncio.get_running_loop().create_future())
        self._flights.add(wish)
        return await wish.answer

    async def _carry(self, wishes: list[_Wish]) -> None:
        groups: dict[tuple[object, ...], list[_Wish]] = {}
        for wish in wishes:
            groups.setdefault(wish.kind, []).append(wish)
        try:
            async with self._pool.acquire() as connection:
                for group in groups.values():
                    await _together(connection, group)
        except Exception as error:  # noqa: BLE001 — whatever it was, nobody may wait for ever
            for wish in wishes:
                _fail(wish, error)


async def _together(con: Any, wishes: list[_Wish]) -> None:
    made = joined(wishes[0].text) if len(wishes) > 1 else None
    if made is None:
        for wish in wishes:
            await _alone(con, wish)
        return
    columns = [[wish.values[place] for wish in wishes] for place in made.columns]
    try:
        rows = await con.fetch(made.text, *columns, *(wishes[0].values[place] for place in made.same))
    except (asyncpg.DataError, asyncpg.QueryCanceledError):  # somebody's value, or somebody's many rows
        for wish in wishes:
            await _alone(con, wish)
        return
    found: list[Rows] = [[] for _ in wishes]
    for row in rows:
        found[row["n"] - 1].append(row)
    for wish, mine in zip(wishes, found, strict=True):
        if not wish.answer.done():
            wish.answer.set_result(mine)


async def _alone(con: Any, wish: _Wish) -> None:
    if wish.answer.done():
        return
    try:
        rows = await con.fetch(wish.text, *wish.values)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if isinstance(error, asyncpg.PostgresConnectionError | asyncpg.InterfaceError):
            raise
        _fail(wish, error)
    else:
        if not wish.answer.done():
            wish.answer.set_result(rows)


@lru_cache(maxsize=2_000)
def joined(text: str) -> Joined | None:
    """The statement for many; None when it has no value to tell them apart by, or one whose type it does not say.

    Rows come in the order of the wishes, and each one's in its own: a lateral join runs the one after the other.
    """
    casts = {int(number): cast for number, cast in _VALUE.findall(text)}
    if len(_ANY.findall(text)) != len(_VALUE.findall(text)):
        return None
    columns = [number for number, cast in sorted(casts.items()) if not cast.endswith("[]")]
    same = [number for number, cast in sorted(casts.items()) if cast.endswith("[]")]
    if not columns:
        return None
    places = {number: place for place, number in enumerate([*columns, *same], 1)}

    def put(found: re.Match[str]) -> str:
        number, cast = int(found[1]), found[2]
        return f"${places[number]}::{cast}" if cast.endswith("[]") else f"many.v{number}"

    arrays = ", ".join(f"${places[number]}::{casts[number]}[]" for number in columns)
    names = ", ".join(f"v{number}" for number in columns)
    inner = _VALUE.sub(put, text)
    made = (
        f"select q.*, many.n from unnest({arrays}) with ordinality as many({names}, n) cross join lateral ({inner}) q"
    )
    return Joined(made, [number - 1 for number in columns], [number - 1 for number in same])


def _fail(wish: _Wish, error: Exception) -> None:
    if not wish.answer.done():
        wish.answer.set_exception(error)
        wish.answer.exception()  # a caller that went away must not make a warning of it
