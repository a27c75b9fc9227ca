"""Who waits for news of which patient: notices (ids only) go in once and out to every open page (D5, D12)."""

import asyncio
import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_KEPT = 5_000  # notices that a page which lost contact may still catch up with
TASKS = "every/task"  # what pages that count tasks wait for, where others name a patient; no patient can have this id
_WAITING = 500  # notices that one slow listener may be behind


@dataclass(frozen=True, slots=True)
class Notice:
    """Something was stored about these patients; `what` holds "Type/id"."""

    number: int
    patients: frozenset[str]
    what: tuple[str, ...]


class Gap:
    """Told instead of notices when some are lost for this listener: it must ask what it missed."""


GAP = Gap()


@dataclass(eq=False, slots=True)
class Listener:
    """One open stream: the patients it waits for, and what it has not been told yet."""

    patients: frozenset[str]
    queue: "asyncio.Queue[Notice | Gap | None]" = field(default_factory=lambda: asyncio.Queue(_WAITING))

    def offer(self, notice: Notice) -> None:
        if not self.patients & notice.patients:
            return
        try:
            self.queue.put_nowait(notice)
        except asyncio.QueueFull:
            self.miss()

    def miss(self) -> None:
        """Instead of everything that waits: ask what you missed."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(GAP)

    def end(self) -> None:
        """Nothing more is told; what waits is left."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)

    async def told(self, seconds: float) -> AsyncIterator[Notice | Gap | None]:
        """What is new, for ever; None after every `seconds` of silence (a heartbeat). Ends when the hub stops."""
        while True:
            try:
                async with asyncio.timeout(seconds):
                    found = await self.queue.get()
            except TimeoutError:
                yield None
                continue
            if found is None:
                return
            yield found


class Hub:
    """In-process: one per application platform process; `hearing.py` brings what any of them has read.

    Everything happens on the event loop, so nothing is locked. A position ("epoch-number") names a place in this process's
    notices; a page carries the one it was rendered at.
    """

    def __init__(self) -> None:
        self._epoch = secrets.token_hex(4)
        self._key = secrets.token_bytes(32)
        self._number = 0
        self._recent: deque[Notice] = deque(maxlen=_KEPT)
        self._listeners: set[Listener] = set()
        self._stopped = False

    @property
    def position(self) -> str:
        return self.position_of(self._number)

    def position_of(self, number: int) -> str:
        return f"{self._epoch}-{number}"

    @property
    def listening(self) -> int:
        return len(self._listeners)

    def publish(self, patient_ids: Iterable[str], what: Sequence[str]) -> None:
        """Tells every open page of these patients that the resources `what` ("Type/id") are new or changed."""
        patients = frozenset(patient_ids)
        if not patients or not what:
            return
        self._number += 1
        notice = Notice(self._number, patients, tuple(what))
        self._recent.append(notice)
        for listener in self._listeners:
            listener.offer(notice)

    def lost(self) -> None:
        """Something may have been said that was not heard here: every page must ask, also those that come back later."""
        self._epoch = secrets.token_hex(4)
        self._recent.clear()
        for listener in self._listeners:
            listener.miss()

    @contextmanager
    def listen(self, patients: frozenset[str], after: str = "") -> Iterator[Listener]:
        """A listener that first gets what happened after the position `after`, or a Gap where that is not known."""
        listener = Listener(patients)
        for notice in self._missed(after):
            if isinstance(notice, Gap):
                listener.queue.put_nowait(notice)
            else:
                listener.offer(notice)
        self._listeners.add(listener)
        if self._stopped:
            listener.end()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def stop(self) -> None:
        """Ends every open stream, so that the server can stop; a browser that comes back meanwhile is sent away too."""
        self._stopped = True
        for listener in self._listeners:
            listener.end()

    def ticket(self, session: str, patient: str) -> str:
        """Proof that this session was shown this patient's page by this process."""
        return hmac.new(self._key, f"{session}\n{patient}".encode(), hashlib.sha256).hexdigest()[:32]

    def admits(self, ticket: str, session: str, patient: str) -> bool:
        return hmac.compare_digest(ticket.encode(), self.ticket(session, patient).encode())

    def _missed(self, after: str) -> list[Notice | Gap]:
        if not after:
            return []
        epoch, _, number = after.partition("-")
        if epoch != self._epoch or not number.isdecimal() or int(number) > self._number:
            return [GAP]
        missed = [notice for notice in self._recent if notice.number > int(number)]
        complete = not missed or missed[0].number == int(number) + 1
        return list(missed) if complete else [GAP]
