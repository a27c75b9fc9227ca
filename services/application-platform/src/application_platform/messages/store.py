"""How threads and messages rest; every function runs in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.messages.model import (
    Author,
    IdTaken,
    Message,
    Newer,
    NoSuchThread,
    Side,
    Thread,
    ThreadClosed,
)
from application_platform.sealed_words import hidden, shown

MOST = 200  # threads of one list
_ANY = sa.true()
metadata = sa.MetaData()
_moment = sa.TIMESTAMP(timezone=True)

thread_table = sa.Table(
    "message_thread",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    *(
        sa.Column(name, sa.Text)
        for name in ("patient", "patient_name", "unit", "unit_name", "kind", "subject", "about")
    ),
    sa.Column("last_by", sa.Text),
    *(sa.Column(name, _moment) for name in ("begun_at", "changed_at", "patient_seen_at", "closed_at", "waiting_since")),
    sa.Column("closed_by", sa.Text),
    sa.Column("sealed", sa.LargeBinary),
)
message_table = sa.Table(
    "message",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("thread", sa.Uuid),
    *(sa.Column(name, sa.Text) for name in ("side", "by_id", "by_name", "by_title", "by_role", "body")),
    sa.Column("at", _moment),
    sa.Column("sealed", sa.LargeBinary),
)
_OF_THREAD = [column.name for column in thread_table.c if column.name != "sealed"]


async def begin(tx: AsyncConnection, thread: Thread, author: Author, body: str) -> bool:
    """A new thread with its first message; sent twice, begun once (False). Raises IdTaken when the id is of another one."""
    columns = {name: getattr(thread, name) for name in _OF_THREAD}
    columns["waiting_since"] = thread.begun_at if thread.waiting else None
    resting = await hidden(tx, "message_thread", thread.patient, columns)
    insert = pg.insert(thread_table).values(resting).on_conflict_do_nothing().returning(thread_table.c.id)
    if (await tx.execute(insert)).first() is None:
        known = await _load(tx, thread.id)
        same = known is not None and (known.patient, known.unit, known.subject) == (
            thread.patient, thread.unit, thread.subject,
        )  # fmt: skip
        if not same or not await _written(tx, thread.id, thread.id, author, body):
            raise IdTaken
        return False
    await _put(tx, thread, Message(thread.id, author, body, thread.begun_at))
    return True


async def answer(tx: AsyncConnection, thread: UUID, message: Message, *, seen: UUID | None = None) -> bool:
    """Another message; sent twice, written once (False). `seen` is the last message that its writer had read.

    Raises NoSuchThread, ThreadClosed, IdTaken, Newer.
    """
    found = await _load(tx, thread, hold=True)
    if found is None:
        raise NoSuchThread
    if await _written(tx, thread, message.id, message.author, message.body):
        return False
    if found.closed_at is not None:
        raise ThreadClosed
    await _unchanged(tx, thread, seen)
    await _put(tx, found, message)
    side = message.author.side
    changes: dict[str, Any] = {"last_by": side, "changed_at": message.at, "waiting_since": None}
    if side == "patient":
        changes |= {"patient_seen_at": message.at, "waiting_since": found.waiting_since or message.at}
    await tx.execute(thread_table.update().where(thread_table.c.id == thread).values(changes))
    return True


async def close(tx: AsyncConnection, thread: UUID, at: datetime, by: str = "", *, seen: UUID | None = None) -> None:
    """The unit ends it; ended twice, it keeps its first time and name. Raises Newer when something came after `seen`."""
    still = (thread_table.c.id == thread) & thread_table.c.closed_at.is_(None)
    if (await _load(tx, thread, hold=True, where=thread_table.c.closed_at.is_(None))) is not None:
        await _unchanged(tx, thread, seen)
    await tx.execute(thread_table.update().where(still).values(closed_at=at, closed_by=by, waiting_since=None))


async def seen_by_patient(tx: AsyncConnection, thread: UUID, at: datetime) -> None:
    await tx.execute(thread_table.update().where(thread_table.c.id == thread).values(patient_seen_at=at))


async def of_patient(tx: AsyncConnection, patient: str, thread: UUID) -> Thread:
    """A thread of this patient with its messages, oldest first. Raises NoSuchThread."""
    return await _whole(tx, thread, thread_table.c.patient == patient)


async def of_unit(tx: AsyncConnection, unit: str, thread: UUID) -> Thread:
    """A thread of this unit. Raises NoSuchThread."""
    return await _whole(tx, thread, thread_table.c.unit == unit)


async def patients(tx: AsyncConnection, patient: str) -> list[Thread]:
    """The patient's threads, latest first, without their messages."""
    return await _listed(tx, thread_table.c.patient == patient, thread_table.c.changed_at.desc())


