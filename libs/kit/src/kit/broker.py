"""How a broker is reached, and what it is asked besides messages: which topics there are, whether it is there at all."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from kit.problems import Unavailable
from kit.settings import Broker

Where = str | Broker  # bootstrap servers alone are spoken to in the clear
# Nobody listens; it listens but says nothing; its certificate has expired, or is not one we trust; ours has, or is refused.
Silence = Literal["away", "silent", "expired", "untrusted", "own-expired", "refused"]
_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED, https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_LOOK = 2.0  # seconds
_OPENING = 10.0  # seconds a broker that takes connections may keep silent when it is asked for topics


def reaching(where: Where) -> dict[str, Any]:
    """What aiokafka's clients take. Files of certificates are read here, so each new client has the newest."""
    broker = Broker(where) if isinstance(where, str) else where
    options: dict[str, Any] = {"bootstrap_servers": broker.bootstrap, "security_protocol": broker.security}
    if broker.security.endswith("SSL"):
        options["ssl_context"] = _context(broker)
    if broker.security.startswith("SASL"):
        options |= {
            "sasl_mechanism": broker.mechanism,
            "sasl_plain_username": broker.user,
            "sasl_plain_password": broker.password,
        }
    return options


def _context(broker: Broker) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.ca)
    if broker.certificate is not None:
        context.load_cert_chain(broker.certificate, broker.key)
    return context


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be created: full name, partitions, and the broker's settings (retention.ms …)."""

    name: str
    partitions: int = 6
    replication: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


async def ensure_topics(where: Where, topics: Sequence[Topic]) -> None:
    """Creates the topics that are not there; leaves those that are as they are."""
    async with _admin(where) as admin:
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


async def delete_topics(where: Where, names: Sequence[str]) -> None:
    """Removes topics and all that is in them (tests, and a demo region that is thrown away)."""
    async with _admin(where) as admin:
        await admin.delete_topics(list(names))


async def topics_there(where: Where) -> set[str]:
    """The names of all topics that the broker has; raises Unavailable when none answers."""
    async with _admin(where) as admin:
        return set(await admin.list_topics())


@asynccontextmanager
async def _admin(where: Where) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**reaching(where))
    try:
        await _opened(admin)
        yield admin
    finally:
        await admin.close()


async def _opened(admin: AIOKafkaAdminClient) -> None:
    try:
        async with asyncio.timeout(_OPENING):
            await started(admin)
    except TimeoutError:
        raise Unavailable("The message broker does not answer") from None


async def reachable(where: Where) -> bool:
    """Whether a broker answers within two seconds."""
    client = AIOKafkaClient(**reaching(where))
    try:
        async with asyncio.timeout(2):
            await client.bootstrap()
    except (KafkaError, TimeoutError, OSError):
        return False
    finally:
        await client.close()
    return True


async def why_silent(where: Where) -> Silence:
    """Why a broker that did not answer does not, as far as its listener shows: asked of the first address."""
    broker = Broker(where) if isinstance(where, str) else where
    host, _, port = broker.bootstrap.partition(",")[0].strip().rpartition(":")
    try:
        async with asyncio.timeout(_LOOK):
            safe = broker.security.endswith("SSL")
            reader, writer = await asyncio.open_connection(host, int(port), ssl=_context(broker) if safe else None)
            try:
                return await _refused(reader) if safe else "silent"
            finally:
                writer.close()
    except ssl.SSLCertVerificationError as refused:
        return "expired" if refused.verify_code == _EXPIRED else "untrusted"
    except (OSError, TimeoutError, ValueError):
        return "away"


async def _refused(reader: asyncio.StreamReader) -> Silence:
    """TLS 1.3 lets a client whose certificate is refused hear of it at its first reading only."""
    try:
        async with asyncio.timeout(_LOOK / 2):
            await reader.read(1)
    except ssl.SSLError as refused:
        return "own-expired" if "EXPIRED" in (refused.reason or "") else "refused"
    except TimeoutError:
        pass
    return "silent"


def answering(where: Where) -> Callable[[], Awaitable[None]]:
    """A health check that raises Unavailable unless the broker answers."""

    async def ask() -> None:
        if not await reachable(where):
            raise Unavailable("Kafka does not answer")

    return ask


async def started(what: Any) -> None:
    """Starts any of aiokafka's things; raises Unavailable when no broker answers."""
    try:
        await what.start()
    except KafkaConnectionError:
        raise Unavailable("The message broker is not reachable") from None
