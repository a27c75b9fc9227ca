"""What still lies in Kafka of what an order destroys: every message is looked at, and those that somebody could read are counted.

An order is done when a look has found none. Messages of the time before events were sealed make it wait until Kafka has dropped
them.
"""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from information_platform.erasure import store
from information_platform.erasure.actions import Orders
from information_platform.erasure.model import SERVICES
from information_platform.erasure.own import names, record_of
from kit.db import Connection, Database
from kit.erasing import Order, Proof, read_order, read_proof
from kit.events import CloudEvent, UnreadableEvent, from_headers
from kit.kafka import Received
from kit.reading import all_of
from kit.sealed_events import Opener, UnknownKey, is_sealed
from kit.sealing import NotForHere, key_of
from kit.settings import Settings
from kit.turns import Turns

COPY = "kafka"
TOPICS = ("vis.record.v1", "exchange.record.v1", "application.record.v1")
_LOCK = 7009  # one looks at a time
_AGAIN = timedelta(minutes=30)  # from a look that found something readable to the next
_WAITING = """
select o.* from erasure_order o where o.confirmed_at is not null and o.done_at is null
and not exists (select from erasure_act a where a.erasure = o.id and a.what = 'done:kafka') order by o.confirmed_at"""

Pages = Callable[[Sequence[str]], AsyncIterator[list[Received]]]  # of topics, from their beginning to their end
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Found:
    """Messages about what must go: those whose key is destroyed by topic, and how many somebody could still read; and how many
    were looked at."""

    closed: dict[str, int] = field(default_factory=dict)
    readable: int = 0
    looked: int = 0


class Streams:
    """Looks for orders that every service has carried out. `full` says what the broker calls a topic."""

    name = "what Kafka still holds"

    def __init__(
        self,
        db: Database,
        pages: Pages,
        opener: Opener,
        answer: Callable[[Connection, Proof], Any],
        full: Callable[[str], str] = str,
    ) -> None:
        self._pages, self._opener, self._answer, self._full = pages, opener, answer, full
        self._plain = {full(topic): topic for topic in TOPICS}
        self._next: dict[UUID, datetime] = {}
        self.seen: dict[UUID, Found] = {}  # the last look of this process
        self._turns = Turns(db, _LOCK, self.once, slowest=5.0)

    async def run(self) -> None:
        """A loop of the worker; raises what the database and Kafka raise (the supervisor starts it again)."""
        await self._turns.run()

    async def once(self, con: asyncpg.Connection) -> int:
        """One order that waits for this; 0: none does."""
        now = datetime.now(UTC)
        for row in await con.fetch(_WAITING):
            proofs = await _proofs(con, row["id"])
            if proofs.keys() >= SERVICES and self._next.get(row["id"], now) <= now:
                await self._look(con, row, {int(key) for proof in proofs.values() for key in proof.keys})
                return 1
        return 0

    async def _look(self, con: asyncpg.Connection, row: Any, keys: set[int]) -> None:
        order = read_order(await con.fetchval("select value from erasure_task where id = $1", row["id"]))
        self._opener.forget(keys)
        found = Found()
        async for page in self._pages([self._full(topic) for topic in TOPICS]):
            for message in page:
                await self._count(found, order, keys, message)
        self.seen[row["id"]], self._next[row["id"]] = found, datetime.now(UTC) + _AGAIN
        log.info("Kafka was looked through for what was destroyed", count=found.readable)
        if not found.readable:
            async with con.transaction():
                removed = {**found.closed, "looked at": found.looked}
                await self._answer(con, Proof(order.id, COPY, datetime.now(UTC), removed, 0))

    async def _count(self, found: Found, order: Order, keys: Collection[int], message: Received) -> None:
        found.looked += 1
        topic = self._plain[message.topic]
        try:
            event = from_headers(message.headers, message.key, message.value)
            if is_sealed(event.data) and not (key_of(event.data) in keys or message.key in order.patients):
                return  # somebody else's
            [opened] = await self._opener.opened(topic, [event])
        except (UnreadableEvent, UnknownKey, NotForHere):
            return  # it says nothing to anybody
        if opened is None:
            found.closed[topic] = found.closed.get(topic, 0) + 1
        elif _says(opened, order):
            found.readable += 1


def looking(settings: Settings, opener: Opener, orders: Orders) -> Streams:
    """As a service runs it."""
    return Streams(orders.engine.db, partial(all_of, settings.broker), opener, orders.answered, settings.topic)


def _says(event: CloudEvent, order: Order) -> bool:
    return names(record_of(event), order)


async def _proofs(con: Connection, id: UUID) -> dict[str, Proof]:
    """What the services answered, by copy."""
    acts = await store.acts(con, id)
    return {
        one["what"].removeprefix("done:"): read_proof(bytes(one["value"]))
        for one in acts
        if one["what"].startswith("done:")
    }
