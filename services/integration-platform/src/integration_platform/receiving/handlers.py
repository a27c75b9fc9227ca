"""Systems that publish straight to Kafka (exchange.inbox.v1): kept like everything else, in the inbox's transaction."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from integration_platform.hl7v2.ack import ACCEPT
from integration_platform.receiving import cloudevents, store
from integration_platform.receiving.bodies import Bodies
from integration_platform.receiving.model import Incoming
from integration_platform.receiving.numbers import NotATestNumber, in_event, taken
from integration_platform.senders.model import UnregisteredSender
from integration_platform.senders.store import Register
from kit.db import driver
from kit.events import CloudEvent
from kit.problems import Problem

TOPIC = "exchange.inbox.v1"


def keeping(
    register: Register, bodies: Bodies, stored: Callable[[], None], *, demo: bool
) -> Callable[[AsyncConnection, Sequence[CloudEvent]], Awaitable[None]]:
    """The handler of the topic. A message of nobody's, or one that cannot be read, is parked where people look."""

    async def keep(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        messages = [_incoming(register, event, demo) for event in events]
        await store.add(await driver(tx), messages, bodies)
        stored()

    return keep


def _incoming(register: Register, event: CloudEvent, demo: bool) -> Incoming:
    sender = register.now.at_inbox(event.source)
    given = _given(event)
    raw, refused = _raw(event, given)
    look = in_event(given)
    if sender is None:
        refused = UnregisteredSender()
    if demo and look.real:
        raw, refused = cloudevents.envelope(given), NotATestNumber(look.real)
    return Incoming(
        "inbox",
        sender.id if sender is not None else None,
        event.source,
        event.type,
        event.id,
        raw,
        verdict=ACCEPT if refused is not None else taken(look),  # nobody is answered: a refusal is parked
        refused=refused,
        came_from=None if sender is not None else event.source,
        traceparent=event.traceparent,
    )


def _given(event: CloudEvent) -> cloudevents.Given:
    return cloudevents.Given(
        id=event.id,
        source=event.source,
        type=event.type,
        specversion="1.0",
        subject=event.subject,
        time=event.time.isoformat(),
        datacontenttype=event.datacontenttype,
        data=msgspec.Raw(event.data),
    )


def _raw(event: CloudEvent, given: cloudevents.Given) -> tuple[bytes, Problem | None]:
    """As one structured event; the bytes alone where they are not JSON."""
    try:
        return cloudevents.enveloped(given), None
    except cloudevents.UnreadableEvent as problem:
        return event.data, problem
