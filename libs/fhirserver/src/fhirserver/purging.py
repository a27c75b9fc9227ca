"""Removing for good: current version, history, index entries, what is not told yet, and kept answers, in one transaction.

The hook of legal erasure (architecture D8), which decides what is to go and reaches what other rooms hold. What is removed here
is told as a deletion. The access log stays: it holds ids and no content.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from fhircore.types import NAMES, TYPES
from fhirserver.engine import Engine
from fhirserver.idempotency import slot
from fhirserver.problems import NotFound
from fhirserver.store import Tombstone
from fhirserver.telling import opened, sealed
from kit.db import Connection
from kit.events import from_headers
from kit.outbox import Outgoing, read_headers
from kit.sealed_events import is_sealed
from kit.sealing import key_of

_OWN = """
select key from res where pat = $1 union select key from hist where pat = $1 union select $1"""
_CURRENT = "select key, rtype, id, ver, pat, lab from res where key = any($1::bigint[]) order by key for update"
_LAST = """
select distinct on (key) key, rtype, id, ver, pat, lab from hist where key = any($1::bigint[]) order by key, ver desc"""
_INDEX = ("alt", "idt", "str", "rng", "txt")
_OTHERS = "select count(distinct key) from alt where pat = $1 and not key = any($2::bigint[])"
_SLICE = 500  # kept answers looked through at a time


@dataclass(frozen=True, slots=True)
class Purged:
    """What was removed. `mentions` counts resources of others that this patient is also part of: they stay."""

    about: list[tuple[int, int, int]]
    resources: int
    versions: int
    mentions: int


async def purge(engine: Engine, con: Connection, type_name: str, id: str) -> Purged:
    """Removes the resource, and for a Patient everything that is first about them. The transaction, its log row and its
    commit are the caller's. Raises NotFound when there is nothing of that name, and never was."""
    key = engine.keys.of(f"{type_name}/{id}")
    keys = [key]
    if type_name == "Patient":
        keys = [row[0] for row in await con.fetch(_OWN, key)]
    standing = await con.fetch(_CURRENT, keys)
    last = {row["key"]: row for row in await con.fetch(_LAST, keys)} | {row["key"]: row for row in standing}
    named = last.get(key)
    if named is None or (NAMES[named["rtype"]], named["id"]) != (type_name, id):
        raise NotFound(f"There is no {type_name}/{id}", at=type_name)
    mentions = await con.fetchval(_OTHERS, key, keys) if type_name == "Patient" else 0
    versions = await _remove(con, keys)
    names = {f"{NAMES[row['rtype']]}/{row['id']}" for row in last.values()}
    patients = [name.removeprefix("Patient/") for name in names if name.startswith("Patient/")]
    await untell(engine, con, names, patients)
    await forget_answers(engine, con, names)
    at = datetime.now(UTC)
    whose = patients[0] if type_name == "Patient" else ""
    stones = [
        Tombstone(row["key"], NAMES[row["rtype"]], row["rtype"], row["id"], row["ver"] + 1, at, row["pat"], row["lab"], whose)
        for row in standing
    ]  # fmt: skip
    await engine.writer.tell(con, [], stones, at)
    about = sorted({(row["pat"], row["rtype"], row["lab"]) for row in last.values() if row["pat"]})
    return Purged(about, len(last), versions, mentions)


async def _remove(con: Connection, keys: Sequence[int]) -> int:
    """Rows of these keys in every table; how many versions there were."""
    for table in _INDEX:
        await con.execute(f"delete from {table} where key = any($1::bigint[])", keys)
    await con.execute("delete from same where key = any($1::bigint[])", keys)
    await con.execute("delete from subscription_event where key = any($1::bigint[])", keys)
    await con.execute(
        "delete from subscription where id = any(array("
        "select id from res where key = any($1::bigint[]) and rtype = $2))", keys, TYPES["Subscription"].number,
    )  # fmt: skip
    count = 0
    for table in ("res", "hist"):
        count += int((await con.execute(f"delete from {table} where key = any($1::bigint[])", keys)).split()[-1])
    return count


async def untell(
    engine: Engine,
    con: Connection,
    names: set[str],
    patients: Sequence[str],
    until: datetime | None = None,
    doomed: Collection[int] = (),
) -> None:
    """What waits in the outbox is sent without these resources (their versions of that time), and under another key than those
    that are about to be destroyed. Locks wait for a relay that is sending just now."""
    if engine.teller is None:
        return
    rows = await con.fetch(
        "select id, topic, key, headers, value from outbox where topic = $1 or key = any($2::text[]) order by id for update",
        engine.teller.topic or "", [*patients, *names],
    )  # fmt: skip
    for row in rows:
        if row["topic"] != engine.teller.topic:  # ids only: the deletion is told under the same key
            continue
        event = from_headers(read_headers(row["headers"]), row["key"], row["value"])
        is_doomed = is_sealed(event.data) and key_of(event.data) in doomed
        readable = await engine.codec.told(con, [event])
        if not readable:
            continue  # it says nothing to anybody any more
        [event] = readable
        record = opened(event)
        kept = [
            one
            for one in record.entries
            if f"{one.type}/{one.id}" not in names or (until is not None and one.updated > until)
        ]
        if not kept:
            await con.execute("delete from outbox where id = $1", row["id"])
        elif is_doomed or len(kept) < len(record.entries):
            rest = sealed(msgspec.json.encode(msgspec.structs.replace(record, entries=kept)))
            again = Outgoing(row["topic"], row["key"], replace(event, data=rest))
            [told] = await engine.codec.seal_told([again], row["topic"], engine.keys)
            await con.execute("update outbox set value = $2 where id = $1", row["id"], told.event.data)


async def forget_answers(engine: Engine, con: Connection, names: set[str]) -> None:
    """Answers kept for their Idempotency-Key that name one of these resources."""
    wanted = [f'"{name}"'.encode() for name in names] + [f"/{name}/".encode() for name in names]
    wanted += [f'"id":"{name.partition("/")[2]}"'.encode() for name in names]
    after = ("", "")
    while True:
        rows = await con.fetch(
            "select client, key, headers, body from idempotency where (client, key) > ($1, $2) order by client, key limit $3",
            *after, _SLICE,
        )  # fmt: skip
        if not rows:
            return
        await engine.codec.ready(con, [row["body"] for row in rows])
        for row in rows:
            said = engine.codec.unpack(row["body"], slot(row["client"], row["key"])) + row["headers"].encode()
            if any(one in said for one in wanted):
                await con.execute("delete from idempotency where client = $1 and key = $2", row["client"], row["key"])
        after = (rows[-1]["client"], rows[-1]["key"])
