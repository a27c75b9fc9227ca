"""The profiles in force in this process follow what is stored: read when a process starts, and again when it has changed."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg
import structlog

from fhircore.outcome import InvalidFHIR
from fhircore.profiles import KEPT
from fhircore.types import TYPES
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from fhirserver.profiling import IN_FORCE, Policy, Profiling
from kit.telemetry import describe

MAX_BODY = 1024 * 1024  # bytes of one definition; what is larger is for a terminology server
MAX_COUNT = 5000
_LOOK = 2.0  # seconds
log = structlog.get_logger(__name__)


class Shelf(Protocol):
    """Where definitions are kept."""

    async def stamp(self) -> Any:
        """Something that differs when anything has changed."""

    async def bodies(self) -> Sequence[bytes]:
        """The StructureDefinition, ValueSet and CodeSystem resources as JSON, at most MAX_COUNT of at most MAX_BODY."""


class OwnRecord:
    """The shelf of a door where definitions are written: its own record."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._types = [TYPES[name].number for name in KEPT]

    async def stamp(self) -> Any:
        text = "select count(*), max(upd), sum(ver) from res where rtype = any($1::smallint[])"
        return await self._engine.db.pool.fetchrow(text, self._types)

    async def bodies(self) -> Sequence[bytes]:
        text = (
            "select body, key from res where rtype = any($1::smallint[]) and length(body) <= $2 order by upd limit $3"
        )
        rows = await self._engine.db.pool.fetch(text, self._types, MAX_BODY, MAX_COUNT)
        return [self._engine.codec.unpack(row["body"], row["key"]) for row in rows]


class Knowledge:
    """Keeps a process's profiles up to date with a shelf."""

    def __init__(self, shelf: Shelf, profiling: Profiling = IN_FORCE) -> None:
        self._shelf = shelf
        self._profiling = profiling
        self._stamp: Any = None

    def demand(self, policy: Policy) -> None:
        """What writes must meet from now on."""
        self._profiling.policy = policy

    async def look(self) -> None:
        """Read what is stored, if it has changed. What is no JSON is passed over: it was checked when it was written."""
        stamp = await self._shelf.stamp()
        if stamp == self._stamp:
            return
        found = []
        for body in await self._shelf.bodies():
            try:
                found.append(parsed(body))
            except InvalidFHIR:
                log.error("a stored definition is no JSON")
        self._profiling.profiles.replace(one for one in found if isinstance(one, dict))
        self._stamp = stamp

    async def run(self) -> None:
        """A loop."""
        while True:
            try:
                await self.look()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("profiles could not be read", error=describe(error))
            await asyncio.sleep(_LOOK)
