"""Large transactions come in parts under one key; they are applied when all are here (D5)."""

from collections.abc import Sequence
from dataclasses import dataclass

from fhirserver.telling import Record, RecordEntry, opened
from kit.db import Connection
from kit.events import CloudEvent


@dataclass(slots=True)
class Told:
    """One whole transaction of a source, for one key."""

    source: str
    entries: list[RecordEntry]
    epoch: int = 1


async def whole(con: Connection, events: Sequence[CloudEvent]) -> list[Told]:
    """The transactions that these events make whole, in order. Raises UnreadableEvent (which parks) for other content."""
    found: list[Told] = []
    for event in events:
        record = opened(event)
        if record.parts <= 1:
            found.append(Told(event.source, record.entries, record.epoch))
            continue
        told = await _with_earlier(con, event, record)
        if told is not None:
            found.append(told)
    return found


async def _with_earlier(con: Connection, event: CloudEvent, record: Record) -> Told | None:
    """Keeps a part; gives the whole when it was the last one."""
    await con.execute(
        "insert into record_part(transaction, key, part, parts, value) values ($1, $2, $3, $4, $5) on conflict do nothing",
        record.transaction,
        event.key or "",
        record.part,
        record.parts,
        event.data,
    )
    rows = await con.fetch(
        "select value from record_part where transaction = $1 and key = $2 order by part",
        record.transaction,
        event.key or "",
    )
    if len(rows) < record.parts:
        return None
    await con.execute(
        "delete from record_part where transaction = $1 and key = $2", record.transaction, event.key or ""
    )
    entries: list[RecordEntry] = []
    for row in rows:
        part = CloudEvent(event.id, event.source, event.type, event.time, bytes(row["value"]), event.key)
        entries += opened(part).entries
    return Told(event.source, entries, record.epoch)
