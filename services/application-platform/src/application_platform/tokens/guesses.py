"""Guesses at credentials that fail are counted, and after some of them nobody at that address gets an answer for a while.

The count is per named client and address, and per address over all clients, whether the client exists or not: nothing can be
learned from being refused, and a stranger elsewhere cannot lock a client out.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from fastapi import Request
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

WINDOW = timedelta(minutes=5)
OF_CLIENT, OF_ADDRESS = 20, 200  # failures within the window

failed_guess = sa.Table(
    "failed_guess",
    sa.MetaData(),
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("until", sa.TIMESTAMP(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Guesser:
    """Who tries: an address, and the client or door it names."""

    address: str
    name: str

    @property
    def limits(self) -> dict[bytes, int]:
        return {_key("client", self.address, self.name): OF_CLIENT, _key("address", self.address): OF_ADDRESS}


def guesser(request: Request, name: str) -> Guesser:
    """The address is what our gateway saw (the last of X-Forwarded-For), else the caller itself."""
    seen = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return Guesser(seen or (request.client.host if request.client else ""), name)


def _key(*parts: str) -> bytes:
    # A hash, so that neither addresses nor mistyped names lie in the database.
    return hashlib.sha256("\x00".join(parts).encode()).digest()


async def wait(tx: AsyncConnection, who: Guesser, at: datetime) -> int:
    """Seconds to wait before the next try; 0 when one may try now."""
    column = failed_guess.c
    rows = await tx.execute(sa.select(failed_guess).where(column.key.in_(who.limits), column.until > at))
    over = [row.until for row in rows if row.failures >= who.limits[row.key]]
    return max((int((until - at).total_seconds()) + 1 for until in over), default=0)


async def failed(tx: AsyncConnection, who: Guesser, at: datetime) -> None:
    """Counts a failure; the window begins with the first and starts anew with each while it lasts."""
    column = failed_guess.c
    rows = [{"key": key, "failures": 1, "until": at + WINDOW} for key in sorted(who.limits)]
    insert = pg.insert(failed_guess).values(rows)
    again = sa.case((column.until > at, column.failures + 1), else_=1)
    await tx.execute(
        insert.on_conflict_do_update(index_elements=["key"], set_={"failures": again, "until": insert.excluded.until})
    )
