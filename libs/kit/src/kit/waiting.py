"""Messages set aside: those that wait with their key and are tried again in order, and those parked for a human."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import Database, driver
from kit.events import CloudEvent, from_headers
from kit.items import Item, columns, stored
from kit.outbox import read_headers
from kit.problems import Kind, Problem
from kit.telemetry import RECEIVED, describe, enter_trace

Handler = Callable[[AsyncConnection, Sequence[CloudEvent]], Awaitable[None]]

_PASSING = (Kind.UNAVAILABLE, Kind.TOO_MANY, Kind.FAULT)  # refusals of a moment, not of the message
_LONGEST = 300  # seconds between two attempts
_LANES = 100  # due keys taken up in one round
# No pause is that long: the clock has been set back, and the patient must not wait until it has caught up.
_DUE = f"(next_at <= now() or next_at > now() + interval '{2 * _LONGEST} seconds')"

log = structlog.get_logger(__name__)
metadata = sa.MetaData()


def _set_aside(name: str, *columns: sa.Column[object]) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("reader", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("headers", sa.LargeBinary, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        *columns,
    )


inbox_waiting = _set_aside(
    "inbox_waiting",
    sa.Column("lane", sa.Text, nullable=False),  # the key, or a name of its own for a message without one
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("error", sa.Text, nullable=False),
)
sa.Index("inbox_waiting_lane_idx", *(inbox_waiting.c[name] for name in ("reader", "topic", "lane", "id")))
inbox_parked = _set_aside(
    "inbox_parked", sa.Column("code", sa.Text, nullable=False), sa.Column("reason", sa.Text, nullable=False)
)


def passes(error: Exception) -> bool:
    """Whether trying again may help: everything but a refusal of the message itself."""
    return not isinstance(error, Problem) or error.kind in _PASSING


_MESSAGE = 'reader, topic, partition, "offset", key, headers, value'
_WAIT = f"insert into inbox_waiting ({_MESSAGE}, lane, error) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_PARK = f"insert into inbox_parked ({_MESSAGE}, code, reason) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"


async def let_wait(con: asyncpg.Connection, reader: str, items: Sequence[Item], error: str) -> None:
    """Puts messages at the end of their keys' lanes."""
    if items:
        await con.executemany(_WAIT, [(*columns(reader, item), item.lane, error) for item in items])


async def park(con: asyncpg.Connection, reader: str, item: Item, problem: Problem) -> None:
    """Puts a message aside until somebody replays it; its key goes on."""
    await con.execute(_PARK, *columns(reader, item), problem.code, problem.detail)
    RECEIVED.labels(reader, item.topic, "parked").inc()
    place = {"topic": item.topic, "partition": item.row.partition, "offset": item.row.offset}
    log.warning("message parked", reader=reader, code=problem.code, **place)


async def waiting_lanes(con: asyncpg.Connection, reader: str, topic: str, lanes: Sequence[str]) -> set[str]:
    """Which of these keys have messages waiting."""
    if not lanes:
        return set()
    rows = await con.fetch(
        "select l.lane from unnest($3::text[]) as l (lane) where exists"
        " (select from inbox_waiting w where w.reader = $1 and w.topic = $2 and w.lane = l.lane)",
        reader,
        topic,
        list(set(lanes)),
    )
    return {row["lane"] for row in rows}


async def replay(tx: AsyncConnection, parked: int) -> bool:
    """Moves a parked message to its key's lane, where the running inbox takes it up; False when there is none."""
    con = await driver(tx)
    moved = await con.fetchval(
        f"with again as (delete from inbox_parked where id = $1 returning {_MESSAGE})"
        f" insert into inbox_waiting ({_MESSAGE}, lane, error) select {_MESSAGE},"
        """ coalesce(key, '#' || partition || '/' || "offset"), 'replayed' from again returning id""",
        parked,
    )
    return moved is not None


class Lanes:
    """Tries waiting messages again: per key in order, the head first, later each time it fails."""

    def __init__(self, db: Database, reader: str, handlers: Mapping[str, Handler], *, pause: float = 1.0) -> None:
        self._db = db
        self._reader = reader
        self._handlers = handlers
        self._pause = pause  # seconds between two looks, and before the second attempt

    async def run(self) -> None:
        """Runs until cancelled; raises what the database raises."""
        while True:
            for topic, lane in await self._due():
                while await self._head(topic, lane):
                    pass
            await asyncio.sleep(self._pause)

    async def _due(self) -> list[tuple[str, str]]:
        rows = await self._db.pool.fetch(
            "select topic, lane from (select distinct on (topic, lane) topic, lane, next_at from inbox_waiting"
            f" where reader = $1 and topic = any($2) order by topic, lane, id) head where {_DUE} limit $3",
            self._reader,
            list(self._handlers),
            _LANES,
        )
        return [(row["topic"], row["lane"]) for row in rows]

    async def _head(self, topic: str, lane: str) -> bool:
        """Tries the first message of a key. True: it is gone, look at the next one."""
        async with self._db.transaction() as tx:
            con = await driver(tx)
            name = f"{self._reader}/{topic}/{lane}"
            if not await con.fetchval("select pg_try_advisory_xact_lock(hashtextextended($1, 0))", name):
                return False  # another instance is at it
            row = await con.fetchrow(
                f"select *, {_DUE} as due from inbox_waiting"
                " where reader = $1 and topic = $2 and lane = $3 order by id limit 1",
                self._reader,
                topic,
                lane,
            )
            if row is None or not row["due"]:
                return False
            error = await self._attempt(tx, topic, row)
            if error is not None and passes(error):
                await self._later(con, row, error)
                return False
            if isinstance(error, Problem):
                await park(con, self._reader, stored(row), error)
            await con.execute("delete from inbox_waiting where id = $1", row["id"])
        RECEIVED.labels(self._reader, topic, "retried").inc()
        return True

    async def _attempt(self, tx: AsyncConnection, topic: str, row: asyncpg.Record) -> Exception | None:
        try:
            event = from_headers(read_headers(row["headers"]), row["key"], row["value"])
            enter_trace(event.traceparent)
            async with tx.begin_nested():
                await self._handlers[topic](tx, [event])
        except Exception as error:  # noqa: BLE001 - whatever it was decides between later and parked
            return error
        return None

    async def _later(self, con: asyncpg.Connection, row: asyncpg.Record, error: Exception) -> None:
        pause = min(self._pause * 2 ** min(row["attempts"], 16), _LONGEST)
        await con.execute(
            "update inbox_waiting set attempts = attempts + 1, error = $2,"
            " next_at = now() + make_interval(secs => $3) where id = $1",
            row["id"],
            describe(error),
            pause,
        )
        log.warning("message still waits", reader=self._reader, topic=row["topic"], attempts=row["attempts"] + 1)
