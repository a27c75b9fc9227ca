"""References that were accepted unchecked, since who might hold them could not be asked: checked when it can be (D18)."""

import asyncio
from datetime import datetime

import msgspec
import structlog
from starlette.responses import Response

from fhirserver.engine import Engine
from kit.operations import Operations, answer

_SOME = """
select distinct target from promised_reference
where state = 'waiting' or looked < clock_timestamp() - interval '1 hour' order by target limit 1000"""
_HERE = "select key from res where key = any($1::bigint[])"
_KEPT = "delete from promised_reference where target = any($1::text[])"
_BROKEN = """
update promised_reference set state = 'missing', looked = clock_timestamp() where target = any($1::text[]) returning state"""
_ALL = "select target, source, at, state from promised_reference order by at limit 1000"
log = structlog.get_logger(__name__)


class Promised(msgspec.Struct):
    """One reference that nobody has confirmed; `state` is waiting, or missing when nobody holds it."""

    target: str
    source: str
    at: datetime
    state: str


class Promises:
    """The loop of one mount, and what an operator sees of it."""

    def __init__(self, engine: Engine, every: float = 15.0) -> None:
        self._engine = engine
        self._every = every

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Asks once about what waits. What is found is forgotten, what is nowhere is shown to operators, and asked again."""
        pool, keys = self._engine.db.pool, self._engine.keys
        targets = [row[0] for row in await pool.fetch(_SOME)]
        if not targets:
            return
        of = {keys.of(target): target for target in targets}
        kept = {of[row[0]] for row in await pool.fetch(_HERE, list(of))}
        asked = [target for target in targets if target not in kept]
        elsewhere = self._engine.mount.held_elsewhere
        held = set() if elsewhere is None else await elsewhere(asked) if asked else set()
        await pool.execute(_KEPT, list(kept | (held or set())))
        if held is None:
            return
        broken = await pool.fetch(_BROKEN, [target for target in asked if target not in held])
        if broken:
            log.warning("references point at nothing", count=len(broken))

    def mount(self, operations: Operations) -> None:
        """Adds the operator's view to a service's operations."""

        async def waiting() -> Response:
            rows = await self._engine.db.pool.fetch(_ALL)
            return answer([Promised(*row) for row in rows])

        operations.router.add_api_route("/references", waiting)
