"""Kafka: an idempotent producer, and a consumer whose positions are kept by somebody else."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.partitioner import murmur2

from kit.broker import Topic, Where, delete_topics, ensure_topics, reachable, reaching, started
from kit.outbox import LARGEST, Message
from kit.problems import Kind, Problem

__all__ = ["Consumer", "PositionLost", "Producer", "Received", "Topic", "delete_topics", "ensure_topics", "reachable"]

log = structlog.get_logger(__name__)

Partition = tuple[str, int]  # full topic name, number

_REQUEST = LARGEST + 96 * 1024  # value, key, headers: just below what the broker takes (LARGEST_MESSAGE)
_FETCH = 4 * 1024 * 1024  # bytes of one partition in one fetch; a larger message comes alone
_FEW = 100  # messages; with more, the next are fetched while these are taken
_STOPPING = 5.0  # seconds a producer or consumer may take to stop
_SENDING = 30.0  # seconds a batch may take to be acknowledged
_SEEKING = 30.0  # seconds an assignment may take to find its positions


class PositionLost(Problem):
    """Kafka no longer has what comes next: messages have been lost to retention, or the topic is another one."""

    kind = Kind.FAULT
    code = "kit/position-lost"
    title = "A topic no longer has the messages that come next"


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came. A null value (tombstone) is empty bytes."""

    topic: str  # as the broker knows it
    partition: int
    offset: int
    key: str | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]


@lru_cache(65_536)
def _hash(key: bytes) -> int:
    """Kafka's hash of a key; remembered, since keys recur and it is written in Python."""
    return int(murmur2(key)) & 0x7FFF_FFFF


def _partition(key: bytes | None, all: Sequence[int], available: Sequence[int]) -> int:
    """Where a key belongs, as Kafka's own default says; without a key anywhere."""
    if key is None:
        return random.choice(available or all)  # noqa: S311 — no secret
    return all[_hash(key) % len(all)]


