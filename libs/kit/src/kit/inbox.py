"""The inbox: what others tell is taken once, in order per key, in one transaction with its effect and its position."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import Database, driver
from kit.forgetting import forget
from kit.items import MESSAGES, Concerns, Item, batches, read
from kit.kafka import Consumer, Partition, PositionLost, Received
from kit.problems import Problem
from kit.settings import Settings
from kit.telemetry import RECEIVED, describe, enter_trace
from kit.waiting import (
    Handler,
    Lanes,
    inbox_parked,
    inbox_waiting,
    let_wait,
    metadata,
    park,
    passes,
    replay,
    waiting_lanes,
)

__all__ = ["Handler", "Inbox", "inbox", "inbox_parked", "inbox_position", "inbox_waiting", "replay"]

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("event", sa.Uuid, primary_key=True),  # a hash of reader, topic, source and id
    sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)
sa.Index("inbox_at_idx", inbox.c.at, postgresql_using="brin")
inbox_position = sa.Table(
    "inbox_position",
    metadata,
    sa.Column("reader", sa.Text, primary_key=True),
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False),  # of the next message
)

_WAIT = 1.0  # seconds a fetch waits for something to come

log = structlog.get_logger(__name__)


class Overtaken(Exception):
    """Another member of the group has moved this position: it is that one's partition now."""


