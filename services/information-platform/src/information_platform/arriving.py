"""What a writer at VIS has just told is waited for: a reader sends back its FVM-Position and reads what it wrote (D6)."""

import asyncio
import time
from dataclasses import dataclass

from kit.db import Database
from kit.ends import Ends
from kit.http import Client
from kit.own_token import OwnToken
from kit.problems import Problem
from kit.settings import Settings

LONGEST = 1.0  # seconds a reader waits
_TOPIC, _READER = "vis.record.v1", "information"
_LOOK = 0.01  # seconds between two looks at the own position

_PARTS = "select partition from inbox_position where reader = $1 and topic = $2"
_READ = """
select coalesce(bool_and(p.position >= n.last), false) as all_read,
       exists (select from inbox_waiting where reader = $1 and topic = $2) as some_wait
from unnest($3::int[], $4::bigint[]) as n (partition, last)
left join inbox_position p on p.reader = $1 and p.topic = $2 and p.partition = n.partition"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """VIS says when its outbox has passed a position; from then on it is where Kafka's topic ends."""

    db: Database
    settings: Settings
    vis: Client
    own: OwnToken
    ends: Ends

    async def of(self, position: int) -> bool:
        """Whether everything that VIS told up to this position is in the region's record; waits a second at most.

        False when it is not known to be: VIS or Kafka is away, it takes longer, or a message of VIS waits to be tried again.
        """
        try:
            async with asyncio.timeout(LONGEST):
                return await self._told(position) and await self._read()
        except (TimeoutError, Problem):
            return False

    async def _told(self, position: int) -> bool:
        answer = await self.vis.send("GET", f"/internal/told/{position}", bearer=await self.own.token())
        return answer.status == 200 and answer.json()["told"] is True

    async def _read(self) -> bool:
        async with self.db.pool.acquire() as con:
            parts = {row["partition"] for row in await con.fetch(_PARTS, _READER, _TOPIC)}
        topic = self.settings.topic(_TOPIC)
        ends = await self.ends.of({(topic, part) for part in parts})
        numbers, lasts = [part for _, part in ends], [last for _, last in ends.values()]
        until = time.monotonic() + LONGEST
        while time.monotonic() < until:
            async with self.db.pool.acquire() as con:
                row = await con.fetchrow(_READ, _READER, _TOPIC, numbers, lasts)
            if row is not None and row["all_read"]:
                return not row["some_wait"]
            await asyncio.sleep(_LOOK)
        return False
