"""What an order of destruction takes here: kept messages about the person, and what of them waits to be told (REC-06, D8).

Messages that were translated are listed under each person they name. Those of the time before that list, and those that could not
be translated, are looked through for the person's numbers.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from integration_platform.events import person_key
from integration_platform.receiving.model import DESTROYED, is_destroyed, opened
from integration_platform.senders.store import Register
from integration_platform.translate.model import Delete, Merge, Origin, Put
from integration_platform.worker import translated
from kit.db import Connection
from kit.erasing import Order
from kit.outbox import read_headers
from kit.problems import Problem

_LISTED = """
select m.id, m.at, m.door, m.sender, m.source, m.control_id, m.body from message m
where m.at <= $2 and m.id in (select message from message_person where person = any($1::text[]))"""
_UNLISTED = """
select m.id, m.body from message m where m.id > $1 and m.at <= $2
and not exists (select from message_person p where p.message = m.id) order by m.id limit 500"""
_WORDS = re.compile(rb"\D")


class Destroying:
    """`register` says whose messages are, so that one can be translated again."""

    def __init__(self, register: Register) -> None:
        self._register = register

    async def __call__(self, con: Connection, order: Order, _doomed: Sequence[int]) -> tuple[dict[str, int], int]:
        """In the caller's transaction; rows by place, and how many are left."""
        secret = await con.fetchval("select hash_key from region")
        identifiers = [(one["system"], one["value"]) for one in order.identifiers]
        keys = [person_key(one, secret) for one in identifiers]
        keys += [person_key(("Patient", id), secret) for id in order.patients]
        found = [row["id"] for row in await con.fetch(_LISTED, keys, order.at) if self._about(row, order)]
        if not order.resources:
            found += await _naming(con, order, [value for _, value in identifiers])
        done = await con.execute(
            "update message set body = $2 where id = any($1::bigint[]) and body <> $2", found, DESTROYED
        )
        removed = {"message": int(done.split()[-1])}
        for table in ("message_waiting", "message_person"):
            column = "id" if table == "message_waiting" else "message"
            gone = await con.execute(f"delete from {table} where {column} = any($1::bigint[])", found)
            removed[table] = int(gone.split()[-1])
        await con.execute("update message_parked set reason = 'destroyed by order' where id = any($1::bigint[])", found)
        removed["outbox"] = await _untell(con, keys, order)
        removed["inbox"] = await _unheard(con, order, [value for _, value in identifiers])
        left = await con.fetchval(
            "select count(*) from message where id = any($1::bigint[]) and body <> $2", found, DESTROYED
        )
        return {place: count for place, count in removed.items() if count}, left

    def _about(self, row: Any, order: Order) -> bool:
        """Whether a message of the person says something that is to go; of the whole record every message is."""
        if not order.resources:
            return True
        if is_destroyed(row["body"]):
            return False
        return not set(order.resources).isdisjoint(self._names(row))

    def _names(self, row: Any) -> set[str]:
        sender = self._register.by_id.get(row["sender"] or "")
        if sender is None:
            return set()
        application, _, facility = row["source"].partition("|") if row["door"] == "mllp" else ("", "", "")
        origin = Origin(sender, application, facility, row["control_id"], row["id"], row["at"])
        try:
            translations = translated(row["door"], opened(row["body"]), origin)
        except Problem:
            return set()
        return {_name(entry) for one in translations for entry in one.entries if not isinstance(entry, Merge)}


def _name(entry: Put | Delete) -> str:
    if isinstance(entry, Delete):
        return f"{entry.kind}/{entry.id}"
    return f"{entry.resource['resourceType']}/{entry.resource['id']}"


async def _naming(con: Connection, order: Order, values: Sequence[str]) -> list[int]:
    """Messages that nobody is listed for and that hold one of the person's numbers, however it is written."""
    digits = [_WORDS.sub(b"", value.encode()) for value in values]
    wanted = {value.encode() for value in values} | {one for one in digits if len(one) >= 10}
    wanted |= {one[2:] for one in digits if len(one) == 12}
    found: list[int] = []
    after = 0
    while rows := await con.fetch(_UNLISTED, after, order.at):
        found += [row["id"] for row in rows if not is_destroyed(row["body"]) and _holds(opened(row["body"]), wanted)]
        after = rows[-1]["id"]
    return found


def _holds(raw: bytes, wanted: Iterable[bytes]) -> bool:
    bare = raw.replace(b"-", b"").replace(b"+", b"")
    return any(one in raw or one in bare for one in wanted)


async def _untell(con: Connection, keys: Sequence[str], order: Order) -> int:
    """What was translated before and has not left. Locks wait for a relay that is sending just now."""
    if order.resources:
        return 0  # told, it is left out by the region: what is destroyed there does not come back
    rows = await con.fetch(
        "select id from outbox where key = any($1::text[]) and at <= $2 order by id for update", list(keys), order.at
    )
    await con.execute("delete from outbox where id = any($1::bigint[])", [row["id"] for row in rows])
    return len(rows)


async def _unheard(con: Connection, order: Order, values: Sequence[str]) -> int:
    """What systems published to Kafka and that waits or was set aside."""
    count = 0
    wanted = [value.encode() for value in values if not order.resources]
    for table in ("inbox_waiting", "inbox_parked"):
        rows = await con.fetch(f"select id, headers, value from {table} where topic = 'exchange.inbox.v1' for update")
        gone = [row["id"] for row in rows if read_headers(row["headers"]) and _holds(row["value"], wanted)]
        await con.execute(f"delete from {table} where id = any($1::bigint[])", gone)
        count += len(gone)
    return count
