"""A thread between a patient and a unit: what it may hold, and who may write in it (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from kit.problems import Kind as ProblemKind
from kit.problems import Problem

Side = Literal["patient", "staff"]
Kind = Literal["question", "renewal", "booking"]
LONGEST = 5_000  # characters of a message
LONGEST_SUBJECT = 120
ANSWERED_WITHIN = 2  # working days that a unit has for its answer (docs/decisions/0043)
_SATURDAY = 5


class NoSuchThread(Problem):
    """There is no such thread, or it is another patient's or another unit's; which is not told."""

    kind = ProblemKind.NOT_FOUND
    code = "application/no-such-thread"
    title = "There is no such conversation"


class ThreadClosed(Problem):
    """The unit has ended the conversation; a new one is begun instead."""

    kind = ProblemKind.CONFLICT
    code = "application/thread-closed"
    title = "The conversation has ended"


class Newer(Problem):
    """Something was written since the writer opened the page."""

    kind = ProblemKind.CONFLICT
    code = "application/message-newer"
    title = "Something has been written in the conversation since"


class IdTaken(Problem):
    """The id of the form belongs to something else that was sent."""

    kind = ProblemKind.CONFLICT
    code = "application/id-taken"
    title = "Another message has this id; open the page again"


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes. `role` is self, guardian or mandate of a patient's side, and "" of staff."""

    side: Side
    id: str
    name: str
    title: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was written; it is never changed."""

    id: UUID
    author: Author
    body: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation. `last_by` tells whose turn it is; `about` is the resource that it concerns ("Type/id") or "".

    `waiting_since` is when the patient wrote what nobody at the unit has answered. `closed_by` is a name.
    """

    id: UUID
    patient: str
    patient_name: str
    unit: str
    unit_name: str
    kind: Kind
    subject: str
    about: str
    last_by: Side
    begun_at: datetime
    changed_at: datetime
    patient_seen_at: datetime | None = None
    closed_at: datetime | None = None
    messages: Sequence[Message] = ()
    waiting_since: datetime | None = None
    closed_by: str = ""

    @property
    def unread(self) -> bool:
        """Whether the clinic has written something that nobody on the patient's side has opened."""
        seen = self.patient_seen_at
        return self.last_by == "staff" and (seen is None or seen < self.changed_at)

    @property
    def waiting(self) -> bool:
        """Whether it waits for the unit."""
        return self.last_by == "patient" and self.closed_at is None

    @property
    def due(self) -> datetime | None:
        """Until when the unit has its answer to give; None while nothing waits."""
        return working_days_after(self.waiting_since or self.changed_at, ANSWERED_WITHIN) if self.waiting else None


def wrong(text: str) -> str:
    """What is wrong with a message, in words for who wrote it; "" when nothing is."""
    if not text.strip():
        return "Skriv något innan du skickar."
    if len(text) > LONGEST:
        return f"Texten är {len(text)} tecken. Korta den till högst {LONGEST}."
    return ""


def tidy(text: str) -> str:
    """The text as it is kept: one kind of line end, nothing blank around it, no NUL (which PostgreSQL cannot hold)."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()


def working_days_after(at: datetime, days: int) -> datetime:
    """The same clock so many Mondays to Fridays later."""
    found = at
    while days:
        found += timedelta(days=1)
        days -= found.weekday() < _SATURDAY
    return found
