"""The service's own rows of the access log go once the region holds them unchanged; their links of the chain stay (D7)."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from fhirserver.engine import Engine
from kit.http import Client, Declined
from kit.own_token import OwnToken
from kit.problems import Unavailable
from kit.telemetry import describe

_EVERY = 3600.0  # seconds between two looks
_LOCK = 0x6B6974000F  # advisory lock of this database: "kit", pruning the log
_ROWS = 20_000  # looked at in one transaction

_OLD = """
select c.chain, c.seq, c.hash from (
    select distinct chain, seq from (select chain, seq from access_log where at < $1 limit $2) r
) o join access_chain c on (c.chain, c.seq) = (o.chain, o.seq)
where not exists (select from access_untold u where (u.chain, u.seq) = (c.chain, c.seq))"""
_THESE = "(chain, seq) in (select * from unnest($1::bigint[], $2::bigint[]))"

log = structlog.get_logger(__name__)


class Link(msgspec.Struct, frozen=True):
    """One batch of a chain, by the hash that stands over it."""

    chain: int
    seq: int
    hash: str  # hexadecimal


Kept = Callable[[Collection[Link]], Awaitable[Collection[tuple[int, int]]]]


class LogPruner:
    """The loop. `kept` says which of these batches the region holds unchanged; `days` is how long rows stay here at least."""

    def __init__(self, engine: Engine, kept: Kept, days: int) -> None:
        self._engine = engine
        self._kept = kept
        self._days = days

    async def run(self) -> None:
        """Until cancelled; raises what the database raises."""
        while True:
            while await self.once(datetime.now(UTC)):
                pass
            await asyncio.sleep(_EVERY)

    async def once(self, now: datetime) -> int:
        """Prunes what is old, told and held; how many batches. 0: nothing more can go now."""
        async with self._engine.db.pool.acquire() as con, con.transaction():
            if not await con.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
                return 0
            rows = await con.fetch(_OLD, now - timedelta(days=self._days), _ROWS)
            if not rows:
                return 0
            held = await self._kept([Link(row["chain"], row["seq"], bytes(row["hash"]).hex()) for row in rows])
            if len(held) < len(rows):
                log.warning(
                    "old rows of the access log stay: the region does not hold them", count=len(rows) - len(held)
                )
            chains, numbers = [chain for chain, _ in held], [seq for _, seq in held]
            await con.execute(f"delete from access_log where {_THESE}", chains, numbers)
            await con.execute(f"update access_chain set gone = now() where {_THESE}", chains, numbers)
        return len(held)


class Region:
    """Asks the information platform, as the service itself, what it holds."""

    def __init__(self, region: Client, own: OwnToken) -> None:
        self._region = region
        self._own = own

    async def kept(self, links: Collection[Link]) -> Collection[tuple[int, int]]:
        """None of them while it cannot answer."""
        asked = {"links": [msgspec.to_builtins(link) for link in links]}
        try:
            told = await self._region.post("/internal/log/kept", asked, bearer=await self._own.token())
        except (Unavailable, Declined) as error:
            log.warning("the region could not say what it holds", error=describe(error))
            return []
        return [(int(chain), int(seq)) for chain, seq in told["kept"]]
