"""What the order takes here: the region's record, who the person is, what the law was told, and what waits to be heard."""

from collections.abc import Sequence
from typing import Any

from fhirserver import erasing
from fhirserver.engine import Engine
from fhirserver.telling import Record, opened
from information_platform.access.actions import FactsOwner
from information_platform.ingestion.parts import unpacked
from information_platform.persons import said
from information_platform.requests import store as requests
from kit.db import Connection
from kit.erasing import Order
from kit.events import CloudEvent, UnreadableEvent, from_headers
from kit.outbox import read_headers
from kit.sealed_events import Opening, UnknownKey

_HEARD = ("inbox_waiting", "inbox_parked")


async def destroy(
    engine: Engine, law: FactsOwner, opening: Opening, con: Connection, order: Order, doomed: Sequence[int]
) -> tuple[dict[str, int], int]:
    """In the caller's transaction; rows by place, and how many are left."""
    removed, left = await erasing.destroy(engine, con, order, doomed)
    for table in _HEARD:
        removed[table] = await _unheard(con, opening, order, table)
    removed["requests"] = await requests.destroy(engine, con, order, doomed)
    removed["parts"] = await _parts(engine, con, order, doomed)
    if not order.resources:
        removed["persons"] = await _person(con, order)
        for patient in order.patients[:1]:
            await law.forget(con, patient)
        left += await con.fetchval(
            "select count(*) from person_source where id = any($1::text[]) and updated <= $2", order.patients, order.at
        )
    if doomed:
        removed["sealed again"] = removed.get("sealed again", 0) + await _said_again(engine, con, order, doomed)
    return {place: count for place, count in removed.items() if count}, left


async def _person(con: Connection, order: Order) -> int:
    """What sources said of the person, and the numbers. The ids stay: the access log is read by them."""
    count = 0
    for statement in (
        "delete from person_source where updated <= $2 and (id = any($1::text[]) or person = any($1::text[]))",
        "delete from person_identifier where since <= $2 and person = any($1::text[])",
        "update person set digest = null where id = any($1::text[]) and $2::timestamptz is not null",
        "delete from access_protected where person = any($1::text[]) and $2::timestamptz is not null",
    ):
        done = await con.execute(statement, order.patients, order.at)
        count += int(done.split()[-1]) if statement.startswith("delete") else 0
    return count


async def _said_again(engine: Engine, con: Connection, order: Order, doomed: Sequence[int]) -> int:
    """What sources said of the person and stays although its key goes, under the new one."""
    rows = await con.fetch("select id, body from person_source where person = any($1::text[])", order.patients)
    left = [row for row in rows if erasing.sealed_with(row["body"], doomed)]
    if not left or engine.codec.ring is None:
        return 0
    owner = erasing.owners(engine, order)[0]
    key = (await engine.codec.ring.current([owner]))[owner]
    await engine.codec.ready(con, [row["body"] for row in left])
    for row in left:
        body = engine.codec.sealed_again(row["body"], said.place(engine.keys, row["id"]), key)
        await con.execute("update person_source set body = $2 where id = $1", row["id"], body)
    return len(left)


async def _unheard(con: Connection, opening: Opening, order: Order, table: str) -> int:
    """Messages about it that wait or were set aside. What nobody can open any more is left out when it is taken up."""
    rows = await con.fetch(
        f"select id, topic, key, headers, value from {table} where topic like '%.record.v1' order by id for update"
    )
    gone = [row["id"] for row in rows if names(await _record(opening, row), order)]
    await con.execute(f"delete from {table} where id = any($1::bigint[])", gone)
    return len(gone)


async def _parts(engine: Engine, con: Connection, order: Order, doomed: Sequence[int]) -> int:
    """Parts of large transactions whose other parts have not come; those that nobody could read afterwards go too."""
    rows = await con.fetch("select transaction, key, part, value, at from record_part for update")
    await engine.codec.ready(con, [row["value"] for row in rows])
    gone = 0
    for row in rows:
        value = unpacked(engine, row["value"], str(row["transaction"]), row["key"], row["part"])
        event = CloudEvent("", "", "", row["at"], value, row["key"])
        if erasing.sealed_with(row["value"], doomed) or names(record_of(event), order):
            await con.execute(
                "delete from record_part where transaction = $1 and key = $2", row["transaction"], row["key"]
            )
            gone += 1
    return gone


async def _record(opening: Opening, row: Any) -> Record | None:
    try:
        event = from_headers(read_headers(row["headers"]), row["key"], row["value"])
        [found] = await opening(row["topic"], [event])
    except (UnreadableEvent, UnknownKey):
        return None
    return None if found is None else record_of(found)


def record_of(event: CloudEvent) -> Record | None:
    """What an event tells; None where nobody can read it."""
    try:
        return opened(event)
    except UnreadableEvent:
        return None


def names(record: Record | None, order: Order) -> bool:
    """Whether a record tells what must go. One that nobody can read says nothing to anybody and is not looked into."""
    if record is None:
        return False
    names = set(order.names)
    marks = [] if order.resources else [f'"Patient/{id}"'.encode() for id in order.patients]
    marks += [] if order.resources else [f'"{one["value"]}"'.encode() for one in order.identifiers]
    return any(
        entry.updated <= order.at
        and (f"{entry.type}/{entry.id}" in names or any(mark in bytes(entry.resource) for mark in marks))
        for entry in record.entries
    )
