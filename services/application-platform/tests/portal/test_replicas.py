"""Two replicas of the application platform: whichever reads the topic, a page that is open at the other is told, once."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import asyncpg
import msgspec
import pytest

from application_platform.portal.handlers import RECORD_CHANGED
from application_platform.portal.hearing import CHANNEL, News, tell
from application_platform.settings import Settings
from kit.db import Database, driver
from kit.events import CloudEvent, to_headers
from kit.kafka import Producer
from kit.outbox import Message
from kit.testing import fresh_database, fresh_topics

# A replica with one page open: says what the page is told, a line each.
_REPLICA = """
import asyncio, sys
from application_platform.portal.handlers import handlers
from application_platform.portal.hearing import Ears
from application_platform.portal.live import Hub, Notice
from application_platform.settings import Settings
from kit.db import Database
from kit.inbox import Inbox

async def main(url, kafka, region):
    settings = Settings(database_url=url, kafka=kafka, region=region, mode="demo")
    db, hub = Database(url), Hub()
    await db.start()
    ears = Ears(db, hub)
    tasks = [asyncio.create_task(Inbox(db, settings, "application-platform", handlers()).run())]
    tasks.append(asyncio.create_task(ears.run()))
    await ears.listening.wait()
    with hub.listen(frozenset({"p1"})) as listener:
        print("open", flush=True)
        async for found in listener.told(60):
            print(" ".join(found.what) if isinstance(found, Notice) else "ask", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


class Replica:
    """Another process, and what its page was told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[str] = []

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), 60)).decode().strip()

    async def until(self, count: int) -> list[str]:
        while len(self.told) < count:
            self.told.append(await self.line())
        return self.told


@asynccontextmanager
async def a_replica(*told: str) -> AsyncIterator[Replica]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _REPLICA, *told, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        replica = Replica(process)
        assert await replica.line() == "open"
        yield replica
    finally:
        process.kill()
        await process.wait()


def changed(region: str, number: int) -> Message:
    data = msgspec.json.encode({"patients": ["p1"], "resources": [{"type": "Observation", "id": str(number)}]})
    event = CloudEvent(str(number), "/information", RECORD_CHANGED, datetime.now(UTC), data, key=f"k{number}")
    return Message(f"{region}.{RECORD_CHANGED}", f"k{number}".encode(), data, to_headers(event))


async def test_a_page_at_either_replica_is_told_everything_once(postgres_url: str, kafka_bootstrap: str) -> None:
    async with (
        fresh_topics(kafka_bootstrap, [RECORD_CHANGED]) as region,
        fresh_database(postgres_url, "application_platform") as url,
        a_replica(url, kafka_bootstrap, region) as one,
        a_replica(url, kafka_bootstrap, region) as other,
    ):
        await _shared(url, region, kafka_bootstrap)
        producer = Producer(kafka_bootstrap)
        await producer.send_all([changed(region, number) for number in range(30)])
        await producer.stop()

        expected = sorted(f"Observation/{number}" for number in range(30))
        assert sorted(await one.until(30)) == expected
        assert sorted(await other.until(30)) == expected


async def _shared(url: str, region: str, kafka: str) -> None:
    """Waits until both are members: each has its own part of the topic, so neither reads everything."""
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    group = Settings(database_url=url, region=region, mode="demo").group("application-platform")
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            [found] = await admin.describe_consumer_groups([group])
            if len(found.groups[0][5]) == 2 and found.groups[0][2] == "Stable":
                return
            await asyncio.sleep(0.3)
        pytest.fail("the replicas did not become one group")
    finally:
        await admin.close()


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    async with fresh_database(postgres_url, "application_platform") as url:
        db = Database(url)
        await db.start()
        yield db
        await db.stop()


class Said(list[str]):
    """What is said, as it comes; `enough` when it is as much as was wanted."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.wanted, self.enough = wanted, asyncio.Event()

    def hear(self, *told: object) -> None:
        self.append(str(told[-1]))
        if len(self) >= self.wanted:
            self.enough.set()


async def test_nothing_is_said_of_what_was_not_committed_and_large_news_come_in_parts(database: Database) -> None:
    said, connection = Said(5), await asyncpg.connect(database.url)
    await connection.add_listener(CHANNEL, said.hear)
    large = News(
        tuple(f"{'p' * 60}{n:04}" for n in range(50)), tuple(f"Observation/{'o' * 60}{n:04}" for n in range(90))
    )
    with suppress(ZeroDivisionError):
        async with database.transaction() as tx:
            await tell(await driver(tx), [News(("p1",), ("Observation/1",))])
            _ = 1 / 0
    async with database.transaction() as tx:
        await tell(await driver(tx), [large, News((), ("Observation/1",))])
    async with asyncio.timeout(20):
        await said.enough.wait()
    await connection.close()

    assert all(len(one.encode()) < 8_000 for one in said)
    parts = [part for one in said for part in msgspec.json.decode(one, type=list[News])]
    assert len(parts) == 6
    assert {patient for part in parts for patient in part.patients} == set(large.patients)
    assert {what for part in parts for what in part.what} == set(large.what)
