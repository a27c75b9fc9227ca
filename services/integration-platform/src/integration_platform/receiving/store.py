"""How messages come to rest: many in one statement, each once (hot path: asyncpg)."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg

from integration_platform.receiving.bodies import Bodies
from integration_platform.receiving.model import Incoming, Kept, clean, read_verdict, written
from kit.problems import Problem

Key = tuple[int, uuid.UUID]

if TYPE_CHECKING:
    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]
else:
    Connection = asyncpg.Connection

_ADD = """
with given as (
    select * from unnest(
        $1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::bytea[], $12::text[], $13::text[], $14::text[], $15::bigint[]
    ) with ordinality as t (
        ident, digest, door, sender, came_from, source, kind, control_id, answer,
        traceparent, body, code, reason, location, sealed_by, nth)
), added as (
    insert into message (
        ident, digest, changed, door, sender, came_from, source, kind, control_id, answer, traceparent, body,
        sealed_by)
    select g.ident, g.digest, exists (select from message m where m.ident = g.ident),
        g.door, g.sender, g.came_from, g.source, g.kind, g.control_id, g.answer, g.traceparent, g.body, g.sealed_by
    from given g order by nth
    on conflict (ident, digest) do nothing
    returning id, ident, digest, at
), waiting as (
    insert into message_waiting
    select a.id from added a join given g using (ident, digest) where g.code is null order by a.id
), parked as (
    insert into message_parked (id, code, reason, location)
    select a.id, g.code, g.reason, g.location from added a join given g using (ident, digest) where g.code is not null
)
select id, ident, digest, at from added"""

_KNOWN = """
select m.id, m.ident, m.digest, m.at, m.answer
from message m join unnest($1::bigint[], $2::uuid[]) as t (ident, digest) using (ident, digest)"""


async def add(con: Connection, messages: Sequence[Incoming], bodies: Bodies) -> list[Kept]:
    """Stores what is new and finds what is known; in order. One statement, two when something was known.

    Must be alone in a transaction of its own or inside the caller's: message, fate and answer stand or fall together.
    """
    keys = [(message.ident, message.digest) for message in messages]
    fresh: dict[Key, Incoming] = {}
    for key, message in zip(keys, messages, strict=True):
        fresh.setdefault(key, message)
    found: dict[Key, Kept] = {}
    for row in await con.fetch(_ADD, *_columns(fresh, await bodies.packed(list(fresh.values())))):
        key = (row["ident"], row["digest"])
        found[key] = Kept(row["id"], row["at"], fresh[key].verdict)
    known = [key for key in fresh if key not in found]
    if known:
        for row in await con.fetch(_KNOWN, [ident for ident, _ in known], [digest for _, digest in known]):
            found[row["ident"], row["digest"]] = Kept(row["id"], row["at"], read_verdict(row["answer"]), again=True)
    seen: set[Key] = set()
    return [_nth(found[key], key, seen) for key in keys]


def _nth(kept: Kept, key: Key, seen: set[Key]) -> Kept:
    """The second of two equal messages in one batch is a repetition too."""
    if key in seen:
        return replace(kept, again=True)
    seen.add(key)
    return kept


def _columns(fresh: Mapping[Key, Incoming], packed: Sequence[tuple[bytes, int | None]]) -> tuple[list[Any], ...]:
    rows = [
        (
            ident,
            digest,
            message.door,
            message.sender,
            clean(message.came_from) if message.came_from is not None else None,
            clean(message.source),
            clean(message.kind),
            clean(message.control_id),
            written(message.verdict),
            message.traceparent,
            body,
            message.refused.code if message.refused is not None else None,
            reason_of(message.refused) if message.refused is not None else None,
            message.refused.at if message.refused is not None else None,
            sealed_by,
        )
        for ((ident, digest), message), (body, sealed_by) in zip(fresh.items(), packed, strict=True)
    ]
    return tuple(list(column) for column in zip(*rows, strict=True))


def reason_of(problem: Problem) -> str:
    """Why, for a list that people read: no values of the message, which may be a patient's (issues quote them)."""
    first = problem.issues[0]
    if len(problem.issues) > 1 or first.detail != problem.detail:
        return f"{problem.title} ({len(problem.issues)})"
    return clean(problem.detail)
