"""Reads of kept messages that need no model, and the two moves a person makes: replay, and finding a sender again.

Nothing here reads a body, so nothing here is about a patient: types, control ids, reasons, counts.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from integration_platform.senders.model import Peer, Sender, Senders, UnregisteredSender
from kit.problems import Kind, Problem

STATES = ("received", "translated", "parked")

_SELECT = """
select m.id, m.at, m.door, m.sender, m.source, m.kind, m.control_id, split_part(m.answer, '|', 1) as answer, m.changed,
    m.came_from,
    case when m.answer like 'AA|%' then split_part(m.answer, '|', 3) || ': ' || split_part(m.answer, '|', 4) end as warning,
    case when p.id is not null then 'parked' when w.id is not null then 'received' else 'translated' end as state,
    coalesce(p.at, t.at) as settled_at, p.code, p.reason, p.location, t.transaction, t.resources, t.left_out
from message m
left join message_waiting w using (id) left join message_parked p using (id) left join message_told t using (id)"""


class NoSuchMessage(Problem):
    """No message with this id, or not one of the caller's."""

    kind = Kind.NOT_FOUND
    code = "exchange/no-such-message"
    title = "There is no such message"


class NotParked(Problem):
    """Only a parked message can be replayed."""

    kind = Kind.CONFLICT
    code = "exchange/not-parked"
    title = "The message is not parked"


async def load(tx: AsyncConnection, id: int, *, sender: str | None = None) -> dict[str, Any]:
    """One message's state; `sender`: only if it is this one's. Raises NoSuchMessage."""
    found = (await tx.execute(sa.text(f"{_SELECT} where m.id = :id"), {"id": id})).mappings().one_or_none()
    if found is None or (sender is not None and found["sender"] != sender):
        raise NoSuchMessage
    return dict(found)


async def listed(
    tx: AsyncConnection, *, state: str | None, sender: str | None, door: str | None, before: int | None, count: int
) -> list[dict[str, Any]]:
    """Newest first; `before` an id, for the next page. `state` may also be `warned`: taken with a warning."""
    wanted = {
        "parked": "p.id is not null", "received": "w.id is not null", "translated": "t.id is not null",
        "warned": "m.answer like 'AA|%'", None: "true",
    }  # fmt: skip
    where = f"where {wanted[state]}"
    values: dict[str, Any] = {"count": count}
    for name, column, value in (
        ("sender", "m.sender =", sender),
        ("door", "m.door =", door),
        ("before", "m.id <", before),
    ):
        if value is not None:
            where += f" and {column} :{name}"
            values[name] = value
    rows = await tx.execute(sa.text(f"{_SELECT} {where} order by m.id desc limit :count"), values)
    return [dict(row) for row in rows.mappings()]


async def replay(tx: AsyncConnection, id: int, senders: Senders) -> None:
    """Back in the queue under its original number, so that what is newer stays newer.

    Raises NoSuchMessage, NotParked, or UnregisteredSender when it is still nobody's.
    """
    found = await load(tx, id)
    gone = await tx.execute(sa.text("delete from message_parked where id = :id"), {"id": id})
    if gone.rowcount == 0:
        raise NotParked
    if found["sender"] is None:
        sender = sender_of(found, senders)
        if sender is None:
            raise UnregisteredSender("The sender is still not registered")
        await tx.execute(sa.text("update message set sender = :sender where id = :id"), {"id": id, "sender": sender.id})
    await tx.execute(sa.text("insert into message_waiting (id) values (:id)"), {"id": id})


def sender_of(message: dict[str, Any], senders: Senders) -> Sender | None:
    """Whose a message is that was nobody's, by how it was told apart when it came."""
    came_from = message["came_from"] or ""
    if message["door"] == "events":
        return senders.at_events(came_from)
    if message["door"] == "inbox":
        return senders.at_inbox(came_from)
    port, _, peer = came_from.partition(" ")
    application, _, facility = message["source"].partition("|")
    return senders.at_mllp(int(port or 0), Peer.of(peer), application, facility)
