"""What an order of destruction takes here: kept messages about the person, and what of them waits to be told (REC-06, D8).

Messages that were translated are listed under each person they name. Those of the time before that list, and those that could not
be translated, are looked through for the person's numbers.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from integration_platform.events import RECORD, number_of, person_key
from integration_platform.receiving.bodies import TOGETHER, Bodies, is_here
from integration_platform.receiving.model import DESTROYED
from integration_platform.senders.store import Register
from integration_platform.translate.model import Delete, Merge, Origin, Put
from integration_platform.worker import translated
from kit.db import Connection
from kit.erasing import Order
from kit.outbox import read_headers
from kit.problems import Problem
from kit.sealing import new_key

_COLUMNS = "m.id, m.at, m.door, m.sender, m.source, m.control_id, m.ident, m.digest, m.body, m.sealed_by"
_LISTED = f"""
select {_COLUMNS} from message m
where m.at <= $2 and m.id in (select message from message_person where person = any($1::text[])) order by m.id"""
_UNLISTED = f"""
select {_COLUMNS} from message m where m.id > $1 and m.at <= $2
and not exists (select from message_person p where p.message = m.id) order by m.id limit 500"""
_SHARING = (
    f"select {_COLUMNS} from message m where m.sealed_by = any($1::bigint[]) and m.body <> $2 order by m.id for update"
)
_TELL_AGAIN = """
with stays as (
    delete from message_told where id in (select message from message_person where person = any($1::text[])) returning id
) insert into message_waiting (id, again) select id, true from stays on conflict do nothing"""
_WORDS = re.compile(rb"\D")


class Destroying:
    """`register` says whose messages are, so that one can be translated again."""

    def __init__(self, register: Register, bodies: Bodies) -> None:
        self._register, self._bodies = register, bodies

    async def owners(self, con: Connection, order: Order) -> list[int]:
        """Of the person's events, and of the keys that the messages share which will go."""
        numbers = {number_of(key) for key in await _keys(con, order)}
        sealed = {row["sealed_by"] for row in await self._found(con, order)} - {None}
        shared = await con.fetch("select owner from keys.data_key where id = any($1::bigint[])", list(sealed))
        return sorted(numbers | {row["owner"] for row in shared})

    async def __call__(self, con: Connection, order: Order, doomed: Sequence[int]) -> tuple[dict[str, int], int]:
        """In the caller's transaction; rows by place, and how many are left."""
        keys = await _keys(con, order)
        found = [row["id"] for row in await self._found(con, order)]
        done = await con.execute(
            "update message set body = $2, sealed_by = null where id = any($1::bigint[]) and body <> $2",
            found,
            DESTROYED,
        )
        removed = {"message": int(done.split()[-1])}
        for table in ("message_waiting", "message_person"):
            column = "id" if table == "message_waiting" else "message"
            gone = await con.execute(f"delete from {table} where {column} = any($1::bigint[])", found)
            removed[table] = int(gone.split()[-1])
        await con.execute("update message_parked set reason = 'destroyed by order' where id = any($1::bigint[])", found)
        removed["outbox"] = await _untell(con, keys, order)
        removed["inbox"] = await _unheard(con, order, [one["value"] for one in order.identifiers])
        if doomed:
            removed["sealed again"] = await self._seal_again(con, doomed)
            # Who has not heard what stays of the person cannot open what was told under the key that goes.
            await con.execute("delete from outbox where key = any($1::text[]) and topic = $2", list(keys), RECORD)
            await con.execute(_TELL_AGAIN, list(keys))
        left = await con.fetchval(
            "select count(*) from message where id = any($1::bigint[]) and body <> $2", found, DESTROYED
        )
        return {place: count for place, count in removed.items() if count}, left

    async def _found(self, con: Connection, order: Order) -> list[Any]:
        """Messages that go."""
        rows = await con.fetch(_LISTED, await _keys(con, order), order.at)
        await self._bodies.ready(con, rows)
        found = [row for row in rows if self._about(row, order)]
        return found if order.resources else found + await self._naming(con, order)

    async def _seal_again(self, con: Connection, doomed: Sequence[int]) -> int:
        """Messages of others that came in the same minute, under a key of their own."""
        rows = await con.fetch(_SHARING, list(doomed), DESTROYED)
        ring = self._bodies.ring
        if not rows or ring is None:
            return 0
        await self._bodies.ready(con, rows)
        for start in range(0, len(rows), TOGETHER):
            part = rows[start : start + TOGETHER]
            block = new_key()[0]
            key = (await ring.current([block]))[block]
            await con.executemany(
                "update message set body = $2, sealed_by = $3 where id = $1",
                [(row["id"], self._bodies.again(row, key), key.id) for row in part],
            )
        return len(rows)

    async def _naming(self, con: Connection, order: Order) -> list[Any]:
        """Messages that nobody is listed for and that hold one of the person's numbers, however it is written."""
        values = [one["value"] for one in order.identifiers]
        digits = [_WORDS.sub(b"", value.encode()) for value in values]
        wanted = {value.encode() for value in values} | {one for one in digits if len(one) >= 10}
        wanted |= {one[2:] for one in digits if len(one) == 12}
        found: list[Any] = []
        after = 0
        while rows := await con.fetch(_UNLISTED, after, order.at):
            await self._bodies.ready(con, rows)
            found += [row for row in rows if is_here(row) and _holds(self._bodies.opened(row), wanted)]
            after = rows[-1]["id"]
        return found

    def _about(self, row: Any, order: Order) -> bool:
        """Whether a message of the person says something that is to go; of the whole record every message is."""
        if not order.resources:
            return True
        if not is_here(row):
            return False
        return not set(order.resources).isdisjoint(self._names(row))

    def _names(self, row: Any) -> set[str]:
        sender = self._register.by_id.get(row["sender"] or "")
        if sender is None:
            return set()
        application, _, facility = row["source"].partition("|") if row["door"] == "mllp" else ("", "", "")
        origin = Origin(sender, application, facility, row["control_id"], row["id"], row["at"])
        try:
            translations = translated(row["door"], self._bodies.opened(row), origin)
        except Problem:
            return set()
        return {_name(entry) for one in translations for entry in one.entries if not isinstance(entry, Merge)}


def _name(entry: Put | Delete) -> str:
    if isinstance(entry, Delete):
        return f"{entry.kind}/{entry.id}"
    return f"{entry.resource['resourceType']}/{entry.resource['id']}"


async def _keys(con: Connection, order: Order) -> list[str]:
    """The keys that the person's events have."""
    secret = await con.fetchval("select hash_key from region")
    keys = [person_key((one["system"], one["value"]), secret) for one in order.identifiers]
    return keys + [person_key(("Patient", id), secret) for id in order.patients]


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
