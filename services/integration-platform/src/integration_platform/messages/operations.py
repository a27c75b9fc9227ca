"""Kept messages for the operator: those that are parked, the translator's queue, and how much each door takes in."""

from collections.abc import Callable, Sequence

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from integration_platform.messages import store
from integration_platform.receiving.bodies import Bodies
from integration_platform.senders.model import UnregisteredSender
from integration_platform.senders.store import Register
from kit.aside import Held, NoSuchMessage, Shown, State
from kit.db import Connection
from kit.lag import Measure, Step
from kit.tls import Certificate

DOORS = ("mllp", "events", "inbox")
_PARKED = """
select m.id, p.at, m.door, m.sender, m.kind, m.control_id, m.at as came, p.code, p.reason, p.location, p.given_up_at
from message_parked p join message m using (id)"""
_COUNTED = "select id from message_parked where given_up_at is null and ($1::text is null or code = $1) order by id"
_QUEUE = """
select count(*), extract(epoch from now() - min(m.at))::float8 from message_waiting w join message m using (id)"""
_TOLD = "select count(*) from message_told where at > now() - interval '1 minute'"
_CAME = "select count(*) from message where at > now() - interval '1 minute' and door = $1"
_LAST = "select extract(epoch from now() - at)::float8 from message order by id desc limit 1"


class ParkedMessages:
    """Messages of systems that could not be translated, or were nobody's."""

    prefix = "message"

    def __init__(self, register: Register, bodies: Bodies, wake: Callable[[], None]) -> None:
        self._register, self._bodies = register, bodies
        self._wake = wake

    async def listed(self, con: Connection, code: str | None, limit: int) -> list[Held]:
        """Newest first."""
        rows = await con.fetch(
            f"{_PARKED} where p.given_up_at is null and ($1::text is null or p.code = $1) order by p.id desc limit $2",
            code,
            limit,
        )
        return [_held(row) for row in rows]

    async def load(self, con: Connection, number: int) -> Shown:
        """Raises NoSuchMessage."""
        row = await con.fetchrow(f"{_PARKED} where p.id = $1", number)
        if row is None:
            raise NoSuchMessage
        kept = await con.fetchrow("select ident, digest, body from message where id = $1", number)
        await self._bodies.ready(con, [kept])
        body = self._bodies.opened(kept)
        found = {"door": row["door"], "sender": row["sender"] or "nobody's", "kind": row["kind"],
                 "control id": row["control_id"], "received": row["came"].isoformat(), "at": row["location"] or ""}  # fmt: skip
        return Shown(_held(row), found, len(body), 0, body)

    async def matching(self, con: Connection, code: str | None) -> list[int]:
        return [row["id"] for row in await con.fetch(_COUNTED, code)]

    async def present(self, con: Connection, numbers: Sequence[int]) -> list[int]:
        rows = await con.fetch("select id from message_parked where id = any($1::bigint[]) order by id", numbers)
        return [row["id"] for row in rows]

    async def replay(self, tx: AsyncConnection, con: Connection, numbers: Sequence[int]) -> int:
        """Under their original numbers, so that what is newer stays newer; those that are still nobody's stay parked."""
        done = 0
        for number in sorted(numbers):
            try:
                async with tx.begin_nested():
                    await store.replay(tx, number, self._register.now)
                done += 1
            except UnregisteredSender:
                continue
        self._wake()
        return done

    async def give_up(self, con: Connection, number: int) -> None:
        done = await con.execute(
            "update message_parked set given_up_at = now() where id = $1 and given_up_at is null", number
        )
        if done == "UPDATE 0":
            raise NoSuchMessage


_MOST_WARNED = 10_000  # looked at, the newest first
_WARNED = f"""
select count(*) from (
    select at, door from message where answer like 'AA|%' order by id desc limit {_MOST_WARNED}) newest
where door = $1 and at > now() - interval '24 hours'"""


def steps(certificate: Certificate | None = None) -> list[Measure]:
    """The translator, then each door; `certificate` is the MLLP door's, which knows whom it turned away."""
    return [_translator, *(_door(name, certificate if name == "mllp" else None) for name in DOORS)]


async def _translator(con: Connection) -> Step:
    waiting, oldest = await con.fetchrow(_QUEUE) or (0, None)
    parked = await con.fetchval("select count(*) from message_parked where given_up_at is null")
    told, newest = await con.fetchval(_TOLD), await con.fetchval(_LAST)
    return Step("translator", waiting, oldest, newest, float(told), parked)


def _door(name: str, certificate: Certificate | None) -> Measure:
    async def measure(con: Connection) -> Step:
        away = certificate.strangers.lately() if certificate is not None else {}
        came, warned = await con.fetchval(_CAME, name), await con.fetchval(_WARNED, name)
        return Step(f"door {name}", per_minute=float(came), turned_away=away, warned=warned)

    return measure


def _held(row: asyncpg.Record) -> Held:
    state: State = "parked" if row["given_up_at"] is None else "given up"
    about = f"{row['door']} {row['kind']}"
    return Held(f"message-{row['id']}", state, row["at"], "translator", about, row["code"], row["reason"])
