"""Large transactions come in parts under one key; they are applied when all are here (D5)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhirserver.engine import Engine
from fhirserver.telling import Record, RecordEntry, opened
from kit.db import Connection
from kit.events import CloudEvent

_PATIENT = re.compile(rb'"reference":"Patient/([A-Za-z0-9\-.]{1,64})"')


@dataclass(slots=True)
class Told:
    """One whole transaction of a source, for one key."""

    source: str
    entries: list[RecordEntry]
    epoch: int = 1


async def whole(con: Connection, engine: Engine, events: Sequence[CloudEvent]) -> list[Told]:
    """The transactions that these events make whole, in order. Raises UnreadableEvent (which parks) for other content."""
    found: list[Told] = []
    for event in events:
        record = opened(event)
        if record.parts <= 1:
            found.append(Told(event.source, record.entries, record.epoch))
            continue
        told = await _with_earlier(con, engine, event, record)
        if told is not None:
            found.append(told)
    return found


async def _with_earlier(con: Connection, engine: Engine, event: CloudEvent, record: Record) -> Told | None:
    """Keeps a part; gives the whole when it was the last one."""
    await con.execute(
        "insert into record_part(transaction, key, part, parts, value) values ($1, $2, $3, $4, $5) on conflict do nothing",
        record.transaction,
        event.key or "",
        record.part,
        record.parts,
        await kept(con, engine, event.data, record, event.key or ""),
    )
    rows = await con.fetch(
        "select part, value from record_part where transaction = $1 and key = $2 order by part",
        record.transaction,
        event.key or "",
    )
    if len(rows) < record.parts:
        return None
    await con.execute(
        "delete from record_part where transaction = $1 and key = $2", record.transaction, event.key or ""
    )
    entries: list[RecordEntry] = []
    await engine.codec.ready(con, [row["value"] for row in rows])
    for row in rows:
        part = CloudEvent(event.id, event.source, event.type, event.time, b"", event.key)
        value = unpacked(engine, row["value"], record.transaction, event.key or "", row["part"])
        entries += opened(replace(part, data=value)).entries
    return Told(event.source, entries, record.epoch)


async def kept(con: Connection, engine: Engine, value: bytes, record: Record, key: str) -> bytes:
    """A part as it waits here: the event's value, sealed with a key of everybody it names."""
    named = {found.decode() for entry in record.entries for found in _PATIENT.findall(bytes(entry.resource))}
    named |= {entry.id for entry in record.entries if entry.type == "Patient"}
    owners = [engine.keys.of(f"Patient/{id}") for id in named]
    return await engine.codec.pack_for(con, value, owners, _place(engine, record.transaction, key, record.part))


def unpacked(engine: Engine, stored: bytes, transaction: str, key: str, part: int) -> bytes:
    """The value again; its key must be ready. Raises Erased."""
    value = engine.codec.unpack(stored, _place(engine, transaction, key, part))
    return stored if value.startswith(b"{") else value  # kept by a version that kept events as they came


def _place(engine: Engine, transaction: str, key: str, part: int) -> int:
    return engine.keys.of(f"record_part/{transaction}/{key}/{part}")
