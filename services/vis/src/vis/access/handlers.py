"""VIS follows what the region tells of the law (D9): facts, rules, heartbeats, and that somebody is forgotten."""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from fhirserver.engine import Engine
from kit.db import driver
from kit.events import CloudEvent, UnreadableEvent
from kit.inbox import Handler
from vis.access import store
from vis.access.model import Changed, read

TOPIC = "information.access-changed.v1"


def handlers(engine: Engine) -> dict[str, Handler]:
    """By topic."""

    async def follow(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        con = await driver(tx)
        newest = {event.key: event for event in events}  # of each key the last word is all there is to know
        for event in newest.values():
            if event.data:
                await store.follow(con, engine, _read(event))
            elif event.key:
                await store.forget(con, engine, event.key)

    return {TOPIC: follow}


def _read(event: CloudEvent) -> Changed:
    try:
        return read(event.data)
    except msgspec.MsgspecError:
        raise UnreadableEvent("This is not a fact of the law", at="data") from None
