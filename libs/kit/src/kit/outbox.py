"""The outbox: what a service tells is written in the transaction of what happened, and relayed afterwards (D6)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import asyncpg
import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import Connection, Database, driver
from kit.events import CloudEvent, to_headers
from kit.problems import Kind, Problem
from kit.settings import Settings
from kit.telemetry import RELAYED, current_traceparent
from kit.turns import Turns

metadata = sa.MetaData()
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.Text),
    sa.Column("headers", sa.LargeBinary, nullable=False),  # msgpack of [[name, bytes], …]
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)

# Bytes of one value, and of a message with its key and headers, which the broker must take (max.message.bytes of the topics).
# A part of a record event is ≤ 512 KiB (D5) unless one resource alone is more.
LARGEST = 16 * 1024 * 1024
LARGEST_MESSAGE = LARGEST + 128 * 1024
_ROWS, _BYTES = 1_000, 16 * 1024 * 1024  # of one relay batch
_LOCK = 0x6B69740002  # advisory lock of this database: "kit", relay
_SLOWEST = 0.2  # seconds between two looks

_INSERT = """
with told as (
    insert into outbox (topic, key, headers, value)
    select topic, key, headers, value
    from unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[])
        with ordinality as t (topic, key, headers, value, nth)
    order by nth
    returning id
) select coalesce(max(id), 0) from told"""

_TAKE = """
with waiting as (
    select id, octet_length(value) as size from outbox order by id limit $1 for update skip locked
), fitting as (
    select id, sum(size) over (order by id) - size as before from waiting
)
select o.id, o.topic, o.key, o.headers, o.value
from fitting join outbox o using (id) where before < $2 order by o.id"""


class TooLargeToTell(Problem):
    """An event is larger than Kafka takes; refused when it is written, so that it never blocks the relay."""

    kind = Kind.TOO_LARGE
    code = "kit/too-large-to-tell"
    title = "The event is larger than the message broker takes"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way. `topic` is without the region's prefix; empty data travels as Kafka's null (a tombstone)."""

    topic: str
    key: str | None
    event: CloudEvent


@dataclass(frozen=True, slots=True)
class Message:
    """A message as Kafka takes it: full topic, key and value as bytes."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


Tap = Callable[[Connection, Sequence[asyncpg.Record]], Awaitable[None]]


class Sends(Protocol):
    """What the relay needs of a producer: all acknowledged, in order per key, or an exception."""

    async def send_all(self, messages: Sequence[Message]) -> None: ...


async def emit(tx: AsyncConnection, messages: Sequence[Outgoing]) -> int:
    """Tells in this transaction, after the row locks of what is told. Returns the highest position (FVM-Position)."""
    return await emit_raw(await driver(tx), messages)


async def emit_raw(con: Connection, messages: Sequence[Outgoing]) -> int:
    """The same on a driver connection: one statement, ids in the order given; 0 when there is nothing to tell."""
    if not messages:
        return 0
    trace = current_traceparent()
    headers = [msgspec.msgpack.encode(_headers(message.event, trace)) for message in messages]
    for message in messages:
        if len(message.event.data) > LARGEST:
            raise TooLargeToTell(f"{len(message.event.data)} bytes on {message.topic}; the limit is {LARGEST}")
    highest: int = await con.fetchval(
        _INSERT,
        [message.topic for message in messages],
        [message.key for message in messages],
        headers,
        [message.event.data for message in messages],
    )
    return highest


def read_headers(packed: bytes) -> list[tuple[str, bytes]]:
    return msgspec.msgpack.decode(packed, type=list[tuple[str, bytes]])


class Relay:
    """Moves the outbox to Kafka: one relay per database speaks, in the order of ids; the rest stand by.

    A crash between Kafka's acknowledgement and the delete sends the batch again: at least once, in order.
    """

    def __init__(self, db: Database, producer: Sends, settings: Settings) -> None:
        self._producer = producer
        self._settings = settings
        self.tap: Tap | None = None  # shown every batch in the transaction that takes it from the outbox
        self._turns = Turns(db, _LOCK, self.once, slowest=_SLOWEST)

    def wake(self) -> None:
        """Something was committed in this process: look now instead of at the next poll."""
        self._turns.wake()

    async def run(self) -> None:
        """Runs until cancelled; raises what the database or Kafka raises (the supervisor starts it again)."""
        await self._turns.run()

    async def once(self, connection: asyncpg.Connection) -> int:
        """One batch: take, send, wait for all, delete, commit. Returns how many."""
        async with connection.transaction():
            rows = await connection.fetch(_TAKE, _ROWS, _BYTES)
            if not rows:
                return 0
            await self._producer.send_all([self._message(row) for row in rows])
            if self.tap is not None:
                await self.tap(connection, rows)
            await connection.execute("delete from outbox where id = any($1::bigint[])", [row["id"] for row in rows])
        for row in rows:
            RELAYED.labels(row["topic"]).inc()
        return len(rows)

    def _message(self, row: asyncpg.Record) -> Message:
        return Message(
            topic=self._settings.topic(row["topic"]),
            key=None if row["key"] is None else row["key"].encode(),
            value=row["value"] or None,
            headers=read_headers(row["headers"]),
        )


def _headers(event: CloudEvent, trace: str | None) -> list[tuple[str, bytes]]:
    headers = to_headers(event)
    if event.traceparent is None and trace is not None:
        headers.append(("traceparent", trace.encode()))
    return headers
