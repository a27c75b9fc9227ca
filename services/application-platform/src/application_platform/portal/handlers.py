"""What the portal does when it is told that the record changed: it tells the pages that wait, ids only (D5)."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.portal.hearing import News, tell
from application_platform.portal.live import TASKS
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
        told = [news(event) for event in events]
        await tell(await driver(tx), [*told, *tasks(told)])

    return {RECORD_CHANGED: record_changed}


def news(event: CloudEvent) -> News:
    """What open pages are told of this event. Raises Malformed when it is not what its schema says."""
    found = _read(event)
    return News(found.patients, tuple(f"{named.type}/{named.id}" for named in found.resources))


def tasks(told: Iterable[News]) -> list[News]:
    """That some task changed, to pages that count what waits: of whom, and which, they ask as their reader."""
    changed = any(name.startswith("Task/") for one in told for name in one.what)
    return [News((TASKS,), ("Task",))] if changed else []


def _read(event: CloudEvent) -> RecordChanged:
    try:
        return _decoder.decode(event.data)
    except msgspec.DecodeError:
        raise Malformed("The data of information.record-changed.v1 is not what its schema says") from None
