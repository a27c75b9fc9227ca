"""Is the log what it was? Chains computed anew from the evidence, and the way to it compared with it (LOG-08)."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from fhirserver.engine import Engine
from fhirserver.logtelling import unpacked
from information_platform.log.asking import BEGINNING, END
from information_platform.log.collecting import entries, judged
from information_platform.log.model import posts
from kit.db import Connection
from kit.problems import Problem

_MOST = 1_000  # findings of one answer
_AT_ONCE = 200  # batches
_CHAIN = """
select id, at, source, chain, seq, rows, hash, body from log_batch where at >= $1 and at < $2 order by chain, seq, id"""
_BEFORE = "select seq, hash from log_batch where chain = $1 and seq < $2 order by seq desc limit 1"
_ENTRIES = "select at, pat, batch, who, nth from log_entry where batch = any($1::bigint[])"
_STRAY = """
select distinct e.batch from log_entry e where e.at >= $1 and e.at < $2
and not exists (select 1 from log_batch b where b.at = e.at and b.id = e.batch) limit 100"""
_SHORT = """
select h.source, h.chain, h.seq from log_head h where h.at >= $1 and h.at < $2
and not exists (select 1 from log_batch b where b.chain = h.chain and b.seq = h.seq and b.hash = h.hash) limit 100"""
# The same chains where this service has them itself: what was told and what stands there must be one.
_OWN = """
select b.source, b.chain, b.seq from log_batch b join access_chain c on (c.chain, c.seq) = (b.chain, b.seq)
where b.at >= $1 and b.at < $2 and (c.hash <> b.hash or c.rows <> b.rows) limit 100"""


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it was: `what` is hash, gap, taken, actor, batch, index, stray, end or source."""

    what: str
    source: str
    chain: int
    seq: int


class Verdict(msgspec.Struct):
    """How many batches and posts were looked at, and what is wrong with them; `more` when there was too much to list."""

    batches: int
    posts: int
    findings: list[Finding]
    more: bool = False


async def verify(engine: Engine, since: datetime = BEGINNING, until: datetime = END) -> Verdict:
    """Reads every batch that was written in this stretch of time. A million posts took 74 s on two busy cores."""
    verdict = Verdict(0, 0, [])
    async with engine.db.pool.acquire() as con, con.transaction(isolation="repeatable_read", readonly=True):
        await _chains(engine, con, verdict, since, until)
        for (batch,) in await con.fetch(_STRAY, since, until):
            _note(verdict, Finding("stray", "", 0, batch))
        for what, query in (("end", _SHORT), ("source", _OWN)):
            for row in await con.fetch(query, since, until):
                _note(verdict, Finding(what, *row))
    return verdict


async def _chains(engine: Engine, con: Connection, verdict: Verdict, since: datetime, until: datetime) -> None:
    """Batch after batch, chain after chain."""
    head: tuple[int, bytes] | None = None
    chain: int | None = None
    cursor = await con.cursor(_CHAIN, since, until)
    while rows := await cursor.fetch(_AT_ONCE):
        indexed: dict[int, list[Any]] = {row["id"]: [] for row in rows}
        for entry in await con.fetch(_ENTRIES, list(indexed)):
            indexed[entry["batch"]].append(tuple(entry))
        for row in rows:
            if row["chain"] != chain:
                chain = row["chain"]
                head = await _before(con, row)
            for what in _wrong(engine, row, head, indexed[row["id"]]):
                _note(verdict, Finding(what, row["source"], row["chain"], row["seq"]))
            head = row["seq"], bytes(row["hash"])
            verdict.batches, verdict.posts = verdict.batches + 1, verdict.posts + row["rows"]


async def _before(con: Connection, row: Any) -> tuple[int, bytes] | None:
    found = await con.fetchrow(_BEFORE, row["chain"], row["seq"])
    return None if found is None else (found["seq"], bytes(found["hash"]))


def _wrong(engine: Engine, row: Any, head: tuple[int, bytes] | None, indexed: Sequence[Any]) -> Sequence[str]:
    """What does not fit of one batch."""
    try:
        told = unpacked(bytes(row["body"]))
        inside = list(posts(told))
    except Problem:
        return ["batch"]
    wrong = [found] if (found := judged(told, head)) else []
    stands = (row["source"], row["chain"], row["seq"], bytes(row["hash"]), row["rows"])
    if stands != (told.source, told.chain, told.seq, told.hash, len(inside)):
        wrong.append("batch")
    at = inside[0].at if inside else row["at"]
    if Counter(indexed) != Counter(entries(engine, row["id"], at, inside)) or at != row["at"]:
        wrong.append("index")
    return wrong


def _note(verdict: Verdict, finding: Finding) -> None:
    if len(verdict.findings) < _MOST:
        verdict.findings.append(finding)
    else:
        verdict.more = True
