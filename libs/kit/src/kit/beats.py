"""A key for every partition of a topic, so that a service can be heard on each of them (heartbeats, D9)."""

from itertools import count

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from kit.broker import Where, reaching
from kit.problems import Unavailable


async def lanes(where: Where, topic: str) -> list[str]:
    """One key per partition, in their order. Raises Unavailable when no broker answers or the topic is not there."""
    client = AIOKafkaClient(**reaching(where))
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        partitions = client.cluster.partitions_for_topic(topic)
    except (KafkaError, OSError):
        raise Unavailable("The message broker does not answer") from None
    finally:
        await client.close()
    if not partitions:
        raise Unavailable("A topic is not there yet")
    return keys(len(partitions))


def keys(partitions: int) -> list[str]:
    """`beat-N` for the first N that the producer's partitioner sends to each partition."""
    found: dict[int, str] = {}
    every, pick = list(range(partitions)), DefaultPartitioner()
    for number in count():
        if len(found) == partitions:
            return [found[one] for one in every]
        key = f"beat-{number}"
        found.setdefault(pick(key.encode(), every, every), key)
    raise AssertionError
