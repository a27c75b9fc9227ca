"""Systems that publish straight to Kafka (exchange.inbox.v1): kept like everything else, in the inbox's transaction."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from integration_platform.receiving import cloudevents, store
from integration_platform.receiving.model import Incoming
from integration_platform.senders.model import UnregisteredSender
from integration_platform.senders.store import Register
from kit.db import driver
from kit.events import CloudEvent
from kit.problems import Problem

TOPIC = "exchange.inbox.v1"


def keeping(
    register: Register, stored: Callable[[], None]
) -> Callable[[AsyncConnection, Sequence[CloudEvent]], Awaitable[None]]:
    """The handler of the topic. A message of nobody's, or one that cannot be read, is parked where people look."""

    async def keep(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        await store.add(await driver(tx), [_incoming(register, event) for event in events])
        stored()

    return keep


def _incoming(register: Register, event: CloudEvent) -> Incoming:
    sender = register.now.at_inbox(event.source)
    raw, refused = _raw(event)
    if sender is None:
        refused = UnregisteredSender()
    return Incoming(
        "inbox",
        sender.id if sender is not None else None,
        event.source,
        event.type,
        event.id,
        raw,
        refused=refused,
        came_from=None if sender is not None else event.source,
        traceparent=event.traceparent,
    )


def _raw(event: CloudEvent) -> tuple[bytes, Problem | None]:
    """As one structured event; the bytes alone where they are not JSON."""
    given = cloudevents.Given(
        id=event.id,
        source=event.source,
        type=event.type,
        specversion="1.0",
        subject=event.subject,
        time=event.time.isoformat(),
        datacontenttype=event.datacontenttype,
        data=msgspec.Raw(event.data),
    )
    try:
        return cloudevents.enveloped(given), None
    except cloudevents.UnreadableEvent as problem:
        return event.data, problem