class Inbox:
    """One member of one group. `handlers` by topic (without prefix); each is given batches of events of one type.

    A batch that fails is halved until the failing message stands alone. A Problem parks that message; anything else
    (and a Problem of a passing kind: unavailable, too many, fault) lets it and later ones of its key wait.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        group: str,
        handlers: Mapping[str, Handler],
        *,
        retry_pause: float = 1.0,
        pace: float = 0.025,
        concerns: Mapping[str, Concerns] | None = None,
    ) -> None:
        """`pace`: seconds from one batch to the next. `concerns`: by topic, whether a message is to be taken at all."""
        self.name = f"inbox {group}"
        self._db = db
        self._reader = group
        self._handlers = handlers
        self._plain = {settings.topic(topic): topic for topic in handlers}
        self._positions: dict[Partition, int] = {}  # of the partitions that are ours now
        self._busy = asyncio.Lock()
        self._lanes = Lanes(db, group, handlers, pause=retry_pause)
        self._pace, self._concerns = pace, concerns or {}
        self._group = settings.group(group)
        self._kafka = settings.broker

    async def run(self) -> None:
        """Runs until cancelled. Raises PositionLost (nothing more is taken), or what Kafka or the database raises."""
        self._consumer = Consumer(self._kafka, self._group, list(self._plain), assigned=self._seat, revoked=self._leave)
        await self._consumer.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._lanes.run())
                tasks.create_task(forget(self._db))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._positions.clear()
            await self._consumer.stop()

    async def _listen(self) -> None:
        while True:
            found = await self._consumer.fetch(MESSAGES, _WAIT)
            if not found:
                continue
            began = time.monotonic()
            async with self._busy:
                try:
                    for topic, items in batches(self._unread(found)):
                        await self._take(topic, items)
                except Overtaken:
                    log.warning("position moved by another member", reader=self._reader)
                    await self._seat(sorted(self._consumer.assignment()))
            await asyncio.sleep(began + self._pace - time.monotonic())

    async def _seat(self, partitions: Sequence[Partition]) -> None:
        """Goes to where this database says we are; a partition never seen starts at its beginning."""
        bounds = await self._consumer.bounds(partitions)
        places = sorted(bounds)
        async with self._db.transaction() as tx:
            con = await driver(tx)
            names = [self._plain[topic] for topic, _ in places]
            numbers = [number for _, number in places]
            await con.execute(
                "insert into inbox_position select $1, * from unnest($2::text[], $3::int[], $4::bigint[])"
                " on conflict do nothing",
                self._reader,
                names,
                numbers,
                [bounds[place][0] for place in places],
            )
            rows = await con.fetch(
                "select topic, partition, position from inbox_position where reader = $1", self._reader
            )
        stored = {(row["topic"], row["partition"]): row["position"] for row in rows}
        self._positions = {}
        for place in places:
            position, (first, last) = stored[self._plain[place[0]], place[1]], bounds[place]
            if not first <= position <= last:
                raise PositionLost(f"{place[0]}/{place[1]}: next is {position}, but it has {first} to {last}")
            self._consumer.seek(place, position)
            self._positions[place] = position

    async def _leave(self, _partitions: Sequence[Partition]) -> None:
        """Ends the batch in hand before the partitions move on."""
        async with self._busy:
            self._positions.clear()

    def _unread(self, found: Mapping[Partition, Sequence[Received]]) -> Iterator[Item]:
        """Readings of the messages that are ours and new to us, partition by partition."""
        for place in sorted(found):
            position = self._positions.get(place)
            for row in found[place]:
                if position is not None and row.offset >= position:
                    yield read(self._reader, topic := self._plain[row.topic], row, self._concerns.get(topic))

    async def _take(self, topic: str, items: Sequence[Item]) -> None:
        """All at once, or the halves one after the other, down to the one message that fails."""
        try:
            await self._together(topic, items)
        except Overtaken:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was decides between halving, waiting and parking
            if len(items) == 1:
                await self._set_aside(topic, items[0], error)
                return
            log.warning("batch halved", reader=self._reader, topic=topic, size=len(items), error=describe(error))
            await self._take(topic, items[: len(items) // 2])
            await self._take(topic, items[len(items) // 2 :])

    async def _together(self, topic: str, items: Sequence[Item]) -> None:
        async with self._db.transaction() as tx:
            con = await driver(tx)
            await self._hold(con, topic, items)
            fresh = await self._fresh(con, items) if any(item.id for item in items) else []
            waiting = await waiting_lanes(con, self._reader, topic, [item.lane for item in fresh])
            await let_wait(con, self._reader, [item for item in fresh if item.lane in waiting], "its key waits")
            await self._handle(tx, topic, [item for item in fresh if item.lane not in waiting])
            for item in items:
                if item.problem is not None:
                    await park(con, self._reader, item, item.problem)
            await self._move(con, topic, items)
        self._moved(items)
        RECEIVED.labels(self._reader, topic, "taken").inc(len(fresh))
        RECEIVED.labels(self._reader, topic, "known").inc(sum(item.id is not None for item in items) - len(fresh))

    async def _handle(self, tx: AsyncConnection, topic: str, items: Sequence[Item]) -> None:
        events = [item.event for item in items if item.event is not None]
        enter_trace(events[0].traceparent if len(events) == 1 else None)
        for _type, run in groupby(events, key=lambda event: event.type):
            await self._handlers[topic](tx, list(run))

    async def _set_aside(self, topic: str, item: Item, error: Exception) -> None:
        """One message that failed alone: parked, or first in its key's lane. Raises when the database is away."""
        async with self._db.transaction() as tx:
            con = await driver(tx)
            await self._hold(con, topic, [item])
            await self._fresh(con, [item])
            if isinstance(error, Problem) and not passes(error):
                await park(con, self._reader, item, error)
            else:
                await let_wait(con, self._reader, [item], describe(error))
                RECEIVED.labels(self._reader, topic, "waiting").inc()
                log.warning("message waits", reader=self._reader, topic=topic, error=describe(error))
            await self._move(con, topic, [item])
        self._moved([item])

    async def _hold(self, con: asyncpg.Connection, topic: str, items: Sequence[Item]) -> None:
        """Locks the positions and sees that they are still where we left them."""
        places = {item.row.partition: (item.row.topic, item.row.partition) for item in items}
        rows = await con.fetch(
            "select partition, position from inbox_position where reader = $1 and topic = $2"
            " and partition = any($3::int[]) order by partition for update",
            self._reader,
            topic,
            list(places),
        )
        stored = {row["partition"]: row["position"] for row in rows}
        if any(stored.get(number) != self._positions.get(place) for number, place in places.items()):
            raise Overtaken

    async def _fresh(self, con: asyncpg.Connection, items: Sequence[Item]) -> list[Item]:
        """Remembers these events; returns those that were not known, each once."""
        ids = {item.id: item for item in reversed(items) if item.id is not None}  # the first of each wins
        rows: Sequence[Any] = await con.fetch(
            "insert into inbox (event) select unnest($1::uuid[]) on conflict do nothing returning event", sorted(ids)
        )
        new = {row["event"] for row in rows}
        return [item for item in items if item.id is not None and item.id in new and ids[item.id] is item]

    async def _move(self, con: asyncpg.Connection, topic: str, items: Sequence[Item]) -> None:
        after = {item.row.partition: item.row.offset + 1 for item in items}
        await con.execute(
            "update inbox_position p set position = n.position from unnest($3::int[], $4::bigint[])"
            " as n (partition, position) where p.reader = $1 and p.topic = $2 and p.partition = n.partition",
            self._reader,
            topic,
            list(after),
            list(after.values()),
        )

    def _moved(self, items: Sequence[Item]) -> None:
        for item in items:
            self._positions[item.row.topic, item.row.partition] = item.row.offset + 1
