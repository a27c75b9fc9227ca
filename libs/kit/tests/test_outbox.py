"""The outbox and its relay: one transaction with what happened, at least once, in order, one speaker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from kit.db import Database, driver
from kit.events import CloudEvent
from kit.outbox import LARGEST, Message, Outgoing, Relay, Sends, TooLargeToTell, emit, emit_raw, outbox
from kit.settings import Settings
from kit.telemetry import enter_trace
from kit.testing import Told

TOPIC = "vis.record.v1"


def told(number: int, *, key: str = "p1", data: bytes = b"{}") -> Outgoing:
    event = CloudEvent(
        id=f"e{number}", source="vis", type=TOPIC, time=datetime(2026, 1, 1, tzinfo=UTC), data=data, key=key
    )
    return Outgoing(TOPIC, key, event)


def ids(messages: Sequence[Message]) -> list[str]:
    return [dict(message.headers)["ce_id"].decode() for message in messages]


async def left(db: Database) -> int:
    return int(await db.pool.fetchval("select count(*) from outbox"))


def a_relay(db: Database, producer: Sends) -> Relay:
    return Relay(db, producer, Settings(database_url=db.url, region="north"))


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_is_rolled_back_is_not_told(db: Database) -> None:
    with suppress(RuntimeError):
        async with db.transaction() as tx:
            await emit(tx, [told(1)])
            raise RuntimeError

    assert await left(db) == 0


async def test_the_driver_connection_is_inside_the_transaction_from_its_first_statement(db: Database) -> None:
    with suppress(RuntimeError):
        async with db.transaction() as tx:
            await (await driver(tx)).execute("insert into note (event) values ('x')")
            raise RuntimeError

    assert await db.pool.fetchval("select count(*) from note") == 0


async def test_emit_returns_the_highest_position_in_the_order_given(db: Database) -> None:
    async with db.transaction() as tx:
        first = await emit(tx, [told(1), told(2)])
        nothing = await emit(tx, [])
    async with db.pool.acquire() as connection:
        second = await emit_raw(connection, [told(number) for number in range(3, 1003)])

    rows = await db.pool.fetch("select id from outbox order by id")
    assert (first, nothing, second) == (rows[1]["id"], 0, rows[-1]["id"])


async def test_the_relay_sends_in_order_with_the_regions_prefix_and_empties_the_outbox(db: Database) -> None:
    producer = Told()
    trace = enter_trace(None)
    async with db.pool.acquire() as connection:
        await emit_raw(connection, [told(number, key=f"p{number % 7}") for number in range(2500)])
        await emit_raw(connection, [told(2500, data=b"")])

    async with running(a_relay(db, producer)):
        await until(lambda: _empty(db))

    assert ids(producer.messages) == [f"e{number}" for number in range(2501)]
    first, last = producer.messages[0], producer.messages[-1]
    assert (first.topic, first.key, first.value) == ("north.vis.record.v1", b"p0", b"{}")
    assert dict(first.headers)["traceparent"].decode() == trace
    assert last.value is None  # a tombstone


async def _empty(db: Database) -> bool:
    return await left(db) == 0


async def test_a_crash_between_kafka_and_the_delete_sends_again_and_loses_nothing(db: Database) -> None:
    class CrashesOnce(Told):
        crashed = False

        async def send_all(self, messages: Sequence[Message]) -> None:
            await super().send_all(messages)
            if not self.crashed:
                self.crashed = True
                raise ConnectionError("after the acknowledgement, before the delete")

    producer = CrashesOnce()
    async with db.transaction() as tx:
        await emit(tx, [told(1), told(2)])

    with pytest.raises(ConnectionError):
        await a_relay(db, producer).run()
    assert await left(db) == 2
    async with running(a_relay(db, producer)):
        await until(lambda: _empty(db))

    assert ids(producer.messages) == ["e1", "e2", "e1", "e2"]


async def test_of_two_relays_one_speaks_and_the_other_takes_over(db: Database) -> None:
    first, second = Told(), Told()
    one = asyncio.create_task(a_relay(db, first).run())
    await asyncio.sleep(0.1)
    async with running(a_relay(db, second)):
        async with db.transaction() as tx:
            await emit(tx, [told(1)])
        await until(lambda: _empty(db))
        assert (ids(first.messages), second.messages) == (["e1"], [])

        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
        async with db.transaction() as tx:
            await emit(tx, [told(2)])
        await until(lambda: _empty(db))

    assert ids(second.messages) == ["e2"]


async def test_a_woken_relay_does_not_wait_for_its_poll(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.turns.POLL", 60)
    monkeypatch.setattr("kit.outbox._SLOWEST", 60)
    producer = Told()
    relay = a_relay(db, producer)
    async with running(relay):
        await asyncio.sleep(0.2)
        async with db.transaction() as tx:
            await emit(tx, [told(1)])
        relay.wake()
        await until(lambda: _empty(db), 2)

    assert ids(producer.messages) == ["e1"]


async def test_large_messages_are_sent_a_few_at_a_time(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.outbox._BYTES", 250_000)
    sizes: list[int] = []

    class Sizes(Told):
        async def send_all(self, messages: Sequence[Message]) -> None:
            sizes.append(len(messages))

    async with db.transaction() as tx:
        await emit(tx, [told(number, data=bytes(100_000)) for number in range(7)])
    async with running(a_relay(db, Sizes())):
        await until(lambda: _empty(db))

    assert sizes == [3, 3, 1]


async def test_an_event_larger_than_the_broker_takes_is_refused_when_it_is_told(db: Database) -> None:
    with pytest.raises(TooLargeToTell):
        async with db.transaction() as tx:
            await emit(tx, [told(1, data=bytes(LARGEST + 1))])

    async with db.transaction() as tx:
        assert (await tx.execute(sa.select(sa.func.count()).select_from(outbox))).scalar_one() == 0
