"""A message from Kafka with how it reads, the rows it is kept in while set aside, and batches of such messages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from uuid import UUID

import asyncpg
import msgspec

from kit.events import CloudEvent, from_headers
from kit.kafka import Received
from kit.outbox import read_headers
from kit.problems import Problem

# Of one transaction. A record event is a fifteenth of what it holds, and stands in memory thrice while it is taken: 1 MiB are 60.
MESSAGES, BYTES = 500, 1024 * 1024

Concerns = Callable[[bytes], bool]  # of the value, as it came


@dataclass(frozen=True, slots=True)
class Item:
    """A message with how it reads: its event and inbox id, or the problem that makes it unreadable."""

    row: Received
    topic: str  # without the region's prefix
    lane: str
    event: CloudEvent | None = None
    id: UUID | None = None
    problem: Problem | None = None


def read(reader: str, topic: str, row: Received, concerns: Concerns | None = None) -> Item:
    """Reads a message as the event it says it is; its inbox id is a hash of reader, topic, source and event id. One whose value
    does not concern its reader has neither event nor id: only its position is moved past."""
    lane = row.key if row.key is not None else f"#{row.partition}/{row.offset}"
    if concerns is not None and not concerns(row.value):
        return Item(row, topic, lane)
    try:
        event = from_headers(row.headers, row.key, row.value)
    except Problem as problem:
        return Item(row, topic, lane, problem=problem)
    return Item(row, topic, lane, event, inbox_id(reader, topic, event))


def inbox_id(reader: str, topic: str, event: CloudEvent) -> UUID:
    """What the event is remembered by."""
    name = "\0".join((reader, topic, event.source, event.id)).encode()
    return UUID(bytes=blake2b(name, digest_size=16).digest())


def batches(items: Iterator[Item]) -> Iterator[tuple[str, list[Item]]]:
    """Per topic, at most so many messages and bytes; a larger single message goes alone."""
    for topic, of_topic in groupby(sorted(items, key=lambda item: item.topic), key=lambda item: item.topic):
        batch: list[Item] = []
        size = 0
        for item in of_topic:
            if batch and (len(batch) >= MESSAGES or size + len(item.row.value) > BYTES):
                yield topic, batch
                batch, size = [], 0
            batch.append(item)
            size += len(item.row.value)
        if batch:
            yield topic, batch


def columns(reader: str, item: Item) -> tuple[object, ...]:
    """A message as a row of inbox_waiting or inbox_parked: the columns of its address and content."""
    row = item.row
    headers = msgspec.msgpack.encode([list(header) for header in row.headers])
    return reader, item.topic, row.partition, row.offset, row.key, headers, row.value


def stored(row: asyncpg.Record) -> Item:
    """The message of such a row."""
    headers = read_headers(row["headers"])
    received = Received(row["topic"], row["partition"], row["offset"], row["key"], row["value"], headers)
    return Item(received, row["topic"], row["lane"])
