"""MLLP framing without a socket: bytes in, frames out (HL7 "Transport Specification: MLLP", release 1).

A frame is 0x0B, the message, 0x1C 0x0D. Frames may come in pieces or many at once; what is between them, or is not
a whole frame, is handed out as a broken one with its bytes: it is kept and answered, never skipped.
"""

from dataclasses import dataclass

START, END = b"\x0b", b"\x1c\r"
LIMIT = 16 * 1024 * 1024  # bytes of one message (D17)
_KEPT = 1024 * 1024  # bytes that are kept of a frame beyond the limit
_LOOSE = 64 * 1024  # bytes outside a frame before we stop listening
_BETWEEN = b"\r\n \x1c\x00"  # what careless senders put between frames; no message is made of it


@dataclass(frozen=True, slots=True)
class Frame:
    """One message, or what there is of it. `flaw`: None for a whole frame; `answered`: the sender waits for a reply."""

    payload: bytes
    flaw: str | None = None
    answered: bool = True


def wrap(payload: bytes) -> bytes:
    return START + payload + END


class Framer:
    """Collects the bytes of one connection. After `closing` is set, nothing more is read."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self.closing = False

    @property
    def waiting(self) -> int:
        """Bytes of a frame that is not finished."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete, in order."""
        self._buffer += data
        found: list[Frame] = []
        while not self.closing:
            frame = self._inside() if self._buffer[:1] == START else self._outside()
            if frame is None:
                break
            found.append(frame)
        return [frame for frame in found if frame.payload or frame.flaw]

    def rest(self, flaw: str) -> Frame | None:
        """What is left when the sender has closed or takes too long."""
        self.closing = True
        left = bytes(self._buffer[1:] if self._buffer[:1] == START else self._buffer)
        whole = self._buffer[:1] == START
        self._buffer.clear()
        if not left.strip(_BETWEEN):
            return None
        if whole and left.endswith(b"\x1c"):  # ended with 0x1C alone: the message is all there
            return Frame(left[:-1])
        return Frame(left, flaw)

    def _inside(self) -> Frame | None:
        end = self._buffer.find(END, max(self._searched - 1, 1))
        start = self._buffer.find(START, max(self._searched, 1), end if end >= 0 else len(self._buffer))
        if start >= 0:
            return self._unfinished(start)
        if end < 0:
            self._searched = len(self._buffer)
            return self._too_large() if len(self._buffer) > self._limit else None
        if end > self._limit:
            return self._too_large()
        payload = self._take(1, end, len(END))
        return Frame(payload, None if payload else "empty")

    def _outside(self) -> Frame | None:
        """Bytes before a start block: an end block among them makes them a frame without a beginning."""
        start, end = self._buffer.find(START), self._buffer.find(END)
        if end >= 0 and (start < 0 or end < start):
            loose = self._take(0, end, len(END))
            return Frame(loose, "no-start-block") if loose.strip(_BETWEEN) else Frame(b"")
        if start >= 0:
            loose = self._take(0, start, 0)
            return Frame(loose, "outside-a-frame", answered=False) if loose.strip(_BETWEEN) else Frame(b"")
        if not self._buffer.strip(_BETWEEN):
            self._buffer.clear()
        return self._too_large() if len(self._buffer) > min(self._limit, _LOOSE) else None

    def _unfinished(self, start: int) -> Frame:
        """A new start block before the end of this frame: the sender forgot the end block, or only its 0x0D."""
        payload = self._take(1, start, 0)
        body = payload.rstrip(b"\r\n")
        return Frame(body[:-1]) if body.endswith(b"\x1c") else Frame(payload, "no-end-block")

    def _too_large(self) -> Frame:
        begin = 1 if self._buffer[:1] == START else 0
        payload = bytes(self._buffer[begin : begin + _KEPT])
        self._buffer.clear()
        self.closing = True
        return Frame(payload, "too-large")

    def _take(self, begin: int, end: int, gap: int) -> bytes:
        payload = bytes(self._buffer[begin:end])
        del self._buffer[: end + gap]
        self._searched = 0
        return payload
