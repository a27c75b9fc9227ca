"""Where topics begin and end at the broker: asked by whoever measures how far behind its readers are."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from kit.broker import Where, reaching, started
from kit.kafka import Partition
from kit.problems import Problem, Unavailable

_PATIENCE = 3.0  # seconds the broker may take to answer


class Ends:
    """Asks on one connection, kept between questions and made anew after an error."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._consumer: AIOKafkaConsumer | None = None
        self._asking = asyncio.Lock()

    async def of(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, int]]:
        """The first position that is still there and the next one to be written. Raises Unavailable."""
        if not partitions:
            return {}
        async with self._asking:
            try:
                async with asyncio.timeout(_PATIENCE):
                    return await self._ask(partitions)
            except (KafkaError, TimeoutError, OSError, Problem):
                await self.stop()
                raise Unavailable("The message broker does not answer") from None

    async def _ask(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, int]]:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(**reaching(self._where), enable_auto_commit=False)
            await started(self._consumer)
        places = [TopicPartition(*partition) for partition in partitions]
        first = await self._consumer.beginning_offsets(places)
        last = await self._consumer.end_offsets(places)
        return {(place.topic, place.partition): (first[place], last[place]) for place in places}

    async def stop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, TimeoutError, OSError):
                async with asyncio.timeout(_PATIENCE):
                    await consumer.stop()
