"""What every service logged, collected: evidence first, its chain judged on arrival, then the way to it per patient and actor."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from fhirserver import logwho
from fhirserver.engine import Engine
from fhirserver.logtelling import TOPIC, ToldBatch, opened
from information_platform.log import months
from information_platform.log.model import Post, posts, time_of
from kit.db import Connection, driver
from kit.events import CloudEvent
from kit.inbox import Handler

log = structlog.get_logger(__name__)

_HEADS = "select chain, seq, hash from log_head where chain = any($1::bigint[]) order by chain for update"
_KNOWN = (
    "select chain, seq, hash from log_batch where (chain, seq) in (select * from unnest($1::bigint[], $2::bigint[]))"
)
_NUMBERS = "select nextval('log_batch_number') from generate_series(1, $1)"
_WHO = """
insert into log_who(id, actor, unit, provider, value)
select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bytea[]) on conflict do nothing"""
_MOVE = """
insert into log_head(chain, source, seq, hash, at)
select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[], $5::timestamptz[])
on conflict (chain) do update set seq = excluded.seq, hash = excluded.hash, at = excluded.at"""
_ALARM = """
insert into log_alarm(source, chain, seq, what) values ($1, $2, $3, $4) on conflict do nothing"""


@dataclass(slots=True)
class _Batch:
    told: ToldBatch
    at: datetime
    body: bytes
    posts: list[Post]
    number: int = 0


def handlers(engine: Engine) -> dict[str, Handler]:
    """By topic, for the inbox."""

    async def take(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        await _take(engine, await driver(tx), [_read(event) for event in events])

    return {TOPIC: take}


def _read(event: CloudEvent) -> _Batch:
    told = opened(event)
    return _Batch(told, time_of(told), event.data, list(posts(told)))


async def _take(engine: Engine, con: Connection, heard: Sequence[_Batch]) -> None:
    chains = sorted({one.told.chain for one in heard})
    heads = {row["chain"]: (row["seq"], bytes(row["hash"])) for row in await con.fetch(_HEADS, chains)}
    batches = await _new(con, heard, heads)
    moved: dict[int, _Batch] = {}
    for one in batches:
        wrong = judged(one.told, heads.get(one.told.chain))
        if wrong:
            await alarm(con, one.told.source, one.told.chain, one.told.seq, wrong)
        if one.told.seq > heads.get(one.told.chain, (-1, b""))[0]:
            heads[one.told.chain] = one.told.seq, one.told.hash
            moved[one.told.chain] = one
    await _store(engine, con, batches)
    await con.execute(
        _MOVE,
        list(moved),
        [one.told.source for one in moved.values()],
        [one.told.seq for one in moved.values()],
        [one.told.hash for one in moved.values()],
        [one.at for one in moved.values()],
    )


async def _new(con: Connection, heard: Sequence[_Batch], heads: dict[int, tuple[int, bytes]]) -> list[_Batch]:
    """Without those that stand here already: told again, for example after a restore of their source."""
    again = [one.told for one in heard if one.told.chain in heads and one.told.seq <= heads[one.told.chain][0]]
    if not again:
        return list(heard)
    rows = await con.fetch(_KNOWN, [one.chain for one in again], [one.seq for one in again])
    known = {(row["chain"], row["seq"], bytes(row["hash"])) for row in rows}
    return [one for one in heard if (one.told.chain, one.told.seq, one.told.hash) not in known]


def judged(told: ToldBatch, head: tuple[int, bytes] | None) -> str:
    """What is wrong with a batch that comes after `head` (number and hash of the one before); empty when it follows."""
    if any(logwho.number(bytes(value)) != int(number) for number, value in told.who.items()):
        return "actor"  # somebody is not who the row says
    if head is None:
        if told.seq > 0:
            return "gap"  # the beginning of the chain never came
    elif told.seq <= head[0]:
        return "taken"  # another batch stands in this place
    elif told.seq > head[0] + 1:
        return "gap"
    before = b"" if head is None else head[1]
    return "" if hashlib.sha256(before + bytes(told.batch)).digest() == told.hash else "hash"


async def alarm(con: Connection, source: str, chain: int, seq: int, what: str) -> None:
    """Kept for whoever watches over the log, and said to the operator."""
    await con.execute(_ALARM, source, chain, seq, what)
    log.error("access log does not follow its chain", code=what)


async def _store(engine: Engine, con: Connection, batches: Sequence[_Batch]) -> None:
    if not batches:
        return
    await months.ensure(con, (one.at for one in batches))
    for one, row in zip(batches, await con.fetch(_NUMBERS, len(batches)), strict=True):
        one.number = row[0]
    who = {logwho.number_of(post.who): post.who for one in batches for post in one.posts}
    await con.execute(
        _WHO,
        list(who),
        [one.id for one in who.values()],
        [one.unit for one in who.values()],
        [one.provider for one in who.values()],
        [logwho.packed(one) for one in who.values()],
    )
    await con.copy_records_to_table(
        "log_batch",
        records=[
            (b.number, b.at, b.told.source, b.told.chain, b.told.seq, len(b.posts), b.told.hash, b.body)
            for b in batches
        ],
        columns=["id", "at", "source", "chain", "seq", "rows", "hash", "body"],
    )
    await con.copy_records_to_table(
        "log_entry",
        records=[row for one in batches for row in entries(engine, one.number, one.at, one.posts)],
        columns=["at", "pat", "batch", "who", "nth"],
    )


def entries(engine: Engine, number: int, at: datetime, found: Iterable[Post]) -> list[tuple[Any, ...]]:
    """The rows of the way to a batch: one per request and patient, 0 where it is about nobody who is known."""
    rows = []
    for nth, post in enumerate(found):
        pats = sorted({engine.keys.of(f"Patient/{id}") for id in post.patient_ids}) or [0]
        rows += [(at, pat, number, logwho.number_of(post.who), nth) for pat in pats]
    return rows
