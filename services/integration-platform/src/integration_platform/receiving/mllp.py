"""The MLLP listener: frames in, stored in groups, acknowledged in order; any number may be on the way at once."""

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from integration_platform.hl7v2 import ack
from integration_platform.hl7v2.header import Header
from integration_platform.hl7v2.mllp import LIMIT, Frame, Framer, wrap
from integration_platform.receiving.actions import Receiver
from integration_platform.receiving.judging import judge
from integration_platform.receiving.model import Kept
from integration_platform.senders.model import Peer
from integration_platform.senders.store import Register
from integration_platform.translate.times import STOCKHOLM
from kit import tls

_WINDOW = 512  # messages of one connection that may wait for their answer before we stop reading
_WINDOW_BYTES = 32 * 1024 * 1024
_MOST_CONNECTIONS = 1000
_GOODBYE = 2.0  # seconds
_HANDSHAKE = 10.0  # seconds that TLS may take to be agreed upon

log = structlog.get_logger(__name__)


class Connection(asyncio.Protocol):
    """One sender's connection."""

    def __init__(self, door: "Door") -> None:
        self._door = door
        self._framer = Framer(door.frame_limit)
        self._began: float | None = None  # when the frame that is not finished began
        self._open = 0
        self._open_bytes = 0
        self._replies: list[bytes] = []
        self._paused = False
        self._deaf = False  # the sender does not read its answers

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        peer = transport.get_extra_info("peername")
        shown = transport.get_extra_info("ssl_object")
        self.peer = Peer(str(peer[0]) if peer else "", tls.names(shown))
        self._half_closes = shown is None
        with suppress(OSError, AttributeError):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if not self._door.admit(self):
            transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """What was half sent is kept; there is nobody left to answer."""
        self._door.connections.discard(self)
        left = None if self._framer.closing else self._framer.rest("no-end-block")
        if left is not None:
            self._door.give(self, Frame(left.payload, left.flaw, answered=False))

    def data_received(self, data: bytes) -> None:
        for frame in self._framer.feed(data):
            self._take(frame)
        if not self._framer.waiting:
            self._began = None
        elif self._began is None or len(data) >= self._framer.waiting:
            self._began = time.monotonic()
        self._flow()

    def eof_received(self) -> bool:
        """The sender has closed its half: what it waits for is still sent (TLS knows no halves)."""
        left = self._framer.rest("no-end-block")
        if left is not None:
            self._take(left)
        return self._half_closes and self._open > 0

    def pause_writing(self) -> None:
        self._deaf = True
        self._flow()

    def resume_writing(self) -> None:
        self._deaf = False
        self._flow()

    def check(self, now: float, patience: float) -> None:
        """Refuses a frame that was begun too long ago."""
        if self._began is not None and now - self._began > patience:
            self._began = None
            left = self._framer.rest("too-slow")
            if left is not None:
                self._take(left)
            self._flow()

    def answered(self, size: int, replies: list[bytes]) -> None:
        """An answer is ready; those of one group leave in one write."""
        self._open -= 1
        self._open_bytes -= size
        if not self._replies and replies:
            asyncio.get_running_loop().call_soon(self._write)
        self._replies += replies
        self._flow()

    def abandon(self) -> None:
        """Could not be stored: without an answer the sender sends it again on a new connection."""
        self._transport.abort()

    def hush(self) -> None:
        """Reads no more; closes when everything taken is answered. Half a frame will be sent again."""
        self._framer.closing = True
        self._flow()

    def _take(self, frame: Frame) -> None:
        if frame.answered:
            self._open += 1
            self._open_bytes += len(frame.payload)
        self._door.give(self, frame)

    def _write(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"".join(self._replies))
        self._replies.clear()
        self._flow()

    def _flow(self) -> None:
        """Stops reading while too much is on the way; closes when all is said that will be said."""
        if self._transport.is_closing():
            return
        if self._framer.closing and not self._open and not self._replies:
            self._transport.close()
            return
        full = self._deaf or self._open >= _WINDOW or self._open_bytes >= _WINDOW_BYTES or self._framer.closing
        if full != self._paused:
            self._paused = full
            (self._transport.pause_reading if full else self._transport.resume_reading)()


@dataclass(frozen=True, slots=True)
class Rules:
    """What this port takes. `known_as`: the port senders are registered with, where it is mapped from another.
    `certificate`: TLS, where it is given; it may ask senders for theirs."""

    production: bool
    frame_limit: int = LIMIT  # bytes
    patience: float = 30.0  # seconds from the first byte of a frame to its last
    known_as: int | None = None
    certificate: tls.Certificate | None = None


class Door:
    """One listening port."""

    name = "mllp"

    def __init__(
        self,
        receiver: Receiver,
        register: Register,
        host: str,
        port: int,
        rules: Rules,
    ) -> None:
        self._receiver = receiver
        self._register = register
        self._address = (host, port)
        self._rules = rules
        self._server: asyncio.Server | None = None
        self.listening = asyncio.Event()
        self.frame_limit = rules.frame_limit
        self.connections: set[Connection] = set()

    @property
    def port(self) -> int:
        """The port in use; port 0 asks for any free one."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def run(self) -> None:
        """Listens until cancelled, and watches for frames that do not end. Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        host, port = self._address
        certificate = self._rules.certificate
        self._server = await loop.create_server(
            lambda: Connection(self),
            host,
            port,
            backlog=1024,
            reuse_address=True,
            ssl=certificate.context if certificate is not None else None,
            ssl_handshake_timeout=_HANDSHAKE if certificate is not None else None,
        )
        self.listening.set()
        try:
            while True:
                await asyncio.sleep(min(1.0, self._rules.patience / 4))
                if certificate is not None:
                    certificate.refresh()
                now = time.monotonic()
                for connection in list(self.connections):
                    connection.check(now, self._rules.patience)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        """Takes nothing more; what has been taken is still answered, for a moment."""
        self.listening.clear()
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.hush()
        until = time.monotonic() + _GOODBYE
        while self.connections and time.monotonic() < until:  # noqa: ASYNC110 - connections end by themselves
            await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.abandon()

    def admit(self, connection: Connection) -> bool:
        if len(self.connections) >= _MOST_CONNECTIONS:
            log.warning("too many connections", door="mllp", limit=_MOST_CONNECTIONS)
            return False
        self.connections.add(connection)
        return True

    def give(self, connection: Connection, frame: Frame) -> None:
        """Hands a frame to the receiver, and its answer back to the connection."""
        port = self._rules.known_as or self.port
        message, header = judge(frame, self._register.now, port, connection.peer, production=self._rules.production)
        size = len(frame.payload)

        def answer(kept: Kept | None) -> None:
            if not frame.answered:
                return
            if kept is None:
                connection.abandon()
            else:
                connection.answered(size, _replies(header, kept))

        self._receiver.give(message, answer)


def _replies(header: Header | None, kept: Kept) -> list[bytes]:
    """The same for the same message: control id and time are the stored message's."""
    at = kept.at.astimezone(STOCKHOLM)
    return [wrap(reply) for reply in ack.replies(header, kept.verdict, f"FVM{kept.id}", at)]
