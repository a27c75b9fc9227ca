"""What a broker is asked besides messages: which topics there are, and whether it is there at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from kit.problems import Unavailable


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be created: full name, partitions, and the broker's settings (retention.ms …)."""

    name: str
    partitions: int = 6
    replication: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


async def ensure_topics(bootstrap: str, topics: Sequence[Topic]) -> None:
    """Creates the topics that are not there; leaves those that are as they are."""
    async with _admin(bootstrap) as admin:
        known = set(await admin.list_topics())
        wanted = [
            NewTopic(topic.name, topic.partitions, topic.replication, topic_configs=dict(topic.config))
            for topic in topics
            if topic.name not in known
        ]
        answer = await admin.create_topics(wanted) if wanted else None
    for name, code, *_rest in answer.topic_errors if answer else ():
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(f"topic {name}")


async def delete_topics(bootstrap: str, names: Sequence[str]) -> None:
    """Removes topics and all that is in them (tests, and a demo region that is thrown away)."""
    async with _admin(bootstrap) as admin:
        await admin.delete_topics(list(names))


async def topics_there(bootstrap: str) -> set[str]:
    """The names of all topics that the broker has; raises Unavailable when none answers."""
    async with _admin(bootstrap) as admin:
        return set(await admin.list_topics())


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await started(admin)
        yield admin
    finally:
        await admin.close()


async def reachable(bootstrap: str) -> bool:
    """Whether a broker answers within two seconds."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    try:
        async with asyncio.timeout(2):
            await client.bootstrap()
    except (KafkaError, TimeoutError, OSError):
        return False
    finally:
        await client.close()
    return True


def answering(bootstrap: str) -> Callable[[], Awaitable[None]]:
    """A health check that raises Unavailable unless the broker answers."""

    async def ask() -> None:
        if not await reachable(bootstrap):
            raise Unavailable("Kafka does not answer")

    return ask


async def started(what: Any) -> None:
    """Starts any of aiokafka's things; raises Unavailable when no broker answers."""
    try:
        await what.start()
    except KafkaConnectionError:
        raise Unavailable("The message broker is not reachable") from None
