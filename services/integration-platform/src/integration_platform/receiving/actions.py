"""Group commit: whatever waits is stored in one transaction, and answered when that has been committed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg
import structlog
from prometheus_client import Counter

from integration_platform.hl7v2.ack import ACCEPTED
from integration_platform.receiving import store
from integration_platform.receiving.bodies import Bodies
from integration_platform.receiving.model import Incoming, Kept
from kit.db import Database
from kit.problems import Kind, Problem
from kit.telemetry import describe

RECEIVED = Counter("exchange_received", "Messages stored, by door and answer", ("door", "answer"))
WARNED = Counter("exchange_warned", "Messages taken with a warning to their sender, by door", ("door",))
REPEATED = Counter("exchange_repeated", "Messages that were there already", ("door",))

_AT_ONCE, _BYTES = 512, 16 * 1024 * 1024  # of one transaction
_LARGE, _RECENT = 8, 0.1  # messages, seconds: when the receiver is pressed
_LAST_ROUND = 3.0  # seconds for what waits when the process stops
_PATIENCE = 30.0  # seconds the database may be away before senders are told nothing and must send again
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    OSError,
    TimeoutError,
)

log = structlog.get_logger(__name__)


class NotStored(Problem):
    """The message could not be stored just now; send it again."""

    kind = Kind.UNAVAILABLE
    code = "exchange/not-stored"
    title = "The message could not be stored just now; send it again"


Answer = Callable[[Kept | None], None]  # None: not stored, nothing is promised


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message and whom to tell what became of it."""

    message: Incoming
    answer: Answer


class Receiver:
    """One per process. Messages are stored in the order of `give`, also over connections and doors."""

    def __init__(self, db: Database, bodies: Bodies) -> None:
        self._db, self._bodies = db, bodies
        self.stored: Callable[[], None] = _nobody  # called after each commit
        self._waiting: list[Waiting] = []
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending = False
        self._last_large = float("-inf")

    @property
    def pressed(self) -> bool:
        """Much comes in just now: whoever can wait should, so that acknowledgements do not."""
        recent = asyncio.get_running_loop().time() - self._last_large < _RECENT
        return recent or len(self._waiting) >= _LARGE

    def give(self, message: Incoming, answer: Answer) -> None:
        """Takes a message; `answer` is called once, in order."""
        self._waiting.append(Waiting(message, answer))
        self._some.set()

    async def keep(self, message: Incoming) -> Kept:
        """Stores one message and waits for it. Raises NotStored."""
        done: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()

        def answer(kept: Kept | None) -> None:
            if not done.done():  # else the one who waited has gone
                done.set_result(kept)

        self.give(message, answer)
        kept = await done
        if kept is None:
            raise NotStored
        return kept

    async def start(self) -> None:
        """Begins to store. Both an HTTP process and a worker need it, so it is no loop of the worker's."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stores what waits, as long as the database takes it; the rest is not answered: its senders send it again."""
        if self._task is None:
            return
        self._ending = True
        self._some.set()
        await asyncio.wait((self._task,), timeout=_LAST_ROUND)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for waiting in self._waiting:
            waiting.answer(None)
        self._waiting.clear()

    async def _run(self) -> None:
        while not self._ending or self._waiting:
            await self._some.wait()
            batch = self._take()
            kept: Sequence[Kept | None] = [None] * len(batch)
            try:
                if batch:
                    kept = await self._store(batch)
                    if len(batch) >= _LARGE:
                        self._last_large = asyncio.get_running_loop().time()
            finally:
                for waiting, one in zip(batch, kept, strict=True):
                    _tell(waiting, one)
            self.stored()

    def _take(self) -> list[Waiting]:
        size = count = 0
        for waiting in self._waiting[:_AT_ONCE]:
            size += len(waiting.message.raw)
            if count and size > _BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        if not self._waiting and not self._ending:
            self._some.clear()
        return batch

    async def _store(self, batch: Sequence[Waiting]) -> Sequence[Kept | None]:
        """Tries until the database is there again, for a while; what it will not take is tried one by one."""
        messages = [waiting.message for waiting in batch]
        give_up = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            try:
                return await self._commit(messages)
            except _AWAY as error:
                log.warning("database away", waiting=len(batch), error=describe(error))
                if asyncio.get_running_loop().time() > give_up:
                    return [None] * len(batch)
                await asyncio.sleep(0.25)
            except Exception as error:  # noqa: BLE001 - one bad message must not take its neighbours along
                log.error("messages refused by the database", count=len(batch), error=describe(error))
                if len(batch) == 1:
                    return [None]
                return [kept for one in batch for kept in await self._store([one])]

    async def _commit(self, messages: Sequence[Incoming]) -> list[Kept]:
        async with self._db.pool.acquire() as con, con.transaction():
            kept = await store.add(con, messages, self._bodies)
        for message, one in zip(messages, kept, strict=True):
            if one.again:
                REPEATED.labels(message.door).inc()
            else:
                RECEIVED.labels(message.door, one.verdict.code).inc()
                WARNED.labels(message.door).inc(one.verdict.code == ACCEPTED and bool(one.verdict.condition))
        return kept


def _tell(waiting: Waiting, kept: Kept | None) -> None:
    """An answer that fails is its own connection's trouble, nobody else's."""
    try:
        waiting.answer(kept)
    except Exception as error:  # noqa: BLE001 - the others of the group wait for theirs
        log.error("answer failed", error=describe(error))


def _nobody() -> None:
    """Nobody waits to hear that something was stored."""
