"""Keeps the key ring of a serving process fresh, also where rotation is another process's work."""

import asyncio
import contextlib

import structlog

from application_platform.tokens import keys
from application_platform.tokens.issue import Issuer
from kit.db import Database

_EVERY = 60.0  # seconds; so long may a process sign with a key that another has just retired (it stays published)

log = structlog.get_logger(__name__)


class KeyWatch:
    """Reads the ring again and again from `start` to `stop`; a database that is away leaves the ring as it was."""

    def __init__(self, db: Database, issuer: Issuer, *, every: float = _EVERY) -> None:
        self._db = db
        self._issuer = issuer
        self._every = every
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Reads the ring once, and raises what the database raises; then goes on by itself."""
        await self.look()
        self._task = asyncio.create_task(self._run(), name="key watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        async with self._db.transaction() as tx:
            self._issuer.ring = await keys.load(tx)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.look()
            except Exception as error:
                log.warning("signing keys not read", exc_info=error)
