"""What an order of destruction takes here: what patients take part with, their messages, own values and forms (D8, REC-06)."""

from collections.abc import Callable, Sequence

from kit.db import Connection, Database
from kit.erasing import Eraser, Order, telling

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
# A conversation that goes on after the order keeps its place, without what it was about.
_BLANK = "update message_thread set subject = '', about = '' where patient = any($1::text[]) and begun_at <= $2"
_NAMED = {
    "own_entry": "delete from own_entry where id::text = any($1::text[]) and made_at <= $2",
    "health_form": "delete from health_form where id::text = any($1::text[]) and changed_at <= $2",
}
_LEFT = """
select (select count(*) from message m join message_thread t on t.id = m.thread where t.patient = any($1::text[]) and m.at <= $2)
     + (select count(*) from own_entry where patient = any($1::text[]) and made_at <= $2)
     + (select count(*) from health_form where patient = any($1::text[]) and changed_at <= $2)"""


def eraser(db: Database, wake: Callable[[], None]) -> Eraser:
    """Who carries out orders here; what this service stores has no keys."""
    return Eraser(db, "application", destroy, _nobody, lambda: None, telling(DONE), wake)


async def _nobody(_con: Connection, _order: Order) -> Sequence[int]:
    return ()


async def destroy(con: Connection, order: Order, _doomed: Sequence[int]) -> tuple[dict[str, int], int]:
    """In the caller's transaction; rows by table, and how many are left."""
    removed: dict[str, int] = {}
    names = [name.partition("/")[2] for name in order.resources] or order.patients
    for table, statement in (_NAMED if order.resources else _WHOLE).items():
        count = int((await con.execute(statement, names, order.at)).split()[-1])
        removed |= {table: count} if count else {}
    if order.resources:
        return removed, 0
    await con.execute(_BLANK, order.patients, order.at)
    return removed, await con.fetchval(_LEFT, order.patients, order.at)
