"""Exchange with a database of its own: doors open on free ports, nothing mocked but the token's issuer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
import pytest
import zstandard
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from integration_platform import main
from integration_platform.hl7v2.message import Message
from integration_platform.hl7v2.mllp import Framer, wrap
from integration_platform.main import Parts
from integration_platform.settings import Settings
from kit.db import Database
from kit.outbox import read_headers
from kit.testing import TestIssuer, fresh_database, truncate

PUBLIC = "http://fvm.test"


@dataclass
class Exchange:
    """A running Exchange, its relay and Kafka reader left out: what it would tell stays in the outbox."""

    parts: Parts
    app: FastAPI
    issuer: TestIssuer

    @property
    def db(self) -> Database:
        return self.parts.db

    def client(self, **token: Any) -> AsyncClient:
        """A client with a system's token; `client_id` and `scope` by keyword, kind="staff" for a person."""
        kind = token.pop("kind", "system")
        headers = self.issuer.headers(kind, **{"client_id": "bench", **token})
        return AsyncClient(transport=ASGITransport(self.app), base_url=PUBLIC, headers=headers)

    async def connect(self) -> "Sender":
        reader, writer = await asyncio.open_connection("127.0.0.1", self.parts.door.port)
        return Sender(reader, writer)

    async def send(self, raw: str | bytes) -> Message:
        """One message on a connection of its own, and its answer."""
        sender = await self.connect()
        try:
            [reply] = await sender.exchange(raw)
        finally:
            await sender.close()
        return reply

    async def translate(self) -> int:
        """What the translator would do by itself, now. Returns how many messages were settled."""
        connection = await self.db.connect()
        count = 0
        try:
            while found := await self.parts.translator.once(connection):
                count += found
        finally:
            await connection.close()
        return count

    async def messages(self, **filters: Any) -> list[dict[str, Any]]:
        """Kept messages as operators see them, newest first."""
        async with self.client() as operator:
            answer = await operator.get("/exchange/messages", params=filters)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    async def told(self) -> list[tuple[asyncpg.Record, dict[str, Any]]]:
        """The outbox: rows, and the records in them."""
        rows = await self.db.pool.fetch("select * from outbox order by id")
        return [(row, opened(row["value"])) for row in rows]


class Sender:
    """A system at the other end of an MLLP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._framer = Framer()
        self._ready: list[Message] = []

    def write(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def exchange(self, *messages: str | bytes) -> list[Message]:
        """Sends these frames at once and waits for as many answers."""
        for raw in messages:
            self.write(wrap(raw if isinstance(raw, bytes) else raw.encode()))
        return [await self.reply() for _ in messages]

    async def reply(self) -> Message:
        while not self._ready:
            data = await asyncio.wait_for(self.reader.read(65536), 10)
            if not data:
                raise ConnectionError("closed")
            self._ready += [Message(frame.payload) for frame in self._framer.feed(data)]
        return self._ready.pop(0)

    async def closed(self) -> bool:
        with suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(1), 10) == b""
        return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


def opened(value: bytes) -> dict[str, Any]:
    assert value[0] == 1
    found: dict[str, Any] = msgspec.json.decode(zstandard.ZstdDecompressor().decompress(value[1:], 1 << 28))
    return found


def headers_of(row: asyncpg.Record) -> dict[str, str]:
    return {name: value.decode() for name, value in read_headers(row["headers"])}


@asynccontextmanager
async def an_exchange(url: str, mode: str, **settings: Any) -> AsyncIterator[Exchange]:
    # Without keys unless a test asks for them: tests look into the database themselves.
    chosen = Settings(database_url=url, mode=mode, public_url=PUBLIC, mllp_port=0, **{"master_key": "", **settings})
    parts = main.new_parts(chosen, Database(url))
    issuer = TestIssuer(PUBLIC)
    await parts.db.start()
    await parts.keys()
    await parts.register.start()
    await parts.receiver.start()
    door = asyncio.create_task(parts.door.run())
    await parts.door.listening.wait()
    try:
        yield Exchange(parts, main.create_app(chosen, parts, issuer.verifier("/exchange")), issuer)
    finally:
        door.cancel()
        await asyncio.gather(door, return_exceptions=True)
        await parts.receiver.stop()
        await parts.register.stop()
        await parts.db.stop()


@pytest.fixture(scope="session")
async def demo_region(postgres_url: str) -> AsyncIterator[Exchange]:
    async with (
        fresh_database(postgres_url, "integration_platform") as url,
        an_exchange(url, "demo", mllp_frame_bytes=200_000, mllp_frame_seconds=0.4) as exchange,
    ):
        yield exchange


@pytest.fixture(scope="session")
async def production_region(postgres_url: str) -> AsyncIterator[Exchange]:
    async with (
        fresh_database(postgres_url, "integration_platform", mode="production") as url,
        an_exchange(url, "production") as exchange,
    ):
        yield exchange


@pytest.fixture
async def exchange(demo_region: Exchange) -> Exchange:
    """A demo region, empty."""
    await _emptied(demo_region)
    return demo_region


@pytest.fixture
async def production(production_region: Exchange) -> Exchange:
    """A production region, empty: nobody is registered."""
    await _emptied(production_region)
    return production_region


async def _emptied(exchange: Exchange) -> None:
    await truncate(exchange.db)
    await exchange.parts.register.stop()
    await exchange.parts.register.start()


@pytest.fixture(scope="session")
def opening() -> Any:
    """`async with opening(url, mode)`: an Exchange of one's own."""
    return an_exchange
