"""An MLLP sender: several connections, each with a number of messages on the way at once."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fvm_load.hl7 import END


@dataclass(slots=True)
class Sent:
    """`latencies` in seconds, from sending to the acknowledgement; `codes`: AA, AE, AR."""

    latencies: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    broken: int = 0


class Sender(asyncio.Protocol):
    """One connection that keeps `window` messages on the way until its messages or its time end."""

    def __init__(self, messages: Iterator[bytes], window: int, until: float, sent: Sent) -> None:
        self._messages, self._window, self._until, self._sent = messages, window, until, sent
        self._open: deque[float] = deque()
        self._data = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._fill()

    def data_received(self, data: bytes) -> None:
        *frames, self._data = (self._data + data).split(END)
        now = time.perf_counter()
        for frame in frames:
            self._sent.latencies.append(now - self._open.popleft())  # answers come in the order of the messages
            self._sent.codes[_code(frame)] += 1
        self._fill()

    def connection_lost(self, error: Exception | None) -> None:
        self._sent.broken += len(self._open)
        if not self.done.done():
            self.done.set_result(None)

    def _fill(self) -> None:
        batch = []
        while len(self._open) < self._window and time.perf_counter() < self._until:
            message = next(self._messages, None)
            if message is None:
                break
            batch.append(message)
            self._open.append(time.perf_counter())
        if batch:
            self._transport.write(b"".join(batch))
        elif not self._open:
            self._transport.close()


def _code(frame: bytes) -> str:
    at = frame.find(b"\rMSA|")
    return frame[at + 5 : at + 7].decode("ascii", "replace") if at >= 0 else "?"


async def send(
    address: tuple[str, int], messages: Iterator[bytes], *, connections: int, window: int, seconds: float
) -> Sent:
    """Sends until the messages or the time end, and waits for the last answers. Raises OSError."""
    loop, sent = asyncio.get_running_loop(), Sent()
    began = time.perf_counter()
    until = began + seconds
    made = await asyncio.gather(
        *(loop.create_connection(lambda: Sender(messages, window, until, sent), *address) for _ in range(connections))
    )
    async with asyncio.timeout(seconds + 30):
        await asyncio.gather(*(protocol.done for _, protocol in made))
    sent.seconds = time.perf_counter() - began
    return sent
