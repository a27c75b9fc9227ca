"""Writing in a conversation: each act is one transaction, and open pages of both sides are told when it commits."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from application_platform.messages import store
from application_platform.messages.model import Author, Message, Thread
from application_platform.portal.hearing import News, tell
from kit.db import Database, driver


@dataclass(frozen=True, slots=True)
class Reply:
    """Somebody's words in a conversation; `seen` is the last message that they had read."""

    id: UUID
    author: Author
    body: str
    seen: UUID | None = None


def key(thread: UUID) -> str:
    """How pages are told of it."""
    return f"Communication/{thread}"


async def begin(db: Database, thread: Thread, author: Author, body: str) -> None:
    """Raises IdTaken."""
    async with db.transaction() as tx:
        if await store.begin(tx, thread, author, body):
            await tell(await driver(tx), [news(thread)])


async def answer(db: Database, thread: Thread, reply: Reply, *, ends: bool = False) -> None:
    """Writes, and with `ends` ends the conversation too. Raises NoSuchThread, ThreadClosed, IdTaken, Newer."""
    now = datetime.now(UTC)
    async with db.transaction() as tx:
        written = await store.answer(tx, thread.id, Message(reply.id, reply.author, reply.body, now), seen=reply.seen)
        if ends:
            await store.close(tx, thread.id, now, reply.author.name)
        if written or ends:
            await tell(await driver(tx), [news(thread)])


async def close(db: Database, thread: Thread, by: str, seen: UUID | None) -> None:
    """Raises Newer when the patient has written since."""
    async with db.transaction() as tx:
        await store.close(tx, thread.id, datetime.now(UTC), by, seen=seen)
        await tell(await driver(tx), [news(thread)])


async def opened(db: Database, patient: str, thread: UUID) -> Thread:
    """The patient's side has it in front of them: what was new is read from now on. Raises NoSuchThread."""
    async with db.transaction() as tx:
        found = await store.of_patient(tx, patient, thread)
        if found.unread:
            await store.seen_by_patient(tx, thread, datetime.now(UTC))
            await tell(await driver(tx), [news(found)])
        return found


def news(thread: Thread) -> News:
    """To the patient's pages, and to the unit's list, which waits for the unit's HSA-id as charts wait for a patient."""
    return News((thread.patient, thread.unit), (key(thread.id),))
