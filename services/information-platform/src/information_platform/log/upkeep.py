"""The log's upkeep: months are made before they begin, and dropped when their years have passed (LOG-03)."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog

from information_platform.log import months
from kit.db import Connection, Database
from kit.lag import Step

_EVERY = 6 * 3600.0
_LOCK = 0x6B6974000C  # advisory lock of this database: "kit", upkeep of the log
_ALARMS = "select count(*) from log_alarm"

log = structlog.get_logger(__name__)


class Upkeep:
    """The loop; `years` is how long posts are kept."""

    def __init__(self, db: Database, years: int) -> None:
        self._db = db
        self._years = years

    async def run(self) -> None:
        """Until cancelled; raises what the database raises."""
        while True:
            await self.once(datetime.now(UTC))
            await asyncio.sleep(_EVERY)

    async def once(self, now: datetime) -> list[str]:
        """Returns the months that were dropped."""
        async with self._db.pool.acquire() as con, con.transaction():
            if not await con.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
                return []
            await months.ensure(con, (now, now + timedelta(days=20)))
            dropped = await months.drop_before(con, now, self._years)
        if dropped:
            log.info("months of the access log dropped", count=len(dropped))
        return dropped


async def alarms(con: Connection) -> Step:
    """For operators: batches that did not follow their chain."""
    return Step("access log alarms", parked=await con.fetchval(_ALARMS))
