"""What an order of destruction takes here: what patients take part with, their messages, own values and forms (D8, REC-06)."""

from collections.abc import Callable, Sequence
from functools import partial

from application_platform.sealed_words import opened, owner, seal_again, under
from kit.db import Connection, Database
from kit.erasing import Eraser, Order, telling
from kit.keyring import Keyring

DONE = "application.erasure-done.v1"

# By table, of the person ($1: Patient ids) until the order ($2).
_WHOLE = {
    "message": "delete from message m using message_thread t"
    " where t.id = m.thread and t.patient = any($1::text[]) and m.at <= $2",
    "message_thread": "delete from message_thread t where t.patient = any($1::text[]) and t.begun_at <= $2"
    " and not exists (select from message m where m.thread = t.id)",
    "own_entry": "delete from own_entry where patient = any($1::text[]) and made_at <= $2",
    "health_form": "delete from health_form where patient = any($1::text[]) and changed_at <= $2",
    "outbox": "delete from outbox where key = any($1::text[]) and at <= $2 and topic = 'application.record.v1'",
}
_GOES_ON = "select * from message_thread where patient = any($1::text[]) and begun_at <= $2 for update"
_BLANKED = "update message_thread set patient_name = $2, subject = $3, about = $4, sealed = $5 where id = $1"
_NAMED = {
    "own_entry": "delete from own_entry where id::text = any($1::text[]) and made_at <= $2",
    "health_form": "delete from health_form where id::text = any($1::text[]) and changed_at <= $2",
}
_LEFT = """
select (select count(*) from message m join message_thread t on t.id = m.thread where t.patient = any($1::text[]) and m.at <= $2)
     + (select count(*) from own_entry where patient = any($1::text[]) and made_at <= $2)
     + (select count(*) from health_form where patient = any($1::text[]) and changed_at <= $2)"""


def eraser(db: Database, ring: Keyring | None, wake: Callable[[], None]) -> Eraser:
    """Who carries out orders here."""
    return Eraser(db, "application", partial(destroy, ring), _owners, lambda: ring, telling(DONE), wake)


async def _owners(_con: Connection, order: Order) -> Sequence[int]:
    return sorted({owner(patient) for patient in order.patients})


async def destroy(
    ring: Keyring | None, con: Connection, order: Order, doomed: Sequence[int]
) -> tuple[dict[str, int], int]:
    """In the caller's transaction; rows by table, and how many are left."""
    removed: dict[str, int] = {}
    names = [name.partition("/")[2] for name in order.resources] or order.patients
    for table, statement in (_NAMED if order.resources else _WHOLE).items():
        count = int((await con.execute(statement, names, order.at)).split()[-1])
        removed |= {table: count} if count else {}
    if not order.resources:
        await _blank(ring, con, order)
    if doomed and ring is not None:
        again = await seal_again(con, ring, order.patients, doomed)
        removed |= {"sealed again": again} if again else {}
    return removed, 0 if order.resources else await con.fetchval(_LEFT, order.patients, order.at)


async def _blank(ring: Keyring | None, con: Connection, order: Order) -> None:
    """A conversation that goes on after the order keeps its place, without what it was about."""
    rows = await con.fetch(_GOES_ON, order.patients, order.at)
    for row in await opened(ring, con, "message_thread", rows):
        bare = {"id": row.id, "patient_name": row.patient_name, "subject": "", "about": "", "sealed": None}
        if ring is not None and ring.seals:
            number = owner(row.patient)
            bare = under((await ring.current([number]))[number], "message_thread", bare)
        await con.execute(_BLANKED, *bare.values())
