"""What was destroyed does not come back: what sources tell of it from before the order is left out (REC-06's filter list)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from fhirserver.telling import RecordEntry
from kit.db import Connection
from kit.erasing import Order


class Told(Protocol):
    """One entry of a record event, and the Patients it names."""

    entry: RecordEntry
    raw: bytes
    patients: set[str]


T = TypeVar("T", bound=Told)


async def remember(con: Connection, order: Order) -> None:
    """From now on; a later order of the same reaches further."""
    await con.execute(
        "insert into erasure_past(name, until) select *, $2::timestamptz from unnest($1::text[])"
        " on conflict (name) do update set until = greatest(erasure_past.until, excluded.until)",
        order.names, order.at,
    )  # fmt: skip


async def without(con: Connection, engine: Engine, told: Sequence[T]) -> list[T]:
    """These, less what was written before the destruction of what it is about."""
    names = {_name(one.entry) for one in told} | {f"Patient/{id}" for one in told for id in one.patients}
    rows = await con.fetch("select name, until from erasure_past where name = any($1::text[])", list(names))
    if not rows:
        return list(told)
    until = {row["name"]: row["until"] for row in rows}
    return [one for one in told if not _destroyed(one, until, lambda step: _about(engine, step))]


def _destroyed(one: Told, until: dict[str, datetime], about: Callable[[Told], Iterable[str]]) -> bool:
    entry = one.entry
    if entry.op == "merge":
        return False
    meant = [_name(entry)]
    if entry.type != "Patient" and any(f"Patient/{id}" in until for id in one.patients):
        meant += about(one)
    return any(name in until and entry.updated <= until[name] for name in meant)


def _about(engine: Engine, one: Told) -> list[str]:
    """Whose record it is in: the first of the patients it is about, as it will be stored."""
    if not one.raw:
        return []
    entries = engine.indexer.entries(one.entry.type, one.entry.id, parsed(one.raw))
    return [f"Patient/{id}" for id in list(entries.patients.values())[:1]]


def _name(entry: RecordEntry) -> str:
    return f"{entry.type}/{entry.id}"
