"""The inbox on a real broker: once effective, in order per key, positions of its own, two members."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import Database, driver
from kit.events import CloudEvent, to_headers
from kit.forgetting import prune
from kit.inbox import Inbox, replay
from kit.kafka import PositionLost, Producer
from kit.outbox import Message
from kit.problems import Malformed, Unavailable
from kit.settings import Settings
from kit.testing import fresh_topics

TOPIC = "sample.note.v1"


@pytest.fixture(scope="module")
async def producer(kafka_bootstrap: str) -> AsyncIterator[Producer]:
    producer = Producer(kafka_bootstrap)
    await producer.start()
    yield producer
    await producer.stop()


class Ward:
    """One region with one topic: tell() puts messages on it, member() listens, notes() is the effect."""

    def __init__(self, db: Database, producer: Producer, settings: Settings) -> None:
        self.db = db
        self.producer = producer
        self.settings = settings
        self.broken: dict[str, Exception] = {}  # by event id
        self.batches: list[int] = []
        self.takers: set[str] = set()

    async def tell(self, *ids: str, key: str | None = "p1", type: str = TOPIC) -> None:
        await self.producer.send_all([self._message(id, key, type) for id in ids])

    def _message(self, id: str, key: str | None, type: str) -> Message:
        event = CloudEvent(id=id, source="sample", type=type, time=datetime.now(UTC), data=b"{}", key=key)
        return Message(self.settings.topic(TOPIC), key and key.encode(), b"{}", to_headers(event))  # type: ignore[arg-type]

    async def write(self, tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        self.batches.append(len(events))
        con = await driver(tx)
        for event in events:
            await con.execute("insert into note (event, key) values ($1, $2)", event.id, event.key)
            if event.id in self.broken:
                raise self.broken[event.id]

    def inbox(self, group: str = "reader", name: str = "first") -> Inbox:
        async def write(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
            self.takers.add(name)
            await self.write(tx, events)

        return Inbox(self.db, self.settings, group, {TOPIC: write}, retry_pause=0.05)

    @asynccontextmanager
    async def member(self, name: str = "first") -> AsyncIterator[None]:
        task = asyncio.create_task(self.inbox(name=name).run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def notes(self, key: str | None = None) -> list[str]:
        rows = await self.db.pool.fetch("select event from note where $1::text is null or key = $1 order by id", key)
        return [row["event"] for row in rows]

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.03)

    async def until_notes(self, count: int) -> None:
        async def enough() -> bool:
            return len(await self.notes()) >= count

        await self.until(enough)

    async def settled(self, *, of: str) -> None:
        """The member has taken this last message of any key."""

        async def taken() -> bool:
            return of in await self.notes()

        await self.until(taken)

    async def count(self, table: str) -> int:
        return int(await self.db.pool.fetchval(f"select count(*) from {table}"))


@pytest.fixture
async def ward(db: Database, producer: Producer, kafka_bootstrap: str) -> AsyncIterator[Ward]:
    async with fresh_topics(kafka_bootstrap, [TOPIC], partitions=4) as region:
        yield Ward(db, producer, Settings(database_url=db.url, kafka=kafka_bootstrap, region=region))


async def test_messages_told_before_the_first_start_are_taken_in_order_in_batches(ward: Ward) -> None:
    ids = [f"e{number}" for number in range(1200)]
    await ward.tell(*ids)

    async with ward.member():
        await ward.until_notes(1200)

    assert await ward.notes() == ids
    assert max(ward.batches) > 100
    assert max(ward.batches) <= 500


async def test_an_event_that_comes_twice_is_effective_once(ward: Ward) -> None:
    async with ward.member():
        await ward.tell("e1", "e1", "e2")
        await ward.until_notes(2)
        await ward.tell("e1", "e2", "e3")
        await ward.until_notes(3)

    assert await ward.notes() == ["e1", "e2", "e3"]


async def test_what_does_not_concern_a_reader_is_passed_over_and_its_position_kept(ward: Ward) -> None:
    inbox = Inbox(
        ward.db, ward.settings, "choosy", {TOPIC: ward.write}, concerns={TOPIC: lambda value: b"wanted" in value}
    )
    for id, data in (("a", b"{}"), ("b", b'{"wanted":1}'), ("c", b"{}")):
        message = ward._message(id, "p1", TOPIC)
        await ward.producer.send_all([Message(message.topic, message.key, data, message.headers)])
    task = asyncio.create_task(inbox.run())
    where = "select coalesce(sum(position), 0) from inbox_position where reader = 'choosy'"
    async with asyncio.timeout(20):
        while await ward.db.pool.fetchval(where) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert [row["event"] for row in await ward.db.pool.fetch("select event from note")] == ["b"]


async def test_after_a_kill_the_position_in_the_database_decides(ward: Ward) -> None:
    async with ward.member():
        await ward.tell("e1", "e2")
        await ward.until_notes(2)
    await ward.tell("e3")

    # As a restored database would look: the effect and the positions of an earlier moment, together.
    await ward.db.pool.execute("delete from note where event = 'e2'")
    await ward.db.pool.execute("delete from inbox")
    await ward.db.pool.execute("update inbox_position set position = position - 1 where position > 0")
    async with ward.member():
        await ward.until_notes(3)

    assert await ward.notes() == ["e1", "e2", "e3"]


async def test_a_member_killed_in_the_middle_of_a_batch_leaves_nothing_half_done(ward: Ward) -> None:
    entered, original = asyncio.Event(), ward.write

    async def hangs(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        await original(tx, events)
        entered.set()
        await asyncio.sleep(60)

    ward.write = hangs  # type: ignore[method-assign]
    await ward.tell("e1", "e2")
    async with ward.member():
        await asyncio.wait_for(entered.wait(), 20)
    assert (await ward.notes(), await ward.count("inbox")) == ([], 0)

    ward.write = original  # type: ignore[method-assign]
    async with ward.member():
        await ward.until_notes(2)
    assert await ward.notes() == ["e1", "e2"]


async def test_a_problem_parks_its_message_and_the_key_goes_on(ward: Ward) -> None:
    ward.broken["e2"] = Malformed("no such unit", at="unit")
    await ward.tell("e1", "e2", "e3", "e4")

    async with ward.member():
        await ward.until_notes(3)
        assert await ward.notes() == ["e1", "e3", "e4"]

        [parked] = await ward.db.pool.fetch("select * from inbox_parked")
        assert (parked["code"], parked["reason"], parked["key"]) == ("kit/malformed", "no such unit", "p1")

        ward.broken.clear()
        async with ward.db.transaction() as tx:
            assert await replay(tx, parked["id"])
            assert not await replay(tx, parked["id"])
        await ward.until_notes(4)

    assert await ward.notes() == ["e1", "e3", "e4", "e2"]
    assert (await ward.count("inbox_parked"), await ward.count("inbox_waiting")) == (0, 0)


@pytest.mark.parametrize("error", [RuntimeError("away"), Unavailable("away")], ids=lambda error: type(error).__name__)
async def test_any_other_error_lets_only_its_key_wait_in_order(ward: Ward, error: Exception) -> None:
    ward.broken["e2"] = error
    await ward.tell("e1", "e2", "e3", key="p1")
    await ward.tell("f1", "f2", key="p2")

    async with ward.member():
        await ward.until_notes(3)
        await ward.tell("e4", key="p1")
        await ward.tell("f3", key="p2")
        await ward.settled(of="f3")
        await asyncio.sleep(0.3)
        assert (await ward.notes("p1"), await ward.notes("p2")) == (["e1"], ["f1", "f2", "f3"])
        assert await ward.count("inbox_waiting") == 3

        ward.broken.clear()
        await ward.until_notes(7)
        await ward.tell("e5", key="p1")
        await ward.until_notes(8)

    assert await ward.notes("p1") == ["e1", "e2", "e3", "e4", "e5"]
    assert await ward.count("inbox_waiting") == 0


async def test_a_waiting_message_that_turns_out_wrong_is_parked_and_the_rest_of_its_key_goes_on(ward: Ward) -> None:
    ward.broken["e1"] = RuntimeError("away")
    await ward.tell("e1", "e2")

    async with ward.member():

        async def waits() -> bool:
            return await ward.count("inbox_waiting") == 2

        await ward.until(waits)
        ward.broken["e1"] = Malformed("wrong after all")
        await ward.until_notes(1)

    assert await ward.notes() == ["e2"]
    assert await ward.count("inbox_parked") == 1


async def test_what_is_no_event_is_parked_and_blocks_nothing(ward: Ward) -> None:
    nonsense = Message(ward.settings.topic(TOPIC), b"p1", b"\xff", [("ce_id", b"x")])
    await ward.tell("e1")
    await ward.producer.send_all([nonsense])
    await ward.tell("e2")

    async with ward.member():
        await ward.until_notes(2)

    assert await ward.notes() == ["e1", "e2"]
    [parked] = await ward.db.pool.fetch("select code, value from inbox_parked")
    assert (parked["code"], parked["value"]) == ("kit/unreadable-event", b"\xff")


async def test_a_clock_that_is_set_back_lets_nobody_wait_until_it_has_caught_up(ward: Ward) -> None:
    ward.broken["e1"] = RuntimeError("for a moment")
    await ward.tell("e1")
    async with ward.member():

        async def waits() -> bool:
            return await ward.count("inbox_waiting") == 1

        await ward.until(waits)
        # Two hours ahead: what the row looks like after the clock went back by two hours.
        await ward.db.pool.execute("update inbox_waiting set next_at = next_at + interval '2 hours'")
        del ward.broken["e1"]
        await ward.settled(of="e1")


async def test_messages_without_a_key_wait_alone(ward: Ward) -> None:
    ward.broken["e1"] = RuntimeError("away")
    await ward.tell("e1", "e2", key=None)

    async with ward.member():
        await ward.until_notes(1)

    assert await ward.notes() == ["e2"]


async def test_a_handler_sees_runs_of_one_type(ward: Ward) -> None:
    await ward.tell("e1", "e2", type="a")
    await ward.tell("e3", type="b")
    await ward.tell("e4", type="a")

    async with ward.member():
        await ward.until_notes(4)

    assert await ward.notes() == ["e1", "e2", "e3", "e4"]
    assert sorted(ward.batches) == [1, 1, 2]


async def test_two_members_share_the_partitions_and_a_leaving_one_hands_over(ward: Ward) -> None:
    async def tell(round: int) -> None:
        for patient in range(12):
            await ward.tell(*(f"{patient}-{round}-{number}" for number in range(5)), key=f"p{patient}")

    async with ward.member():
        await tell(1)
        await ward.until_notes(60)
        async with ward.member("second"):
            await tell(2)
            await ward.until_notes(120)
            await asyncio.sleep(1.5)  # the second has joined by now: the first hears of it with its next heartbeat
            ward.takers.clear()
            await tell(3)
            await ward.until_notes(180)
            assert ward.takers == {"first", "second"}
            await tell(4)
        await tell(5)
        await ward.until_notes(300)

    notes = await ward.notes()
    assert len(notes) == len(set(notes)) == 300
    for patient in range(12):
        expected = [f"{patient}-{round}-{number}" for round in range(1, 6) for number in range(5)]
        assert await ward.notes(f"p{patient}") == expected


async def test_a_member_whose_position_somebody_else_moved_goes_where_the_database_says(ward: Ward) -> None:
    async with ward.member():
        await ward.tell("e1")
        await ward.until_notes(1)
        async with ward.db.pool.acquire() as con, con.transaction():
            await con.execute("update inbox_position set position = position - 1 where position > 0")
            await con.execute("delete from note")
            await con.execute("delete from inbox")
        await ward.tell("e2")
        await ward.until_notes(2)

    assert await ward.notes() == ["e1", "e2"]
    assert await ward.db.pool.fetchval("select max(position) from inbox_position") == 2


async def test_a_position_that_kafka_does_not_have_stops_the_inbox(ward: Ward) -> None:
    async with ward.member():
        await ward.tell("e1")
        await ward.until_notes(1)
    await ward.db.pool.execute("update inbox_position set position = 1000 where position > 0")

    with pytest.raises(PositionLost):
        await asyncio.wait_for(ward.inbox().run(), 20)


async def test_two_readers_of_one_database_each_take_every_event(ward: Ward) -> None:
    await ward.tell("e1")
    second = asyncio.create_task(ward.inbox("another").run())
    async with ward.member():
        await ward.until_notes(2)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)

    assert await ward.notes() == ["e1", "e1"]


async def test_pruning_forgets_only_what_is_old(db: Database) -> None:
    await db.pool.execute("insert into inbox values ($1, now() - interval '15 days'), ($2, now())", uuid4(), uuid4())

    assert await prune(db, timedelta(days=14)) == 1
    assert await db.pool.fetchval("select count(*) from inbox") == 1
