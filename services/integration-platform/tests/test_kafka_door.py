"""Systems that publish to exchange.inbox.v1, and the whole service as a process: killed, its messages are all told once."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import zstandard

from integration_platform.hl7v2.message import Message
from integration_platform.hl7v2.mllp import Framer, wrap
from integration_platform.testing import an_oru
from kit.events import CloudEvent, to_headers
from kit.kafka import Consumer, Producer
from kit.outbox import Message as Sent
from kit.testing import fresh_database, fresh_topics

RECORD, INBOX, ENDED = "exchange.record.v1", "exchange.inbox.v1", "application.session-revoked.v1"
ORDERED = "information.erasure-ordered.v1"
PNR = "http://electronichealth.se/identifier/personnummer"


@pytest.fixture(scope="module")
async def place(postgres_url: str, kafka_bootstrap: str) -> AsyncIterator[dict[str, str]]:
    """Environment of a region of one's own."""
    async with (
        fresh_topics(kafka_bootstrap, [RECORD, INBOX, ENDED, ORDERED]) as region,
        fresh_database(postgres_url, "integration_platform") as url,
    ):
        yield {
            **os.environ,
            "FVM_DATABASE_URL": url,
            "FVM_KAFKA": kafka_bootstrap,
            "FVM_REGION": region,
            "FVM_MODE": "demo",
            "FVM_PORT": str(_free()),
            "FVM_MLLP_PORT": str(_free()),
            "FVM_MASTER_KEY": "",
        }


@asynccontextmanager
async def running(place: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "integration_platform", env=place, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await _listening(int(place["FVM_MLLP_PORT"]))
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 20)


@asynccontextmanager
async def reading(place: dict[str, str]) -> AsyncIterator[Any]:
    """Reads exchange.record.v1 from its beginning: `await read(enough)` gives all records so far."""
    topic, records = f"{place['FVM_REGION']}.{RECORD}", []
    consumer: Consumer

    async def assigned(partitions: Any) -> None:
        for part, (first, _) in (await consumer.bounds(partitions)).items():
            consumer.seek(part, first)

    async def revoked(_partitions: Any) -> None:
        return

    consumer = Consumer(place["FVM_KAFKA"], uuid.uuid4().hex, [topic], assigned=assigned, revoked=revoked)
    await consumer.start()

    async def read(enough: Any, seconds: float = 40) -> list[dict[str, Any]]:
        async with asyncio.timeout(seconds):
            while not enough(records):
                for rows in (await consumer.fetch(500, 1.0)).values():
                    records.extend(_opened(row.value) for row in rows)
        return records

    try:
        yield read
    finally:
        await consumer.stop()


async def test_an_event_produced_straight_to_kafka_is_told_like_any_other(place: dict[str, str]) -> None:
    patient = {"resourceType": "Patient", "id": "k1", "identifier": [{"system": PNR, "value": "199002222397"}]}
    event = CloudEvent("k-1", "/kafka-system", "t", datetime.now(UTC), msgspec.json.encode(patient))
    broken = CloudEvent("k-2", "/kafka-system", "t", datetime.now(UTC), b"<xml/>")
    producer = Producer(place["FVM_KAFKA"])
    topic = f"{place['FVM_REGION']}.{INBOX}"
    sent = [Sent(topic, b"k", one.data, to_headers(one)) for one in (event, broken, event)]

    async with running(place), reading(place) as read:
        await producer.send_all(sent)
        await producer.stop()
        records = await read(lambda found: any("199002222397" in str(record) for record in found))

    told = [record for record in records if "199002222397" in str(record)]
    assert len(told) == 1
    assert told[0]["entries"][0]["resource"]["id"] != "k1"


async def test_every_acknowledged_message_is_told_once_and_in_order_though_the_process_is_killed(
    place: dict[str, str],
) -> None:
    messages = {f"K{nth:04}": an_oru(f"K{nth:04}", value=f"{nth}.0").encode() for nth in range(600)}
    acknowledged: set[str] = set()
    port = int(place["FVM_MLLP_PORT"])

    async def stream() -> None:
        """Sends in order, eight on the way, and everything not acknowledged again after a lost connection."""
        while len(acknowledged) < len(messages):
            left = [raw for control, raw in messages.items() if control not in acknowledged]
            try:
                await _send(port, left, acknowledged)
            except (OSError, ConnectionError):
                await asyncio.sleep(0.1)

    sending = asyncio.create_task(stream())
    for enough in (150, 350):
        async with running(place) as process:
            while len(acknowledged) < enough:  # noqa: ASYNC110 - the sender has no event for "so many"
                await asyncio.sleep(0.005)
            process.kill()
            await process.wait()
    async with running(place), reading(place) as read:
        await asyncio.wait_for(sending, 60)
        records = await read(lambda found: len(_values(found)) >= len(messages))
        await asyncio.sleep(1)
        records = await read(lambda _: True)

    told = _values(records)
    assert sorted(set(told)) == [float(nth) for nth in range(600)]
    firsts = list(dict.fromkeys(told))
    assert firsts == sorted(firsts)
    transactions = {record["transaction"] for record in records if _values([record])}
    assert len(transactions) == len(messages)  # Kafka may repeat an event after a kill; never under another name


async def _send(port: int, left: list[bytes], acknowledged: set[str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    framer, answered, sent = Framer(), 0, 0
    try:
        while answered < len(left):
            while sent < len(left) and sent - answered < 8:
                writer.write(wrap(left[sent]))
                sent += 1
            data = await reader.read(65536)
            if not data:
                raise ConnectionError
            for frame in framer.feed(data):
                msa = Message(frame.payload).first("MSA")
                assert msa is not None
                assert msa.text(1) == "AA"
                acknowledged.add(msa.text(2))
                answered += 1
    finally:
        writer.close()


def _values(records: list[dict[str, Any]]) -> list[float]:
    entries = [entry for record in records for entry in record["entries"]]
    return [entry["resource"]["valueQuantity"]["value"] for entry in entries if entry["type"] == "Observation"]


def _opened(value: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(zstandard.ZstdDecompressor().decompress(value[1:], 1 << 26))
    return found


def _free() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _listening(port: int) -> None:
    async with asyncio.timeout(40):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return
