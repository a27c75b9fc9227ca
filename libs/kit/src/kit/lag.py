"""How far behind one service is: what it has not told, what it has not read, what waits and what is parked."""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import UTC, datetime

import msgspec

from kit import figures
from kit.broker import why_silent
from kit.db import Connection, Database
from kit.ends import Ends
from kit.problems import Problem
from kit.room import full
from kit.settings import Settings

_WINDOW = 60.0  # seconds a rate looks back
_EVERY = 1.0  # seconds between two samples of a rate

_OUTBOX = """
select topic, count(*) as messages, extract(epoch from now() - min(at))::float8 as oldest from outbox group by topic
order by topic"""
_POSITIONS = "select reader, topic, partition, position from inbox_position order by reader, topic, partition"
_WAITING = """
select reader, topic, count(*) as messages, count(distinct lane) as keys,
       extract(epoch from now() - min(at))::float8 as oldest, max(attempts) as attempts,
       extract(epoch from min(next_at) - now())::float8 as next,
       array_agg(distinct error) filter (where error <> 'its key waits') as errors
from inbox_waiting group by reader, topic order by reader, topic"""
_PARKED = """
select reader, topic, code, count(*) as messages, extract(epoch from now() - min(at))::float8 as oldest
from inbox_parked where given_up_at is null group by reader, topic, code order by reader, topic, code"""


class Outbox(msgspec.Struct):
    """Messages of one topic that the relay has not brought to Kafka."""

    topic: str
    messages: int
    oldest_seconds: float


class Reading(msgspec.Struct):
    """One partition as one reader sees it; `end` is None where Kafka does not answer."""

    reader: str
    topic: str
    partition: int
    position: int
    end: int | None
    lost: bool  # Kafka no longer has the next message, or is another Kafka

    @property
    def behind(self) -> int:
        return max(0, (self.end or 0) - self.position) if self.end is not None else 0


class Arrow(msgspec.Struct):
    """The traffic of one topic: how many messages came to it, and how many this reader read, in a minute."""

    reader: str
    topic: str
    told_per_minute: float | None  # None: not known yet
    read_per_minute: float | None
    behind: int | None


class Waiting(msgspec.Struct):
    """Messages that are tried again by themselves, in order per key."""

    reader: str
    topic: str
    messages: int
    keys: int
    oldest_seconds: float
    attempts: int
    next_seconds: float
    errors: list[str]


class Parked(msgspec.Struct):
    """Messages that wait for a human, by reason."""

    reader: str
    topic: str
    code: str
    messages: int
    oldest_seconds: float


class Step(msgspec.Struct):
    """A step of the service's own (the translator, the access log); `newest_seconds`: since it last did anything."""

    name: str
    waiting: int = 0
    oldest_seconds: float | None = None
    newest_seconds: float | None = None
    per_minute: float | None = None
    parked: int = 0
    turned_away: dict[str, int] = msgspec.field(default_factory=dict)  # in the last minute, by kit.strangers.reason
    warned: int = 0  # taken with a warning to their sender, the last 24 hours


class Lag(msgspec.Struct):
    """Everything at one moment."""

    service: str
    at: datetime
    epoch: int
    kafka: bool
    outbox: list[Outbox]
    arrows: list[Arrow]
    readings: list[Reading]
    waiting: list[Waiting]
    parked: list[Parked]
    steps: list[Step]
    kafka_why: str = ""  # where Kafka does not answer: kit.broker.Silence
    clock_seconds: float = 0.0  # how far this process's clock is ahead of the database's
    full: bool = False  # the database lately said that its disk is full


Measure = Callable[[Connection], Awaitable[Step]]


