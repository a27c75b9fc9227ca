"""Idempotency-Key: the same request sent again gets the same answer and never doubles (D6)."""

import asyncio
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

import asyncpg
import msgspec

from fhirserver.codec import Codec
from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid, KeyReused, StillRunning
from kit.db import Connection

_LONGEST = 200


async def earlier(con: Connection, codec: Codec, request: Request) -> Answer | None:
    """The answer given before to this key, or None when this is the first time. Call inside the write's transaction.

    Raises StillRunning while the first one is at work, KeyReused when its content was another.
    """
    key = _key(request)
    if key is None:
        return None
    client = request.caller.client
    place = slot(client, key)
    if not await con.fetchval("select pg_try_advisory_xact_lock($1)", place):
        raise StillRunning(at="Idempotency-Key")
    row = await con.fetchrow(
        "select request, status, headers, body from idempotency where client = $1 and key = $2", client, key
    )
    if row is None:
        return None
    if row["request"] != digest(request):
        raise KeyReused(at="Idempotency-Key")
    headers = [(name.encode(), value.encode()) for name, value in msgspec.json.decode(row["headers"])]
    await codec.ready(con, [row["body"]])
    return Answer(row["status"], codec.unpack(row["body"], place), [*headers, (b"idempotency-replayed", b"true")])


async def remember(con: Connection, codec: Codec, request: Request, answer: Answer, patients: Iterable[int]) -> None:
    """Keeps the answer, which is about these patients, under the request's key, in the write's own transaction; does nothing
    without a key."""
    key = _key(request)
    if key is None:
        return
    headers = [(name.decode(), value.decode()) for name, value in answer.headers]
    client = request.caller.client
    body = await codec.pack_for(con, answer.body, patients, slot(client, key))
    await con.execute(
        "insert into idempotency(client, key, request, at, status, headers, body) values ($1, $2, $3, $4, $5, $6, $7)",
        client, key, digest(request), datetime.now(UTC), answer.status, msgspec.json.encode(headers).decode(), body,
    )  # fmt: skip


async def forget(pool: asyncpg.Pool, hours: int = 48) -> None:
    """Drops answers older than the time they are promised for, once an hour until cancelled."""
    while True:
        await pool.execute("delete from idempotency where at < now() - make_interval(hours => $1)", hours)
        await asyncio.sleep(3600)


def slot(client: str, key: str) -> int:
    """The lock of an answer, and the place it is sealed for."""
    return int.from_bytes(hashlib.blake2b(f"{client}|{key}".encode(), digest_size=8).digest(), "big", signed=True)


def digest(request: Request) -> bytes:
    """The hash of what was asked: who, method, path, query, conditions, context and body."""
    state = hashlib.sha256()
    for part in (request.caller.subject, request.method, "/".join(request.path), request.query,
                 request.header(b"if-none-exist") or "", request.header(b"if-match") or "",
                 request.header(b"if-none-match") or "", request.header(b"content-type") or "",
                 request.header(b"fvm-patient") or ""):  # fmt: skip
        state.update(part.encode() + b"\0")
    state.update(request.body)
    return state.digest()


def _key(request: Request) -> str | None:
    key = request.header(b"idempotency-key")
    if key is not None and not 0 < len(key) <= _LONGEST:
        raise Invalid(f"An Idempotency-Key is 1 to {_LONGEST} characters", at="Idempotency-Key")
    return key
