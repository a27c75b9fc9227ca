"""REC-06, EVT-04: a service that is killed in the middle of an order of destruction has done all of a step or nothing, and goes on."""

import asyncio
import os
import signal
import socket
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import pytest

from integration_platform.hl7v2.mllp import wrap
from integration_platform.receiving.model import DESTROYED
from integration_platform.testing import PERSONNUMMER, a_pid, an_oru
from kit.erasing import ORDERED, Order, read_proof, told
from kit.events import to_headers
from kit.kafka import Producer
from kit.outbox import Message
from kit.sealing import Master
from kit.testing import fresh_database, fresh_topics

TOPICS = [
    "exchange.record.v1",
    "exchange.inbox.v1",
    "application.session-revoked.v1",
    "exchange.erasure-done.v1",
    ORDERED,
]
SYSTEM = "http://electronichealth.se/identifier/personnummer"

_BLOCKED = """
select exists (select from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database())
and exists (select from erasure_task where retired_at is not null)"""
# What the killed process had open is over when the server has noticed.
_ENDED = """
select not exists (select from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
and pid <> pg_backend_pid() and xact_start is not null)"""


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
async def place(postgres_url: str, kafka_bootstrap: str) -> AsyncIterator[dict[str, str]]:
    """Environment of a region of one's own, which seals."""
    async with (
        fresh_topics(kafka_bootstrap, TOPICS) as region,
        fresh_database(postgres_url, "integration_platform") as url,
    ):
        yield {
            **os.environ, "FVM_DATABASE_URL": url, "FVM_KAFKA": kafka_bootstrap, "FVM_REGION": region, "FVM_MODE": "demo",
            "FVM_PORT": str(_free()), "FVM_MLLP_PORT": str(_free()), "FVM_MASTER_KEY": Master.new(),
        }  # fmt: skip


@asynccontextmanager
async def running(place: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "integration_platform", env=place, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def sent(place: dict[str, str]) -> None:
    """Two messages about the person, acknowledged."""
    async with asyncio.timeout(30):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", int(place["FVM_MLLP_PORT"]))
                break
            except OSError:
                await asyncio.sleep(0.1)
        for control in ("M1", "M2"):
            writer.write(wrap(an_oru(control, pid=a_pid(family="Tordmule")).encode()))
            assert await reader.read(4096)
        writer.close()


async def until(con: asyncpg.Connection, statement: str) -> None:
    async with asyncio.timeout(40):
        while not await con.fetchval(statement):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_rec_06_who_is_killed_in_the_middle_of_an_order_has_done_nothing_of_it_and_does_all_afterwards(
    place: dict[str, str],
) -> None:
    con = await asyncpg.connect(place["FVM_DATABASE_URL"])
    # A transaction that the order does not wait for, as those of older writers.
    other = await asyncpg.connect(place["FVM_DATABASE_URL"], server_settings={"application_name": "fvm job"})
    async with running(place) as process:
        await sent(place)
        await until(con, "select count(*) = 2 from message_told")
        holding = other.transaction()
        await holding.start()
        await other.execute(
            "select 1 from message where control_id = 'M2' for update"
        )  # so that the order stops half way
        numbers = [{"system": SYSTEM, "value": PERSONNUMMER}]
        order = Order(str(uuid.uuid4()), datetime.now(UTC), ["tolvan"], [], numbers)
        event = told(ORDERED, order).event
        producer = Producer(place["FVM_KAFKA"])
        await producer.send_all([Message(f"{place['FVM_REGION']}.{ORDERED}", b"tolvan", event.data, to_headers(event))])
        await producer.stop()
        await until(con, _BLOCKED)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    await holding.rollback()
    await until(con, _ENDED)
    assert await con.fetchval("select count(*) from message where body <> $1", DESTROYED) == 2, "all or nothing"
    assert await con.fetchval("select count(*) from keys.data_key where destroyed_at is not null") == 0
    async with running(place):
        await until(con, "select count(*) > 0 from erasure_task where done_at is not null")
        await until(con, "select count(*) = 0 from outbox")
    proof = read_proof(await con.fetchval("select proof from erasure_task"))
    assert (proof.order, proof.left, proof.removed["message"]) == (order.id, 0, 2)
    assert await con.fetchval("select count(*) from message where body <> $1", DESTROYED) == 0
    destroyed = await con.fetch("select id from keys.data_key where wrapped is null")
    assert {row["id"] for row in destroyed} == {int(key) for key in proof.keys}
    assert len(destroyed) >= 2, "the messages' key and the events'"
    await con.close()
    await other.close()
