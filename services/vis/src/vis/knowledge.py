"""VIS's copies of the region's profiles, value sets and code systems: heard of as events, read at the region (D4, D18)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from fhircore.profiles import KEPT
from fhirserver.knowledge import MAX_BODY, MAX_COUNT
from kit.db import Database, driver
from kit.events import CloudEvent, UnreadableEvent
from kit.http import Client
from kit.own_token import OwnToken
from kit.problems import Problem
from kit.telemetry import describe

TOPIC = "information.record-changed.v1"
_NAMED = tuple(f'"{name}"'.encode() for name in KEPT)
_AT_ONCE = 50
_LOOK = 2.0  # seconds
log = structlog.get_logger(__name__)


class Named(msgspec.Struct):
    """One resource that changed."""

    type: str
    id: str


class RecordChanged(msgspec.Struct):
    """Our reading of the event: only what we use."""

    resources: list[Named]


async def heard(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
    """Notes which copies are to be read anew."""
    found: set[tuple[str, str]] = set()
    for event in events:
        if concerns(event.data):
            found.update((one.type, one.id) for one in changes(event) if one.type in KEPT)
    if not found:
        return
    con = await driver(tx)
    await con.execute(
        "insert into knowledge(type, id) select * from unnest($1::text[], $2::text[])"
        " on conflict (type, id) do update set stale = true, told = clock_timestamp()",
        [type_name for type_name, _ in found],
        [id for _, id in found],
    )


def concerns(value: bytes) -> bool:
    """Whether a change of the record may be one of knowledge. Nearly all are of patients, and need not even be noted."""
    return any(name in value for name in _NAMED)


def changes(event: CloudEvent) -> list[Named]:
    """What an event says has changed. Raises UnreadableEvent."""
    try:
        return msgspec.json.decode(event.data, type=RecordChanged).resources
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise UnreadableEvent("This is not a change of the record", at="data") from None


class Copies:
    """The shelf of VIS's copies, and the loop that reads what is stale at the region."""

    def __init__(self, db: Database, region: Client, own: OwnToken) -> None:
        self._db = db
        self._region = region
        self._own = own

    async def stamp(self) -> Any:
        text = "select count(*), max(told) from knowledge where not stale"
        return await self._db.pool.fetchrow(text)

    async def bodies(self) -> Sequence[bytes]:
        text = "select body from knowledge where body is not null order by told limit $1"
        return [row["body"] for row in await self._db.pool.fetch(text, MAX_COUNT)]

    async def fetch(self) -> int:
        """Reads some of what is stale; how many. Raises what the region's absence raises: they stay stale."""
        rows = await self._db.pool.fetch("select type, id, told from knowledge where stale limit $1", _AT_ONCE)
        for row in rows:
            path = f"/fhir/{row['type']}/{row['id']}"
            answer = await self._region.send("GET", path, bearer=await self._own.token())
            if answer.status in (404, 410):
                await self._db.pool.execute(
                    "delete from knowledge where type = $1 and id = $2 and told = $3",
                    row["type"],
                    row["id"],
                    row["told"],
                )
                continue
            usable = answer.status == 200 and len(answer.body) <= MAX_BODY
            if not usable:
                log.warning("a definition was not taken", status=answer.status, size=len(answer.body))
            await self._db.pool.execute(
                "update knowledge set stale = false, body = $4 where type = $1 and id = $2 and told = $3",
                row["type"],
                row["id"],
                row["told"],
                answer.body if usable else None,
            )
        return len(rows)

    async def run(self) -> None:
        """A loop."""
        while True:
            try:
                if await self.fetch() == _AT_ONCE:
                    continue
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, Problem) as error:
                log.warning("the region's definitions could not be read", error=describe(error))
            await asyncio.sleep(_LOOK)
