"""VIS follows what the region tells of the law (D9): facts, rules, heartbeats, and that somebody is forgotten."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from fhirserver.engine import Engine
from kit.db import driver
from kit.events import CloudEvent, UnreadableEvent
from kit.inbox import Handler
from kit.items import inbox_id
from vis.access import store
from vis.access.model import Changed, read

TOPIC = "information.access-changed.v1"


def handlers(engine: Engine, reader: str) -> dict[str, Handler]:
    """By topic; `reader` is the inbox's."""

    async def follow(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        con = await driver(tx)
        beats: list[UUID] = []
        newest = {event.key: event for event in events}  # of each key the last word is all there is to know
        for event in newest.values():
            if event.data:
                told = _read(event)
                await store.follow(con, engine, told)
                beats += [inbox_id(reader, TOPIC, event)] if told.beat is not None else []
            elif event.key:
                await store.forget(con, engine, event.key)
        # Heartbeats need not be remembered: one that comes again says nothing new, and there are half a million a day.
        await con.execute("delete from inbox where event = any($1::uuid[])", beats)

    return {TOPIC: follow}


def _read(event: CloudEvent) -> Changed:
    try:
        return read(event.data)
    except msgspec.MsgspecError:
        raise UnreadableEvent("This is not a fact of the law", at="data") from None
