"""$import: NDJSON taken while it is sent: ids kept (each line is an update), references as they are, every line validated.

A line that cannot be taken is told in the job's error file and stops no other. Where it stands is kept with what was stored, so
an import that was cut off is sent again with the same Idempotency-Key and goes on after its last line.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg

from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.operations import jobs
from fhirserver.operations.exporting import accepted
from fhirserver.operations.following import follow
from fhirserver.operations.jobs import Job, Lost, Run
from fhirserver.operations.storing import Importing, Line
from fhirserver.problems import (
    Forbidden,
    Invalid,
    KeyReused,
    NotAllowed,
    NotSupported,
    StillRunning,
    TooLarge,
    WrongMedia,
)
from kit.problems import Header, Problem, Unavailable

Receive = Callable[[], Awaitable[dict[str, Any]]]

_MEDIA = ("application/fhir+ndjson", "application/ndjson", "application/x-ndjson")
_SPACE = uuid.UUID("6f0e3f0a-6f3c-5c0b-9d55-0d6a4c1d7b11")  # of job ids made from an Idempotency-Key
_LEASE = 15.0
_LINES, _BYTES = 1_000, 4 * 1024 * 1024  # of one transaction


async def intake(engine: Engine, request: Request, receive: Receive) -> Answer:
    """202 with Content-Location when all is stored; the status there is the import's result."""
    _check(engine, request)
    job = await _job(engine, request)
    if job.state == "done":
        return accepted(engine, job.id)
    run = Run(engine.db.pool, job)
    importing = Importing(engine, request, run)
    try:
        await _lines(importing, receive, engine.mount.body_limit)
        await run.finish(importing.words())
    except Lost:
        raise StillRunning("The import was cancelled, or goes on in another request") from None
    except (Problem, asyncio.CancelledError) as error:
        await _let_go(run, request, importing, error)
        raise
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        await _let_go(run, request, importing, error)
        raise Unavailable(
            "The record cannot be written just now; send it again with the same Idempotency-Key"
        ) from None
    return accepted(engine, job.id)


async def resumed(engine: Engine, request: Request) -> Answer:
    """The status of the import with this Idempotency-Key: how far a request that was cut off had come."""
    return await follow(engine, request, _id(request, required=True))


def _check(engine: Engine, request: Request) -> None:
    if engine.mount.door != "vis":
        raise NotAllowed(f"Nothing is imported here. {engine.mount.elsewhere}")
    if request.caller.kind != "system":
        raise Forbidden("An import is for system clients", at="scope")
    kind = (request.header(b"content-type") or "").split(";")[0].strip().lower()
    if kind not in _MEDIA:
        raise WrongMedia("An import is application/fhir+ndjson", at="Content-Type")
    if (request.header(b"content-encoding") or "identity") != "identity":
        raise WrongMedia("An import is sent as it is, without Content-Encoding", at="Content-Encoding")
    for name, _ in request.parameters:
        raise NotSupported(f"The parameter '{name[:60]}' of $import is not supported", at=name[:60])


def _id(request: Request, *, required: bool = False) -> str:
    key = request.header(b"idempotency-key")
    if key is None and required:
        raise Invalid("Which import? Send its Idempotency-Key", at="Idempotency-Key")
    if key is not None and not 0 < len(key) <= 200:
        raise Invalid("An Idempotency-Key is 1 to 200 characters", at="Idempotency-Key")
    client = f"{request.caller.client}|{request.caller.subject}"
    return str(uuid.uuid4() if key is None else uuid.uuid5(_SPACE, f"{client}|{key}"))


async def _job(engine: Engine, request: Request) -> Job:
    """The job of this import, new or taken up again. Raises StillRunning while the first request is at it."""
    id, pool = _id(request), engine.db.pool
    if await pool.fetchval("select exists (select from job where id = $1)", id):
        job = await jobs.take_up(pool, id, _LEASE)
        if job is None:
            again = Header("Retry-After", "5")
            raise StillRunning(
                "The import with this Idempotency-Key runs, or was cut off a moment ago; try again",
                at="Idempotency-Key",
                headers=(again,),
            )
        return job
    address = f"{engine.mount.base}/$import"
    return await jobs.create(pool, "import", request.caller, address, b"", id=id, state="running")


async def _let_go(run: Run, request: Request, importing: Importing, error: BaseException) -> None:
    """What was stored stays. With a key the import may go on; without one it has failed."""
    with suppress(Exception):
        await importing.wait()
    with suppress(Lost, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        if request.header(b"idempotency-key") is None or isinstance(error, KeyReused | TooLarge):
            await asyncio.shield(run.fail(f"Cut off after {importing.words()}"))
        else:
            await asyncio.shield(run.pause(f"cut off after {importing.words()}"))


async def _lines(importing: Importing, receive: Receive, longest: int) -> None:
    """Cuts the body into lines and hands them on in batches; one is stored while the next one is read and checked."""
    number, size, rest = 0, 0, b""
    skip, digest = importing.place.line, hashlib.sha256()
    batch: list[Line] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("The request ended before its body did", at="body")
        more = bool(message.get("more_body"))
        *lines, rest = (rest + message.get("body", b"")).split(b"\n")
        if not more and rest:
            lines, rest = [*lines, rest], b""
        if len(rest) > longest or any(len(line) > longest for line in lines):
            raise TooLarge(f"A line has more than the {longest} bytes that are taken", at=f"line {number + 1}")
        for line in lines:
            number += 1
            digest.update(line)
            digest.update(b"\n")
            if number <= skip:
                if number == skip and digest.hexdigest() != importing.place.digest:
                    raise KeyReused("The first lines are not those that were sent before", at="Idempotency-Key")
                continue
            batch.append(Line(number, line))
            size += len(line)
            if len(batch) >= _LINES or size >= _BYTES:
                await importing.put(batch, digest.hexdigest())
                batch, size = [], 0
    if number < skip:
        raise KeyReused("Fewer lines than were sent before", at="Idempotency-Key")
    await importing.put(batch, digest.hexdigest())
    await importing.wait()
