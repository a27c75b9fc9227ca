"""One write per answer: what a request writes in one turn of the event loop leaves together, head and body in one segment.

uvicorn writes the head and the body apart, and uvloop sends each at once: two system calls here and two wake-ups at the other
end, which together cost as much as reading a resource.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LARGE = 64 * 1024  # bytes that leave as they are: copying them costs more than a write


class Corked:
    """Stands before a transport. Order is kept; what is closed is flushed first."""

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = inner
        self._soon = loop.call_soon
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._soon(self._flush)
        self._waiting.append(data)
        if len(data) >= _LARGE:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._inner.close()

    def _flush(self) -> None:
        parts, self._waiting = self._waiting, []
        if not parts or self._inner.is_closing():
            return
        if len(parts[-1]) >= _LARGE:
            self._inner.writelines(parts)
        else:
            self._inner.write(b"".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class CorkedHttp(HttpToolsProtocol):
    """uvicorn's protocol on such a transport (https://www.uvicorn.org/settings/#implementation)."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]
