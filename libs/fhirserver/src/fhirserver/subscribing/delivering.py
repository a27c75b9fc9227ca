"""The loop that notifies: changes become events, events are sent in order, each subscription for itself.

An endpoint that fails is tried again, later and later, for days; then its events are set aside as dead, and the subscription is
off. A process that dies leaves its lease to run out.
"""

import asyncio
import contextlib
import random
from datetime import UTC, datetime, timedelta

import asyncpg
import structlog

from fhirserver.engine import Engine
from fhirserver.subscribing.matching import match_once
from fhirserver.subscribing.model import COLUMNS, Event, Subscription, subscription
from fhirserver.subscribing.notifying import (
    EVENT,
    Call,
    Decided,
    decided,
    event,
    logged,
    plain_call,
    topic_call,
)  # fmt: skip
from fhirserver.subscribing.sending import Sender
from fhirserver.subscribing.states import change, turn_off
from kit.problems import Problem
from kit.telemetry import describe

_LEASE = 120  # seconds a delivery may be silent before another process takes it up
_TURN = 30.0  # seconds one subscription may keep its turn
_AT_ONCE = 16
_ERROR_AFTER = 3  # failures in a row until its state says so
_LONGEST = 3600.0  # seconds between two attempts
_KEPT, _KEPT_DEAD = timedelta(days=30), timedelta(days=90)
_DUE = f"""
update subscription set leased = clock_timestamp() + make_interval(secs => {_LEASE})
where id = any(array(
    select id from subscription s
    where state <> 'off' and next_at <= clock_timestamp() and (leased is null or leased < clock_timestamp())
      and (state = 'requested' or ends < clock_timestamp()
           or exists (select 1 from subscription_event e where e.sub = s.id and e.state = 'waiting')
           or (heartbeat is not null
               and coalesce(last_at, '-infinity') + make_interval(secs => heartbeat) < clock_timestamp()))
    order by next_at limit $1 for update skip locked))
returning {COLUMNS}"""
_WAITING = f"select {EVENT} from subscription_event where sub = $1 and state = 'waiting' order by n limit $2"
_SENT = "update subscription_event set state = $3 where sub = $1 and n = any($2::bigint[])"
_WELL = """
update subscription set attempts = 0, failing_since = null, next_at = clock_timestamp(), last_at = clock_timestamp(), error = ''
where id = $1"""
_FAILED = """
update subscription set attempts = attempts + 1, failing_since = coalesce(failing_since, clock_timestamp()), error = $2,
                        next_at = clock_timestamp() + make_interval(secs => $3)
where id = $1"""
_AWAY = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError)
log = structlog.get_logger(__name__)


