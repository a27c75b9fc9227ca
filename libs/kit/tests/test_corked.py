"""What one turn of the event loop writes leaves in one piece, in order, and nothing is lost at the close."""

import asyncio
from typing import Any

from kit.corked import Corked


class Wire:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.sent.append(bytes(data))

    def writelines(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> str:
        return name


def corked() -> tuple[Any, Wire]:
    wire = Wire()
    return Corked(wire, asyncio.get_running_loop()), wire  # type: ignore[arg-type]


async def test_head_and_body_leave_in_one_write() -> None:
    transport, wire = corked()
    transport.write(b"head ")
    transport.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"head body"]


async def test_what_is_written_later_leaves_later() -> None:
    transport, wire = corked()
    transport.write(b"one")
    await asyncio.sleep(0)
    transport.write(b"two")
    await asyncio.sleep(0)
    assert wire.sent == [b"one", b"two"]


async def test_what_waits_is_sent_before_the_close() -> None:
    transport, wire = corked()
    transport.write(b"last words")
    transport.close()
    assert (wire.sent, wire.closed) == ([b"last words"], True)
    await asyncio.sleep(0)
    assert wire.sent == [b"last words"]


async def test_a_large_body_leaves_at_once_behind_what_waits() -> None:
    transport, wire = corked()
    transport.write(b"head")
    transport.write(b"x" * 70_000)
    assert wire.sent == [b"head" + b"x" * 70_000]
    transport.write(b"tail")
    await asyncio.sleep(0)
    assert wire.sent[1:] == [b"tail"]


async def test_a_connection_that_broke_meanwhile_is_not_written_to() -> None:
    transport, wire = corked()
    transport.write(b"too late")
    wire.closed = True
    await asyncio.sleep(0)
    assert wire.sent == []


async def test_everything_else_is_the_transports_own() -> None:
    transport, _ = corked()
    assert transport.get_extra_info("peername") == "peername"
