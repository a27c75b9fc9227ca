"""A small HTTP/1.1 client on raw sockets: keep-alive, one request at a time per connection, bytes in and out.

It prepares and checks; it is also the load generator where `wrk` is not installed (a general client costs more CPU than
the server that is measured).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

_PATIENCE = 60.0  # seconds for one answer


class NoAnswer(Exception):
    """The connection broke, or what came is not HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`head` is everything before the body."""

    status: int
    head: bytes
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def headers(self, name: str) -> list[str]:
        """All values of this header."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines)
        return [value.strip() for key, _, value in pairs if key.lower() == name.lower()]


@dataclass(frozen=True, slots=True)
class Base:
    """A base URL taken apart. `path` has no slash at its end."""

    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> "Base":
        parts = urlsplit(url)
        return cls(parts.hostname or "127.0.0.1", parts.port or 80, parts.path.rstrip("/"))

    def request(
        self,
        method: str,
        below: str,
        token: str = "",
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
    ) -> bytes:
        """A request as bytes; `below` begins with / or ? (or is empty: the base itself)."""
        lines = [f"{method} {self.path + below or '/'} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        lines += [f"Authorization: Bearer {token}"] if token else []
        if body is not None and not any(name.lower() == "content-type" for name in headers):
            lines += ["Content-Type: application/fhir+json"]
        lines += [f"Content-Length: {len(body)}"] if body is not None else []
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Connection(asyncio.Protocol):
    """One connection; `ask` may be called again when it has answered."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._waiting: asyncio.Future[Answer] | None = None
        self._head: bytes = b""
        self._need = -1  # body bytes; -1: head not complete, -2: chunked

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    async def ask(self, request: bytes) -> Answer:
        """Raises NoAnswer."""
        if self._transport.is_closing():
            raise NoAnswer("the connection is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(NoAnswer("the connection broke"))

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._need == -1 and not self._read_head():
            return
        body = self._chunked() if self._need == -2 else self._sized()
        if body is not None and self._waiting is not None and not self._waiting.done():
            self._need = -1
            self._waiting.set_result(Answer(int(self._head[9:12]), self._head, body))

    def _read_head(self) -> bool:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._head = bytes(self._data[:end])
        del self._data[: end + 4]
        low = self._head.lower()
        at = low.find(b"\r\ncontent-length:")
        if at >= 0:
            self._need = int(low[at + 17 :].split(b"\r\n", 1)[0])
        else:
            self._need = -2 if b"\r\ntransfer-encoding: chunked" in low else 0
        return True

    def _sized(self) -> bytes | None:
        if len(self._data) < self._need:
            return None
        body = bytes(self._data[: self._need])
        del self._data[: self._need]
        return body

    def _chunked(self) -> bytes | None:
        if not self._data.endswith(b"0\r\n\r\n"):
            return None
        rest, parts = bytes(self._data), []
        while True:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size.split(b";")[0], 16)
            if length == 0:
                break
            parts.append(rest[:length])
            rest = rest[length + 2 :]
        self._data.clear()
        return b"".join(parts)


async def connect(host: str, port: int) -> Connection:
    """Raises OSError when nobody listens."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, host, port)
    return connection


async def ask(base: Base, request: bytes) -> Answer:
    """One request on a connection of its own."""
    async with asyncio.timeout(_PATIENCE):
        connection = await connect(base.host, base.port)
        try:
            return await connection.ask(request)
        finally:
            connection.close()


async def ask_all(base: Base, requests: Sequence[bytes], connections: int = 8) -> list[Answer]:
    """The answers in the order of the requests."""
    answers: list[Answer | None] = [None] * len(requests)
    places = iter(range(len(requests)))

    async def work() -> None:
        connection = await connect(base.host, base.port)
        for place in places:
            answers[place] = await connection.ask(requests[place])
        connection.close()

    await asyncio.gather(*(work() for _ in range(min(connections, len(requests)))))
    return [answer for answer in answers if answer is not None]


@dataclass(slots=True)
class Driven:
    """What driving found: latencies in seconds, in no order, and answers by status."""

    seconds: float
    latencies: list[float]
    statuses: dict[int, int]


async def drive(base: Base, requests: Sequence[bytes], connections: int, seconds: float) -> Driven:
    """Asks in turn on every connection until time is up. The latency of each answer includes its whole body."""
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    opened = await asyncio.gather(*(connect(base.host, base.port) for _ in range(connections)))
    began = time.perf_counter()
    until = began + seconds
    place = 0

    async def work(connection: Connection) -> None:
        nonlocal place
        while (sent := time.perf_counter()) < until:
            request = requests[place % len(requests)]
            place += 1
            answer = await connection.ask(request)
            latencies.append(time.perf_counter() - sent)
            statuses[answer.status] = statuses.get(answer.status, 0) + 1

    await asyncio.gather(*map(work, opened))
    took = time.perf_counter() - began
    for connection in opened:
        connection.close()
    return Driven(took, latencies, statuses)
