"""How orders rest: one row each, and a chain of everything that happened to them, of which each hash is over the one before."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from information_platform.erasure.model import OrderIn
from kit.caller import Caller
from kit.db import Connection, Pool

_LOCK = 7008  # one act of the chain at a time, until the transaction ends
_encode = msgspec.json.Encoder(order="sorted").encode
_INSERT = """
insert into erasure_order(id, patient, resources, reason, decision, provider, asked_by, asked_name)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing returning 1"""
_COLUMNS = "*"


async def add(con: Connection, asked: OrderIn, caller: Caller, provider: str) -> bool:
    """False when an order with this id stands."""
    new = await con.fetchval(
        _INSERT, asked.id, asked.patient, asked.resources, asked.reason, asked.decision, provider, caller.subject,
        caller.name,
    )  # fmt: skip
    return new is not None


async def load(con: Pool | Connection, id: UUID, *, hold: bool = False) -> Any | None:
    return await con.fetchrow("select * from erasure_order where id = $1" + (" for update" if hold else ""), id)


async def listed(con: Pool | Connection, provider: str | None) -> Sequence[Any]:
    """Newest first; of one care provider, or all (None)."""
    return await con.fetch(
        "select * from erasure_order where $1::text is null or provider = $1 order by asked_at desc limit 500", provider
    )


async def confirmed(con: Connection, id: UUID, caller: Caller, patients: Sequence[str], at: datetime) -> None:
    await con.execute(
        "update erasure_order set confirmed_by = $2, confirmed_name = $3, patients = $4, confirmed_at = $5 where id = $1",
        id, caller.subject, caller.name, list(patients), at,
    )  # fmt: skip


async def withdrawn(con: Connection, id: UUID, caller: Caller) -> None:
    await con.execute(
        "update erasure_order set withdrawn_by = $2, withdrawn_at = clock_timestamp() where id = $1", id, caller.subject
    )


async def happened(con: Connection, id: UUID, what: str, value: Mapping[str, Any]) -> None:
    """One more link of the chain, in the caller's transaction."""
    await con.execute("select pg_advisory_xact_lock($1)", _LOCK)
    last = await con.fetchrow("select seq, hash from erasure_act order by seq desc limit 1")
    seq, before = (last["seq"] + 1, last["hash"]) if last is not None else (1, b"")
    at = datetime.now(UTC)
    text = _encode(dict(value))
    await con.execute(
        "insert into erasure_act(seq, erasure, what, at, value, hash) values ($1, $2, $3, $4, $5, $6)",
        seq, id, what, at, text, _hash(before, seq, id, what, at, text),
    )  # fmt: skip


async def acts(con: Pool | Connection, id: UUID) -> Sequence[Any]:
    """What happened to this order, in order."""
    return await con.fetch("select what, at, value, hash from erasure_act where erasure = $1 order by seq", id)


async def unbroken(con: Pool | Connection) -> bool:
    """Whether every hash is what it must be, of all orders (there are few)."""
    before, expected = b"", 1
    for row in await con.fetch("select * from erasure_act order by seq"):
        made = _hash(before, row["seq"], row["erasure"], row["what"], row["at"], bytes(row["value"]))
        if row["seq"] != expected or made != row["hash"]:
            return False
        before, expected = row["hash"], expected + 1
    return True


async def finish(con: Connection, id: UUID, copies: Sequence[str]) -> bool:
    """Marks the order done when every copy has answered. True when it became so now."""
    answered = {row["what"].removeprefix("done:") for row in await acts(con, id)}
    if not set(copies) <= answered:
        return False
    done = await con.fetchval(
        "update erasure_order set done_at = clock_timestamp() where id = $1 and done_at is null returning 1", id
    )
    return done is not None


def _hash(before: bytes, seq: int, id: UUID, what: str, at: datetime, value: bytes) -> bytes:
    head = f"{seq}|{id}|{what}|{at.astimezone(UTC).isoformat()}|".encode()
    return hashlib.sha256(before + head + value).digest()
