"""The whole way of the log through a real Kafka: committed, told, collected, read; nobody hands anything over."""

import asyncio

import asyncpg

from fhirserver.engine import Engine
from fhirserver.logtelling import TOPIC, LogTeller
from information_platform.log import asking
from information_platform.log.asking import Question
from information_platform.log.collecting import handlers
from information_platform.log.testing import a_person, a_read, logs
from information_platform.log.verifying import verify
from information_platform.settings import Settings
from information_platform.testing import Region
from kit.inbox import Inbox
from kit.kafka import Producer
from kit.outbox import Relay
from kit.testing import fresh_topics


async def test_what_was_read_is_in_the_regions_log_well_within_a_minute(
    engine: Engine, region: Region, kafka_bootstrap: str
) -> None:
    """LOG-08, LOG-09, D7: also what was logged while nothing was running; rows that somebody edited before are found on arrival."""
    patient = await a_person(region)
    await engine.db.pool.execute("delete from outbox")
    for _ in range(30):
        await logs(engine, *[await a_read(engine, patient) for _ in range(3)])
    async with fresh_topics(kafka_bootstrap, [TOPIC]) as name:
        settings = Settings(database_url=engine.db.url, kafka=kafka_bootstrap, region=name, mode="demo")
        producer = Producer(settings.broker)
        inbox = Inbox(engine.db, settings, "information", handlers(engine))
        running = [LogTeller(engine), Relay(engine.db, producer, settings), inbox]
        loops = [asyncio.create_task(one.run()) for one in running]
        try:
            await _until(engine, patient, 90)
            assert (await verify(engine)).findings == []

            async with engine.db.pool.acquire() as con, con.transaction():
                await logs_then_somebody_edits(engine, con, patient)
            await _until(engine, patient, 91)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await producer.stop()

    assert [row[0] for row in await engine.db.pool.fetch("select what from log_alarm")] == ["hash"]


async def logs_then_somebody_edits(engine: Engine, con: asyncpg.Connection, patient: str) -> None:
    """In one transaction, so that the loop cannot be quicker."""
    await engine.log.append(con, [await a_read(engine, patient)])
    await con.execute("update access_log set actor = 'somebody else' where id = (select max(id) from access_log)")


async def _until(engine: Engine, patient: str, count: int) -> None:
    async with asyncio.timeout(60):
        while True:
            found, _ = await asking.page(engine, Question(patient=patient), 1000)
            if len(found) == count:
                return
            await asyncio.sleep(0.2)