class Meter:
    """Rates of numbers that only grow, over the last minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Hashable, deque[tuple[float, int]]] = {}

    def per_minute(self, what: Hashable, number: int) -> float | None:
        """How much the number grew per minute; None at the first look. A number that fell begins anew."""
        now, seen = self._clock(), self._seen.setdefault(what, deque())
        if seen and number < seen[-1][1]:
            seen.clear()
        if not seen or now - seen[-1][0] >= _EVERY:
            seen.append((now, number))
        while len(seen) > 1 and now - seen[1][0] >= _WINDOW:
            seen.popleft()
        if now - seen[0][0] < _EVERY:
            return None
        return (number - seen[0][1]) * 60 / (now - seen[0][0])


class LagOf:
    """Measures one service. The figures are also the gauges that Prometheus reads."""

    def __init__(self, service: str, db: Database, settings: Settings, steps: Sequence[Measure] = ()) -> None:
        self._service = service
        self._db = db
        self._settings = settings
        self._steps = steps
        self._ends = Ends(settings.broker)
        self._meter = Meter()

    async def measure(self) -> Lag:
        """Raises what the database raises; a broker that is away is an answer."""
        async with self._db.pool.acquire() as con:
            epoch, clock = await con.fetchval("select epoch from region"), await _ahead(con)
            outbox = [Outbox(*row) for row in await con.fetch(_OUTBOX)]
            positions = [tuple(row) for row in await con.fetch(_POSITIONS)]
            waiting = [_waiting(tuple(row)) for row in await con.fetch(_WAITING)]
            parked = [Parked(*row) for row in await con.fetch(_PARKED)]
            steps = [await step(con) for step in self._steps]
        readings = await self._readings(positions)
        kafka = all(reading.end is not None for reading in readings)
        why = "" if kafka else await why_silent(self._settings.broker)
        now = datetime.now(UTC)
        arrows = self._arrows(readings)
        lag = Lag(
            self._service, now, epoch, kafka, outbox, arrows, readings, waiting, parked, steps, why, clock, full()
        )
        figures.show(lag)
        return lag

    async def stop(self) -> None:
        await self._ends.stop()

    async def _readings(self, positions: Sequence[tuple[str, str, int, int]]) -> list[Reading]:
        full = {(self._settings.topic(topic), number) for _, topic, number, _ in positions}
        try:
            bounds = await self._ends.of(full)
        except Problem:
            return [Reading(*position, None, False) for position in positions]
        found = []
        for reader, topic, number, position in positions:
            first, last = bounds[self._settings.topic(topic), number]
            found.append(Reading(reader, topic, number, position, last, not first <= position <= last))
        return found

    def _arrows(self, readings: Sequence[Reading]) -> list[Arrow]:
        topics: dict[tuple[str, str], list[Reading]] = {}
        for reading in readings:
            topics.setdefault((reading.reader, reading.topic), []).append(reading)
        arrows = []
        for (reader, topic), parts in topics.items():
            read = self._meter.per_minute(("read", reader, topic), sum(part.position for part in parts))
            if any(part.end is None for part in parts):
                arrows.append(Arrow(reader, topic, None, read, None))
                continue
            told = self._meter.per_minute(("told", topic), sum(part.end or 0 for part in parts))
            arrows.append(Arrow(reader, topic, told, read, sum(part.behind for part in parts)))
        return arrows


async def _ahead(con: Connection) -> float:
    """Seconds by which this machine's clock is ahead of the database's; 0 within what the question itself takes."""
    before = time.time()
    there: float = await con.fetchval("select extract(epoch from clock_timestamp())::float8")
    after = time.time()
    ahead = (before + after) / 2 - there
    return ahead if abs(ahead) > (after - before) / 2 else 0.0


def _waiting(row: tuple[str, str, int, int, float, int, float, list[str] | None]) -> Waiting:
    reader, topic, messages, keys, oldest, attempts, due, errors = row
    return Waiting(
        reader, topic, messages, keys, oldest, attempts, max(0.0, due), [_short(one) for one in errors or ()]
    )


def _short(error: str) -> str:
    """`kit.problems.Unavailable(kit/unavailable) at …` without its code places."""
    return error.partition(" at ")[0][:120]
