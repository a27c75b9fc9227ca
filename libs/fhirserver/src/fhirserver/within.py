"""The engine inside one open transaction: reads and searches see what it has written, and are logged when it is committed."""

import copy
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fhirserver.accesslog import Entry
from fhirserver.engine import Engine
from fhirserver.reading import Reader
from kit.db import Connection


class _Pool:
    """Stands where a pool stands; there is one connection, and it is never given away."""

    def __init__(self, con: Connection) -> None:
        self.pool = self
        self._con = con

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        yield self._con

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)  # fetch, fetchrow, fetchval, execute


class _Log:
    """Keeps what is to be logged."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def append(self, _connection: Connection, entries: Sequence[Entry]) -> None:
        self.entries.extend(entries)

    async def write(self, entry: Entry) -> None:
        self.entries.append(entry)

    def settled(self, _connection: Connection) -> None:
        """Whoever commits settles."""


def within(engine: Engine, con: Connection) -> tuple[Engine, list[Entry]]:
    """The engine for reads on this connection, one after the other, and the log entries that they will have made."""
    pool, log = _Pool(con), _Log()
    bound: Any = copy.copy(engine)
    bound.db = bound.search_pool = bound.driven_pool = pool
    bound.log = bound.together = log
    bound.reader = Reader(bound.db, bound.log, engine.law, logged=engine.mount.logged)
    return bound, log.entries