async def units(tx: AsyncConnection, unit: str) -> list[Thread]:
    """The unit's open threads, those that wait for an answer first and the longest wait on top."""
    mine = (thread_table.c.unit == unit) & thread_table.c.closed_at.is_(None)
    waits = sa.func.coalesce(thread_table.c.waiting_since, thread_table.c.changed_at)
    return await _listed(tx, mine, (thread_table.c.last_by == "patient").desc(), waits)


async def units_with(tx: AsyncConnection, unit: str, patient: str) -> list[Thread]:
    """The unit's threads with this patient, also ended ones, latest first."""
    mine = (thread_table.c.unit == unit) & (thread_table.c.patient == patient)
    return await _listed(tx, mine, thread_table.c.changed_at.desc())


async def unread(tx: AsyncConnection, patient: str) -> int:
    """How many of the patient's threads hold something new from the clinic."""
    table = thread_table.c
    new = table.patient_seen_at.is_(None) | (table.patient_seen_at < table.changed_at)
    query = sa.select(sa.func.count()).where((table.patient == patient) & (table.last_by == "staff") & new)
    return int((await tx.execute(query)).scalar_one())


async def waiting(tx: AsyncConnection, unit: str) -> int:
    """How many threads wait for this unit's answer."""
    table = thread_table.c
    mine = (table.unit == unit) & table.closed_at.is_(None) & (table.last_by == "patient")
    return int((await tx.execute(sa.select(sa.func.count()).where(mine))).scalar_one())


async def _listed(tx: AsyncConnection, where: Any, *order: Any) -> list[Thread]:
    rows = await tx.execute(sa.select(thread_table).where(where).order_by(*order, thread_table.c.id).limit(MOST))
    return [_thread(row) for row in await shown(tx, "message_thread", rows.all())]


async def _load(tx: AsyncConnection, id: UUID, *, hold: bool = False, where: Any = _ANY) -> Thread | None:
    query = sa.select(thread_table).where((thread_table.c.id == id) & where)
    rows = await shown(tx, "message_thread", (await tx.execute(query.with_for_update() if hold else query)).all())
    return _thread(rows[0]) if rows else None


async def _whole(tx: AsyncConnection, id: UUID, where: Any) -> Thread:
    found = await _load(tx, id, where=where)
    if found is None:
        raise NoSuchThread
    query = (
        sa.select(message_table).where(message_table.c.thread == id).order_by(message_table.c.at, message_table.c.id)
    )
    return replace(found, messages=_messages(await shown(tx, "message", (await tx.execute(query)).all())))


async def _unchanged(tx: AsyncConnection, thread: UUID, seen: UUID | None) -> None:
    """Raises Newer unless `seen` is the last message; None asks nothing."""
    table = message_table.c
    newest = sa.select(table.id).where(table.thread == thread).order_by(table.at.desc(), table.id.desc()).limit(1)
    if seen is not None and (await tx.execute(newest)).scalar_one_or_none() != seen:
        raise Newer


async def _put(tx: AsyncConnection, thread: Thread, message: Message) -> None:
    who = message.author
    values = {"side": who.side, "by_id": who.id, "by_name": who.name, "by_title": who.title, "by_role": who.role}
    row = {"id": message.id, "thread": thread.id, "body": message.body, "at": message.at, **values}
    try:
        await tx.execute(message_table.insert().values(await hidden(tx, "message", thread.patient, row)))
    except sa.exc.IntegrityError:
        raise IdTaken from None


async def _written(tx: AsyncConnection, thread: UUID, id: UUID, author: Author, body: str) -> bool:
    """Whether exactly this was written before. Raises IdTaken when the id was used for something else."""
    rows = await shown(
        tx, "message", (await tx.execute(sa.select(message_table).where(message_table.c.id == id))).all()
    )
    if not rows:
        return False
    [row] = rows
    if (row.thread, row.by_id, row.body) != (thread, author.id, body):
        raise IdTaken
    return True


def _thread(row: Any) -> Thread:
    return Thread(**{name: getattr(row, name) for name in _OF_THREAD})


def _messages(rows: Sequence[Any]) -> list[Message]:
    return [Message(row.id, _author(row), row.body, row.at) for row in rows]


def _author(row: Any) -> Author:
    side: Side = "staff" if row.side == "staff" else "patient"
    return Author(side, row.by_id, row.by_name, row.by_title, row.by_role)
