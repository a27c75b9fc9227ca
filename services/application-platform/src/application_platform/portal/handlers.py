"""What the portal does when it is told that the record changed: it tells the pages that wait, ids only (D5)."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.portal.hearing import News, tell
from kit.db import driver
from kit.events import CloudEvent
from kit.problems import Malformed

Handler = Callable[[AsyncConnection, Sequence[CloudEvent]], Awaitable[None]]

RECORD_CHANGED = "information.record-changed.v1"


class Named(msgspec.Struct, frozen=True):
    """A resource by type and id."""

    type: str
    id: str


class RecordChanged(msgspec.Struct, frozen=True):
    """The data of `information.record-changed.v1`: ids only; unknown fields are tolerated."""

    patients: tuple[str, ...] = ()
    resources: tuple[Named, ...] = ()


_decoder = msgspec.json.Decoder(RecordChanged)


def handlers() -> dict[str, Handler]:
    """By topic, as `kit.inbox.Inbox` takes them."""

    async def record_changed(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        await tell(await driver(tx), [news(event) for event in events])

    return {RECORD_CHANGED: record_changed}


def news(event: CloudEvent) -> News:
    """What open pages are told of this event. Raises Malformed when it is not what its schema says."""
    found = _read(event)
    return News(found.patients, tuple(f"{named.type}/{named.id}" for named in found.resources))


def _read(event: CloudEvent) -> RecordChanged:
    try:
        return _decoder.decode(event.data)
    except msgspec.DecodeError:
        raise Malformed("The data of information.record-changed.v1 is not what its schema says") from None
