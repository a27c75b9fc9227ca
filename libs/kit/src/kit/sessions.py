"""Ended sessions: every process of every service refuses their tokens within two seconds, also after a restart (D11).

A sign-out arrives as an event at one process of a service; it is written down, and every process looks each second.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.auth import Verifier
from kit.db import Database, driver
from kit.events import CloudEvent, UnreadableEvent
from kit.telemetry import describe
from kit.waiting import Handler

REVOKED = "application.session-revoked.v1"
_LOOK = 1.0  # seconds

log = structlog.get_logger(__name__)


class SessionRevoked(msgspec.Struct):
    """Our reading of the event: only what we use. After `forget_after` no token of the session is valid anyway."""

    session: str
    forget_after: datetime


def handlers(verifier: Verifier) -> dict[str, Handler]:
    """By topic: the session is written down, and refused by this process at once."""

    async def refuse(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        ended = [_read(event) for event in events]
        con = await driver(tx)
        await con.execute(
            "insert into revoked_session(id, until) select * from unnest($1::text[], $2::timestamptz[])"
            " on conflict (id) do nothing",
            [one.session for one in ended],
            [one.forget_after for one in ended],
        )
        for one in ended:
            verifier.revoke(one.session)

    return {REVOKED: refuse}


def _read(event: CloudEvent) -> SessionRevoked:
    try:
        return msgspec.json.decode(event.data, type=SessionRevoked)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise UnreadableEvent("This is not the end of a session", at="data") from None


class Watch:
    """Keeps a process's verifier up to date with what any process of the service has heard."""

    def __init__(self, db: Database, verifier: Verifier) -> None:
        self._db = db
        self._verifier = verifier
        self._seen = datetime.min.replace(tzinfo=UTC)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Reads all of them before the first request is answered."""
        await self.look()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Those that are new since the last look (a little earlier, since commits are not in the order of their times)."""
        rows = await self._db.pool.fetch(
            "select id, at from revoked_session where until > now()"
            " and at > least($1::timestamptz, now()) - interval '30 seconds'",
            self._seen,
        )
        for row in rows:
            self._verifier.revoke(row["id"])
            self._seen = max(self._seen, row["at"])
        await self._db.pool.execute("delete from revoked_session where until < now() - interval '1 hour'")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - the database is away: try again in a second
                log.warning("ended sessions not read", error=describe(error))
