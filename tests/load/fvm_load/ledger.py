"""What the region's databases tell about a measurement: whether it was logged, how large things are, what still waits."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

# `same` and `label` are the store's too; outbox, log, raw messages and idempotency are counted apart (the budget's words).
STORE = ("res", "alt", "idt", "str", "rng", "hist", "same", "label")
MESSAGES = ("message", "message_waiting", "message_told", "message_parked")


class Ledger:
    """Read-only looks into the databases of a region; a service without a database is answered with None."""

    def __init__(self, databases: Mapping[str, str]) -> None:
        self._databases = dict(databases)
        self._open: dict[str, asyncpg.Connection] = {}

    async def close(self) -> None:
        for connection in self._open.values():
            await connection.close()

    def knows(self, service: str) -> bool:
        return service in self._databases

    async def value(self, service: str, query: str, *arguments: Any) -> Any:
        """One value; None where there is no such database."""
        if service not in self._databases:
            return None
        connection = self._open.get(service)
        if connection is None or connection.is_closed():
            try:
                connection = await asyncpg.connect(self._databases[service], timeout=10)
            except asyncpg.InvalidCatalogNameError:  # half a region runs
                del self._databases[service]
                return None
            self._open[service] = connection
        return await connection.fetchval(query, *arguments)

    async def version(self) -> str:
        """PostgreSQL's, or "?"."""
        for service in list(self._databases):
            if told := await self.value(service, "show server_version"):
                return str(told).split()[0]
        return "?"

    async def logged(self, service: str) -> int | None:
        """The position of the access log: grows by one for each request about patients."""
        found = await self.value(service, "select coalesce(max(id), 0) from access_log")
        return None if found is None else int(found)

    async def size(self, service: str, tables: Sequence[str]) -> int | None:
        """Bytes on disk of these tables with indexes and what they keep elsewhere."""
        query = "select sum(pg_total_relation_size(to_regclass(name)))::bigint from unnest($1::text[]) as t(name)"
        found = await self.value(service, query, list(tables))
        return None if found is None else int(found)

    async def waiting(self) -> dict[str, int]:
        """Rows on their way: outboxes, and messages not yet translated."""
        found: dict[str, int] = {}
        for service in list(self._databases):
            left = await self.value(service, "select count(*) from outbox")
            found[f"{service} outbox"] = int(left or 0)
        left = await self.value("exchange", "select count(*) from message_waiting")
        found["messages to translate"] = int(left or 0)
        return {name: count for name, count in found.items() if count}
