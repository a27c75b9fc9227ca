"""What a finished job gives: its manifest, and its files, made when they are fetched.

A file is joined from stored bytes as it streams; what its owner may no longer see, and what was erased since, is not in it.
One log row per file is committed before its first byte leaves (architecture D7).
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime
from typing import Any

import msgspec

from access import Sight, allows
from fhircore.outcome import Issue, operation_outcome
from fhircore.types import NAMES
from fhirserver.accesslog import Entry
from fhirserver.bodies import instant, plain
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.operations.asking import Ask
from fhirserver.operations.jobs import KEPT, Job
from fhirserver.problems import Forbidden, NotFound

NDJSON = b"application/fhir+ndjson"
_BATCH = 1_000
_SELECT = "select key, ver, pat, lab, dt, dte, body, rtype from res where key = any($1::bigint[])"
_OLD = """
select h.key, h.ver, h.pat, h.lab, null::bigint as dt, null::bigint as dte, h.body, h.rtype
from hist h join unnest($1::bigint[], $2::int[]) as u(key, ver)
on h.key = u.key and h.ver = u.ver where h.op = 'P'"""
_GONE = """
select h.rtype, h.id, h.upd, h.pat, h.lab from hist h join unnest($1::bigint[], $2::int[]) as u(key, ver)
on h.key = u.key and h.ver = u.ver where h.op = 'D'"""
_ask = msgspec.json.Decoder(Ask).decode


@dataclass(slots=True)
class Stream(Answer):
    """An answer whose body is made while it is sent; `chunks` is set."""

    chunks: AsyncIterator[bytes] = field(kw_only=True)
    content_type: bytes = NDJSON


async def send_stream(send: Any, answer: Stream, *, head: bool) -> None:
    """Sends it as it is made; an error in the middle ends the connection, so that nobody takes a part for the whole."""
    headers = [(b"content-type", answer.content_type), *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if not head:
        async for chunk in answer.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def manifest(engine: Engine, request: Request, job: Job) -> Answer:
    """200 with what the export holds and where; the same shape in STU2 and in the ballot after it."""
    rows = await engine.db.pool.fetch(
        "select n, kind, rtype, cardinality(keys) as count, counts from job_part where job = $1 order by n", job.id
    )
    base = f"{engine.mount.base}/$job/{job.id}"
    files: dict[str, list[dict[str, Any]]] = {"output": [], "deleted": [], "error": []}
    for row in rows:
        name = {"deleted": "Bundle", "error": "OperationOutcome"}.get(row["kind"]) or NAMES[row["rtype"]]
        count = row["count"] if row["count"] is not None else row["counts"][0]
        files[row["kind"]].append({"type": name, "url": f"{base}/{row['n']}", "count": count})
    if job.kind == "export" and _ask(job.asked).ignored:
        files["error"].append({"type": "OperationOutcome", "url": f"{base}/0", "count": len(_ask(job.asked).ignored)})
    if job.kind == "import":
        stored: dict[str, int] = msgspec.json.decode(job.place)["stored"] if job.place else {}
        files["output"] = [{"type": name, "count": count} for name, count in sorted(stored.items())]
    told = {
        "transactionTime": instant(job.as_of or job.at),
        "request": job.request,
        "requiresAccessToken": True,
        **files,
    }
    assert job.ended is not None
    expires = format_datetime((job.ended + KEPT).astimezone(UTC), usegmt=True)
    return Answer(200, plain(told), [(b"expires", expires.encode()), (b"cache-control", b"no-store")])


async def file(engine: Engine, request: Request, job: Job, number: int) -> Answer:
    """200 with NDJSON. Raises NotFound, Forbidden, and Unavailable when the log cannot be written."""
    if number == 0 and job.kind == "export":
        return _stream(request, _one(_left_out(_ask(job.asked).ignored)))
    part = await engine.db.pool.fetchrow("select * from job_part where job = $1 and n = $2", job.id, number)
    if part is None or job.state != "done":
        raise NotFound("The job has no such file", at="job")
    if part["kind"] == "error":
        return _stream(request, _one(engine.codec.unpack(part["body"], 0)))
    sight = request.sight
    if part["kind"] == "output":
        name = NAMES[part["rtype"]]
        if not allows(request.caller.scopes, name, "r"):
            raise Forbidden(f"The token's scopes do not allow this for {name}", at="scope")
    await _log(engine, request, part, sight)
    make = _deleted if part["kind"] == "deleted" else _lines
    return _stream(request, _chunks(engine, part["keys"], part["vers"], sight, make))


async def _log(engine: Engine, request: Request, part: Any, sight: Sight) -> None:
    if not engine.mount.logged:
        return
    about = []
    returned = withheld = 0
    await engine.law.look(engine.search_pool, sight, part["pats"])
    for pat, lab, count in zip(part["pats"], part["labs"], part["counts"], strict=True):
        if sight.sees(lab, pat):
            returned += count
        else:
            withheld += count
        if pat:
            about.append((pat, part["rtype"], lab))
    await engine.together.write(Entry(request.caller, "export", sorted(about), returned, withheld))


async def _chunks(engine: Engine, keys: list[int], vers: list[int], sight: Sight, make: Any) -> AsyncIterator[bytes]:
    """One batch is read while the one before it is sent."""
    starts = range(0, len(keys), _BATCH)

    def ask(start: int) -> "asyncio.Task[bytes]":
        return asyncio.create_task(make(engine, keys[start : start + _BATCH], vers[start : start + _BATCH], sight))

    coming = ask(0)
    try:
        for start in starts:
            ready = await coming
            if start + _BATCH < len(keys):
                coming = ask(start + _BATCH)
            if ready:
                yield ready
    finally:
        coming.cancel()


async def _lines(engine: Engine, keys: list[int], vers: list[int], sight: Sight) -> bytes:
    """The bodies of these versions, one a line."""
    wanted = dict(zip(keys, vers, strict=True))
    async with engine.search_pool.acquire() as connection:
        rows = [row for row in await connection.fetch(_SELECT, keys) if wanted[row[0]] == row[1]]
        if len(rows) < len(keys):
            for row in rows:
                del wanted[row[0]]
            rows += await connection.fetch(_OLD, list(wanted), list(wanted.values()))
        seen = await engine.law.sees(connection, sight, rows)
        await engine.codec.ready(connection, [row["body"] for row in rows])
    lines = [
        engine.shown(sight, row["rtype"], row["pat"], row["body"], row["key"])
        for row, shown in zip(rows, seen, strict=True)
        if shown
    ]
    return b"\n".join([*lines, b""]) if lines else b""


async def _deleted(engine: Engine, keys: list[int], vers: list[int], sight: Sight) -> bytes:
    """A transaction of one DELETE per line."""
    async with engine.search_pool.acquire() as connection:
        rows = await connection.fetch(_GONE, keys, vers)
        seen = await engine.law.sees(connection, sight, rows)
    lines = [
        plain({
            "resourceType": "Bundle", "type": "transaction", "meta": {"lastUpdated": instant(upd)},
            "entry": [{"request": {"method": "DELETE", "url": f"{NAMES[rtype]}/{id}"}}],
        })
        for (rtype, id, upd, _, _), shown in zip(rows, seen, strict=True) if shown
    ]  # fmt: skip
    return b"\n".join([*lines, b""]) if lines else b""


def _left_out(names: list[str]) -> bytes:
    """What Prefer: handling=lenient let pass, as the export's error file."""
    issues = [Issue("not-supported", f"The parameter '{name}' was left out", name, "warning") for name in names]
    return b"".join(plain(operation_outcome([issue])) + b"\n" for issue in issues)


async def _one(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _stream(request: Request, chunks: AsyncIterator[bytes]) -> Stream:
    headers = [(b"cache-control", b"no-store"), (b"vary", b"accept-encoding")]
    if "gzip" in (request.header(b"accept-encoding") or ""):
        return Stream(200, b"", [*headers, (b"content-encoding", b"gzip")], chunks=_zipped(chunks))
    return Stream(200, b"", headers, chunks=chunks)


async def _zipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """gzip, quick rather than small, beside the event loop."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    async for chunk in chunks:
        yield await asyncio.to_thread(packer.compress, chunk)
    yield packer.flush()
