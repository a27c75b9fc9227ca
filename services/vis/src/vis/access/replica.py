"""How old VIS's copy of the law is, and what it does about it: older than five seconds, it asks the region itself (D9)."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec
import structlog
from prometheus_client import Gauge

from fhircore.types import TYPES
from fhirserver.engine import Engine
from kit.http import Client, Declined
from kit.own_token import OwnToken
from kit.problems import Unavailable
from kit.telemetry import describe
from vis.access import store
from vis.access.model import read_all

OLDEST = 5.0  # seconds; older, or ahead by more than that, is not trusted
PATIENCE = 0.3  # seconds the region may take to say what holds
_ASKED_FOR = 30.0  # seconds that an answer is as good as another question: openings are told here directly as well
_NEVER = 1e9
_MOST = 10_000
AGE = Gauge("access_replica_age_seconds", "How old the copy of the law's facts is: the age of its oldest partition")
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Replica:
    """One per process."""

    engine: Engine
    region: Client  # of PATIENCE
    own: OwnToken
    name: str = "access replica"
    _age: float = _NEVER
    _looked: float = 0.0  # when, by the monotonic clock
    _asked: dict[frozenset[int], float] = field(default_factory=dict)
    _asking: dict[frozenset[int], asyncio.Task[bool]] = field(default_factory=dict)

    @property
    def age(self) -> float:
        """Seconds; very many when the region has not been heard."""
        return self._age + time.monotonic() - self._looked

    @property
    def young(self) -> bool:
        return self._age >= -OLDEST and self.age <= OLDEST

    async def fresh(self, patient_keys: Collection[int], *, again: bool = False) -> bool:
        """Whether the facts of these patients (keys of the store) may be decided by. Too old a copy asks the region first; with
        `again` any copy does, once: for a reader about to be told BLOCKED or NEED_*. False: fail closed (BLK-14)."""
        if self.young and not again:
            return True
        keys = frozenset(patient_keys)
        if self._asked.get(keys, 0.0) > time.monotonic() - _ASKED_FOR:
            return True
        return await self._together(keys) or self.young

    def heard(self, patient_keys: Collection[int], before: float) -> bool:
        """Whether the region was asked about them before this moment of the monotonic clock, and so late that it need not be
        asked again: whoever has read since then knows what it said."""
        asked = self._asked.get(frozenset(patient_keys), 0.0)
        return time.monotonic() - _ASKED_FOR < asked < before

    async def _together(self, keys: frozenset[int]) -> bool:
        """Many who ask about the same patients at once ask the region once."""
        asking = self._asking.get(keys)
        if asking is None:
            asking = self._asking[keys] = asyncio.get_running_loop().create_task(self._ask(keys))
            asking.add_done_callback(lambda _: self._asking.pop(keys, None))
        return await asyncio.shield(asking)

    async def _ask(self, keys: frozenset[int]) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._fetch(keys)
        except (Unavailable, Declined, TimeoutError, msgspec.MsgspecError) as error:
            log.warning("the region could not say what the law is", error=describe(error))
            return False
        if len(self._asked) > _MOST:
            self._asked.clear()
        self._asked[keys] = time.monotonic()
        return True

    async def _fetch(self, keys: frozenset[int]) -> None:
        rows = await self.engine.db.pool.fetch(
            "select key, id from res where key = any($1::bigint[]) and rtype = $2", list(keys), TYPES["Patient"].number
        )
        found = {row["key"] for row in rows}
        if not all(found.intersection(self.engine.persons.expanded(key)) for key in keys):
            raise Unavailable("Nobody can be asked about somebody whose Patient is not here")
        asked = msgspec.json.encode({"patients": [row["id"] for row in rows]})
        answer = await self.region.send(
            "POST", "/internal/access/facts", bearer=await self.own.token(), data=asked, type="application/json"
        )
        if answer.status != 200:
            raise Unavailable("The region did not say what the law is")
        for told in read_all(answer.body):
            async with self.engine.db.pool.acquire() as con:
                if not await store.stands(con, self.engine, told):
                    async with con.transaction():
                        await store.follow(con, self.engine, told)

    async def look(self) -> None:
        """Reads how old the copy is; the gauge shows it."""
        async with self.engine.db.pool.acquire() as con:
            found = await store.age(con)
        self._age, self._looked = _NEVER if found is None else found, time.monotonic()
        AGE.set(self._age)

    async def run(self) -> None:
        """A loop of every process."""
        while True:
            await self.look()
            await asyncio.sleep(1)