class Notifier:
    """`run` is a loop of the service; `stop` closes what it holds open."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sender = Sender()
        self._busy: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. Looks a few times a second, and at once when the relay has noted a change."""
        forgotten = 0.0
        loop = asyncio.get_running_loop()
        noted = self._engine.change_noted
        try:
            while True:
                if loop.time() - forgotten > 3600 or not forgotten:
                    forgotten = loop.time()
                    await self._forget()
                did = await self.once()
                if not did:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(noted.wait(), 0.5)
                        noted.clear()
                        await asyncio.sleep(0.01)  # the relay commits just after it noted
        finally:
            for task in self._busy:
                task.cancel()
            await asyncio.gather(*self._busy, return_exceptions=True)

    async def stop(self) -> None:
        await self._sender.stop()

    async def once(self) -> int:
        """One look: changes matched, and deliveries begun (they go on by themselves). How much there was to do."""
        did = await match_once(self._engine)
        free = _AT_ONCE - len(self._busy)
        rows = await self._engine.db.pool.fetch(_DUE, free) if free > 0 else []
        for row in rows:
            task = asyncio.create_task(self._deliver(subscription(row)))
            self._busy.add(task)
            task.add_done_callback(self._free)
        return did + len(rows)

    async def settled(self) -> None:
        """Until nothing is under way in this process."""
        while await self.once() or self._busy:
            await asyncio.gather(*self._busy, return_exceptions=True)

    def _free(self, task: "asyncio.Task[None]") -> None:
        self._busy.discard(task)
        self._engine.change_noted.set()

    async def _deliver(self, sub: Subscription) -> None:
        try:
            await self._turn(sub)
        except Problem as problem:  # the log, or a body that cannot be written: nothing was sent
            await self._failed(sub, problem.detail)
        except _AWAY as error:
            log.warning("delivery interrupted", error=describe(error))
        except Exception as error:
            log.error("delivery failed", exc_info=error)
            await self._failed(sub, "The notification could not be made")
        finally:
            with contextlib.suppress(*_AWAY):
                await self._engine.db.pool.execute("update subscription set leased = null where id = $1", sub.id)

    async def _turn(self, sub: Subscription) -> None:
        if sub.ends is not None and sub.ends < datetime.now(UTC):
            await self._off(sub, "It has come to its end")
            return
        if sub.state == "requested":
            await self._begin(sub)
            return
        until = asyncio.get_running_loop().time() + _TURN
        while asyncio.get_running_loop().time() < until:
            rows = await self._engine.db.pool.fetch(_WAITING, sub.id, sub.most)
            if not rows:
                await self._beat(sub)
                return
            if not await self._tell(sub, [event(row) for row in rows]):
                return

    async def _begin(self, sub: Subscription) -> None:
        """The handshake, which a topic asks for; a plain subscription is active at once."""
        if sub.topic:
            call = await topic_call(self._engine, sub, "handshake", (), Decided({}, [], 0))
            if not await self._called(sub, call):
                return
        await self._change(sub, "active")

    async def _beat(self, sub: Subscription) -> None:
        if sub.heartbeat is None:
            return
        since = datetime.now(UTC) - (sub.last_at or datetime.fromtimestamp(0, UTC))
        if since.total_seconds() >= sub.heartbeat:
            call = await topic_call(self._engine, sub, "heartbeat", (), Decided({}, [], 0))
            await self._called(sub, call)

    async def _tell(self, sub: Subscription, events: list[Event]) -> bool:
        """Decides, logs, sends. Whether to go on."""
        engine = self._engine
        found = await decided(engine, sub.owner, await engine.sight(sub.owner), events)
        call: Call | None
        if sub.topic:
            call = await topic_call(engine, sub, "event-notification", events, found)
        else:
            call = await plain_call(engine, sub, events[0], found)
        if sub.payload and sub.content != "empty":
            await logged(engine, sub.owner, "notify", found)
        if call is not None and not await self._called(sub, call):
            return False
        state = "withheld" if call is None else "delivered"
        await engine.db.pool.execute(_SENT, sub.id, [one.n for one in events], state)
        return True

    async def _called(self, sub: Subscription, call: Call) -> bool:
        """Whether the endpoint took it; what follows when it did not."""
        try:
            self._engine.mount.hooks.check(sub.endpoint)
        except Problem as problem:
            why = problem.detail
        else:
            why = await self._sender.send(call, sub.headers, sub.timeout)
        if why:
            await self._failed(sub, why)
            return False
        await self._engine.db.pool.execute(_WELL, sub.id)
        if sub.state == "error":
            await self._change(sub, "active")
        return True

    async def _failed(self, sub: Subscription, why: str) -> None:
        since = sub.failing_since or datetime.now(UTC)
        if datetime.now(UTC) - since > timedelta(hours=self._engine.mount.hooks.patience):
            await self._off(sub, why)
            return
        pause = min(2.0**sub.attempts, _LONGEST) * random.uniform(0.8, 1.2)  # noqa: S311 — spreads attempts, hides nothing
        await self._engine.db.pool.execute(_FAILED, sub.id, why, pause)
        if sub.attempts + 1 >= _ERROR_AFTER and sub.state == "active":
            await self._change(sub, "error", why)

    async def _off(self, sub: Subscription, why: str) -> None:
        async with self._engine.db.pool.acquire() as connection, connection.transaction():
            await turn_off(self._engine, connection, sub, why)
        self._engine.wake()

    async def _change(self, sub: Subscription, state: str, error: str = "") -> None:
        async with self._engine.db.pool.acquire() as connection, connection.transaction():
            await change(self._engine, connection, sub, state, error)
        self._engine.wake()

    async def _forget(self) -> None:
        """Events whose time is over."""
        await self._engine.db.pool.execute(
            "delete from subscription_event where (state in ('delivered', 'withheld') and at < now() - $1::interval)"
            " or (state = 'dead' and at < now() - $2::interval)",
            _KEPT, _KEPT_DEAD,
        )  # fmt: skip
