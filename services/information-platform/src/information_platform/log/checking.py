"""Random checks: once a month, of every care unit, a few accesses of the month before become review tasks (LOG-02)."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fhirserver.engine import Engine
from information_platform.log.asking import Place, read
from kit.db import Connection

PATTERN = "random"
_EVERY = 3600.0  # seconds between two looks at the calendar
_LOCK = 0x6B6974000E  # advisory lock of this database: "kit", random checks
_MORE = 4  # drawn for each that is wanted: some are of systems, which nobody reviews here
_STOCKHOLM = ZoneInfo("Europe/Stockholm")

_DRAWN = "select exists (select from log_review where pattern = 'random' and day >= $1 and day < $2)"
_UNITS = (
    "select provider, unit, array_agg(id) as who from log_who where unit <> '' group by provider, unit order by 1, 2"
)
_DRAW = """
select at, batch, nth, pat from log_entry where who = any($1::bigint[]) and at >= $2 and at < $3 and pat <> 0
order by random() limit $4"""
_OPEN = """
insert into log_review(pattern, day, actor, unit, provider, pat, patient, count) values ('random', $1, $2, $3, $4, $5, $6, 1)
on conflict on constraint log_review_once do nothing"""
_SUMS = """
select to_char(day, 'YYYY-MM') as month, count(*) as drawn, count(*) filter (where state = 'open') as open,
       count(*) filter (where state = 'justified') as justified,
       count(*) filter (where state = 'not-justified') as not_justified
from log_review where pattern = 'random' and provider = $1 group by 1 order by 1 desc limit 120"""


class Checks:
    """The loop; `each` is how many of each unit."""

    def __init__(self, engine: Engine, each: int) -> None:
        self._engine = engine
        self._each = each

    async def run(self) -> None:
        """Until cancelled; raises what the database raises."""
        while True:
            await self.once(datetime.now(UTC))
            await asyncio.sleep(_EVERY)

    async def once(self, now: datetime) -> int:
        """Draws the month before, unless that was done; returns how many tasks there are of it now."""
        first, following = month_before(now.astimezone(_STOCKHOLM).date())
        drawn = 0
        async with self._engine.db.pool.acquire() as con, con.transaction():
            if not await con.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
                return 0
            if await con.fetchval(_DRAWN, first, following):
                return 0
            for unit in await con.fetch(_UNITS):
                drawn += await self._unit(con, unit, _midnight(first), _midnight(following))
        return drawn

    async def _unit(self, con: Connection, unit: Any, since: datetime, until: datetime) -> int:
        rows = await con.fetch(_DRAW, unit["who"], since, until, self._each * _MORE)
        pats: dict[Place, int] = {(row["at"], row["batch"], row["nth"]): row["pat"] for row in rows}
        chosen: dict[tuple[date, str, int], tuple[Any, ...]] = {}  # a person's look at a patient on a day is one task
        for found in await read(con, list(pats)):
            who, pat = found.post.who, pats[found.place]
            if who.kind == "staff" and len(chosen) < self._each:
                day = found.post.at.astimezone(_STOCKHOLM).date()
                patient = self._named(found.post.patient_ids, pat)
                chosen[day, who.id, pat] = (day, who.id, who.unit, who.provider, pat, patient)
        await con.executemany(_OPEN, chosen.values())
        return len(chosen)

    def _named(self, ids: Iterable[str], pat: int) -> str:
        return next((id for id in ids if self._engine.keys.of(f"Patient/{id}") == pat), "")


async def sums(engine: Engine, provider: str) -> list[dict[str, Any]]:
    """What was drawn of one care provider and what was found, month by month, newest first."""
    return [dict(row) for row in await engine.db.pool.fetch(_SUMS, provider)]


def month_before(today: date) -> tuple[date, date]:
    """The first days of the month before and of this month."""
    following = today.replace(day=1)
    return (following - timedelta(days=1)).replace(day=1), following


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=_STOCKHOLM)
