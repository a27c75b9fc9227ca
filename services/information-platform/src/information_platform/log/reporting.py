"""Reports that are too large to wait for: ordered, made by a loop, fetched by id by who ordered them (LOG-11)."""

import asyncio
import uuid
from datetime import timedelta

import msgspec
import structlog
import zstandard

from fhirserver.engine import Engine
from information_platform.log.asking import Question, about, answers
from information_platform.log.model import shown
from kit.caller import Caller
from kit.problems import Kind, Problem

_EVERY = 2.0  # seconds between two looks for an order
_KEPT = timedelta(days=7)
_MOST = 1_000_000  # posts of one report

_ORDER = "insert into log_report(id, asked_by, provider, question) values ($1, $2, $3, $4)"
_FETCH = "select state, result, posts from log_report where id = $1 and asked_by = $2"
_NEXT = "select id, question from log_report where state = 'waiting' order by asked limit 1 for update skip locked"
_READY = "update log_report set state = $2, result = $3, posts = $4 where id = $1"
_FORGET = "delete from log_report where asked < now() - $1::interval"

log = structlog.get_logger(__name__)


class NoSuchReport(Problem):
    """There is none with this id that this caller ordered; reports are kept for seven days."""

    kind = Kind.NOT_FOUND
    code = "log/no-such-report"
    title = "There is no such report of yours"


async def order(engine: Engine, caller: Caller, question: Question) -> uuid.UUID:
    """Writes the order down."""
    id = uuid.uuid4()
    await engine.db.pool.execute(_ORDER, id, caller.subject, question.within, msgspec.json.encode(question))
    return id


async def fetch(engine: Engine, caller: Caller, id: uuid.UUID) -> tuple[str, bytes | None, int]:
    """Its state, and its lines when it is ready. Raises NoSuchReport."""
    row = await engine.db.pool.fetchrow(_FETCH, id, caller.subject)
    if row is None:
        raise NoSuchReport
    if row["state"] != "ready":
        return row["state"], None, 0
    return "ready", zstandard.ZstdDecompressor().decompressobj().decompress(bytes(row["result"])), row["posts"]


class Reports:
    """The loop that makes what was ordered."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def run(self) -> None:
        """Until cancelled; raises what the database raises."""
        while True:
            while await self.once():
                pass
            await self._engine.db.pool.execute(_FORGET, _KEPT)
            await asyncio.sleep(_EVERY)

    async def once(self) -> bool:
        """Makes one report; False when none waits."""
        async with self._engine.db.pool.acquire() as con, con.transaction():
            row = await con.fetchrow(_NEXT)
            if row is None:
                return False
            lines, count = zstandard.ZstdCompressor().compressobj(), 0
            made = []
            question = msgspec.json.decode(row["question"], type=Question)
            mine = about(self._engine, question.patient)
            async for found in answers(self._engine, question):
                if count == _MOST:
                    await con.execute(_READY, row["id"], "failed", None, count)
                    log.warning("report of the log is too large", limit=_MOST)
                    return True
                made.append(lines.compress(msgspec.json.encode(shown(found.post, mine)) + b"\n"))
                count += 1
            made.append(lines.flush())
            await con.execute(_READY, row["id"], "ready", b"".join(made), count)
        return True
