"""Topics read from their beginning to where they end now, by nobody's group: for who must know what still lies there."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from kit.broker import Where, reaching, started
from kit.kafka import Received
from kit.problems import Unavailable

_WAIT = 1_000  # milliseconds of one fetch
_MANY = 500  # messages of one fetch
_PATIENCE = 30  # fetches in a row that bring nothing


async def all_of(where: Where, topics: Sequence[str]) -> AsyncIterator[list[Received]]:
    """Every message that is there, each partition in order, in pages. Raises Unavailable when the broker is away or silent."""
    consumer = AIOKafkaConsumer(**reaching(where), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await started(consumer)
        places = [
            TopicPartition(topic, part) for topic in topics for part in sorted(await _partitions(consumer, topic))
        ]
        first, last = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        left = {place for place in places if first[place] < last[place]}
        consumer.assign(sorted(left))
        await consumer.seek_to_beginning(*left) if left else None
        silent = 0
        while left:
            found = await consumer.getmany(*left, timeout_ms=_WAIT, max_records=_MANY)
            silent = 0 if found else silent + 1
            if silent > _PATIENCE:
                raise Unavailable("The message broker does not give what it holds")
            for place, rows in found.items():
                yield [_received(row) for row in rows if row.offset < last[place]]
            left = {place for place in left if await consumer.position(place) < last[place]}
    except KafkaError:
        raise Unavailable("The message broker does not answer") from None
    finally:
        with suppress(KafkaError):
            await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.set_topics([topic])  # so that a topic which nobody is assigned is known at all
    found: set[int] = consumer.partitions_for_topic(topic) or set()
    return found


def _received(row: object) -> Received:
    key = None if row.key is None else row.key.decode("utf-8", "replace")  # type: ignore[attr-defined]
    return Received(row.topic, row.partition, row.offset, key, row.value or b"", row.headers)  # type: ignore[attr-defined]