class Producer:
    """Acknowledged by all replicas, without duplicates, in order per key; renewed after an error."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connects; raises Unavailable when no broker answers."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                **reaching(self._where),
                acks="all",
                enable_idempotence=True,
                max_batch_size=256 * 1024,
                max_request_size=_REQUEST,
                partitioner=_partition,
            )
            try:
                await started(producer)
            except BaseException:
                await _stopped(producer)
                raise
            self._producer = producer

    async def stop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stopped(producer, producer._sender, producer.client)

    async def send_all(self, messages: Sequence[Message]) -> None:
        """Hands all over, then waits until each is acknowledged; raises the first error after the last outcome."""
        await self.start()
        assert self._producer is not None
        try:
            async with asyncio.timeout(_SENDING):
                sent = [
                    await self._producer.send(message.topic, message.value, message.key, headers=message.headers)
                    for message in messages
                ]
                outcomes = await asyncio.gather(*sent, return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
        except BaseException:
            await self.stop()  # a producer that lost a message, or was cut off, must not go on with its numbers
            raise


Assigned = Callable[[Sequence[Partition]], Awaitable[None]]


class Consumer:
    """A member of a group. It commits nothing to Kafka: `assigned` seeks every partition it is given.

    `revoked` is called, and waited for, before partitions move to another member.
    """

    def __init__(
        self, where: Where, group: str, topics: Sequence[str], *, assigned: Assigned, revoked: Assigned
    ) -> None:
        self._topics = topics
        self._listener = _Listener(assigned, revoked)
        self._options: dict[str, Any] = {
            **reaching(where),
            "group_id": group,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "max_partition_fetch_bytes": _FETCH,
            "fetch_max_bytes": 4 * _FETCH,
            "metadata_max_age_ms": 30_000,  # so soon a new topic or partition is seen
            "session_timeout_ms": 10_000,
            "heartbeat_interval_ms": 1_000,
            "max_poll_interval_ms": 120_000,
        }

    async def start(self) -> None:
        """Joins the group; raises Unavailable when no broker answers."""
        self._consumer = AIOKafkaConsumer(**self._options)
        self._consumer.subscribe(topics=list(self._topics), listener=self._listener)
        await started(self._consumer)

    async def stop(self) -> None:
        """Leaves the group; the others are told so, when there is a broker to tell them."""
        if hasattr(self, "_consumer"):
            await _stopped(self._consumer, self._consumer._client)

    async def fetch(self, at_most: int, wait: float) -> dict[Partition, list[Received]]:
        """What has come since, per partition in order; empty after `wait` seconds. Raises PositionLost.

        When little has come, nothing is fetched until this is called again: a fetch costs the same for one message as for many.
        """
        self._consumer.resume(*self._consumer.paused())
        try:
            found = await self._consumer.getmany(timeout_ms=int(wait * 1000), max_records=at_most)
        except OffsetOutOfRangeError as error:
            raise PositionLost(f"{_places(error)}: the next position is not there") from None
        except NoOffsetForPartitionError as error:
            # aiokafka looks for a committed position while `assigned` is still on its way to its own
            if not self._listener.young():
                raise PositionLost(f"{_places(error)}: no position") from None
            await asyncio.sleep(0.02)
            found = {}
        self._listener.reraise()
        if found and sum(map(len, found.values())) < _FEW:
            self._consumer.pause(*self._consumer.assignment())
        return {(place.topic, place.partition): [_received(row) for row in rows] for place, rows in found.items()}

    def seek(self, partition: Partition, position: int) -> None:
        self._consumer.seek(TopicPartition(*partition), position)

    def assignment(self) -> set[Partition]:
        return {(place.topic, place.partition) for place in self._consumer.assignment()}

    async def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int]]:
        """The first position that is still there and the next one to be written, per partition."""
        places = [TopicPartition(*partition) for partition in partitions]
        first = await self._consumer.beginning_offsets(places)
        last = await self._consumer.end_offsets(places)
        return {(place.topic, place.partition): (first[place], last[place]) for place in places}


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka logs and swallows what a listener raises; this one keeps it for the next fetch."""

    def __init__(self, assigned: Assigned, revoked: Assigned) -> None:
        self._assigned = assigned
        self._revoked = revoked
        self._failure: Exception | None = None
        self._changed = time.monotonic()

    def young(self) -> bool:
        """Whether the assignment is so new that seeking may not be done."""
        return time.monotonic() - self._changed < _SEEKING

    async def on_partitions_revoked(self, revoked: Sequence[Any]) -> None:
        await self._keep(self._revoked, revoked)

    async def on_partitions_assigned(self, assigned: Sequence[Any]) -> None:
        await self._keep(self._assigned, assigned)

    async def _keep(self, call: Assigned, places: Sequence[Any]) -> None:
        self._changed = time.monotonic()
        try:
            await call([(place.topic, place.partition) for place in places])
        except Exception as error:  # noqa: BLE001 - raised by the next fetch
            self._failure = error

    def reraise(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure


async def _stopped(what: Any, *parts: Any) -> None:
    """Stops politely, or by force when the broker is away: nothing of it may go on sending in the background."""
    task = asyncio.current_task()
    try:
        async with asyncio.timeout(_STOPPING):
            await what.stop()
    except (KafkaError, TimeoutError):
        log.warning("broker away while stopping")
    except asyncio.CancelledError:
        # aiokafka lets the cancellation of its own tasks through; only one that was meant for us goes on
        if task is None or task.cancelling():
            raise
    finally:
        for part in parts:
            with suppress(KafkaError, OSError, asyncio.CancelledError):
                await part.close()


def _received(row: Any) -> Received:
    key = None if row.key is None else row.key.decode("utf-8", "replace")
    return Received(row.topic, row.partition, row.offset, key, row.value or b"", row.headers)


def _places(error: Exception) -> str:
    found = error.args[0] if error.args else ""
    places = found if isinstance(found, Mapping) else [found]
    return ", ".join(f"{place.topic}/{place.partition}" for place in places if hasattr(place, "topic"))
