"""A heartbeat each second through the outbox to every partition, so that a copy knows how old it is (D9)."""

import asyncio
import time
from datetime import UTC, datetime

from information_platform.access.telling import CHANGED, beat_told, tell
from kit.beats import lanes
from kit.db import Database
from kit.outbox import Relay
from kit.settings import Settings

_EVERY = 1.0  # seconds
_LANES_FOR = 60.0  # seconds that the number of partitions is believed
# One process of several gives it; a clock that was set back gives it again at once.
_TURN = "update access_beat set at = now() where at < now() - interval '0.9 seconds' or at > now() returning at"


class Heart:
    """A loop of the worker."""

    name = "heartbeat"

    def __init__(self, db: Database, settings: Settings, relay: Relay) -> None:
        self._db, self._relay = db, relay
        self._where, self._topic = settings.broker, settings.topic(CHANGED)
        self._keys: list[str] = []
        self._asked = float("-inf")

    async def run(self) -> None:
        """Runs until cancelled; raises what the database or Kafka raises (the supervisor starts it again)."""
        while True:
            await self.beat()
            await asyncio.sleep(_EVERY)

    async def beat(self) -> None:
        """One beat, unless another process gave it."""
        if time.monotonic() - self._asked > _LANES_FOR:
            self._keys, self._asked = await lanes(self._where, self._topic), time.monotonic()
        async with self._db.pool.acquire() as con, con.transaction():
            if await con.fetchval(_TURN) is None:
                return
            now, count = datetime.now(UTC), len(self._keys)
            await tell(con, now, [(key, beat_told(lane, count, now)) for lane, key in enumerate(self._keys)])
        self._relay.wake()
