"""What an order of destruction takes in VIS beside what the engine holds: notes that are being written (D8)."""

from collections.abc import Sequence
from functools import partial

from fhirserver import erasing
from fhirserver.engine import Engine
from kit.db import Connection
from kit.erasing import Eraser, Order, telling
from vis.care import beds
from vis.care.drafts import place_of

DONE = "vis.erasure-done.v1"
_WHOLE = "delete from draft where pat = any($1::bigint[]) and at <= $2"
_NAMED = "delete from draft where id::text = any($1::text[]) and at <= $2"  # a note has the id of its draft
_OLDER = """
delete from draft_version v using draft d where d.id = v.draft and d.pat = any($1::bigint[]) and v.at <= $2"""
# Nothing says any more who had the time of a destroyed booking.
_TIMES = """
delete from booked where (appointment = any($2::bigint[]) or pat = any($1::bigint[]))
    and not exists (select from res where key = appointment)"""
_LEFT = """
select v.draft, v.version, v.body from draft_version v join draft d on d.id = v.draft where d.pat = any($1::bigint[])"""


def eraser(engine: Engine) -> Eraser:
    """Who carries out orders here."""
    todo, people = partial(destroy, engine), partial(erasing.owners_of, engine)
    return Eraser(engine.db, "vis", todo, people, lambda: engine.codec.ring, telling(DONE), engine.wake)


async def destroy(engine: Engine, con: Connection, order: Order, doomed: Sequence[int]) -> tuple[dict[str, int], int]:
    """In the caller's transaction; rows by table, and how many are left."""
    removed, left = await erasing.destroy(engine, con, order, doomed)
    patients = erasing.owners(engine, order)
    if order.resources:
        ids = [name.partition("/")[2] for name in order.resources if name.startswith("DocumentReference/")]
        done = await con.execute(_NAMED, ids, order.at)
    else:
        done = await con.execute(_WHOLE, patients, order.at)
        await con.execute(_OLDER, patients, order.at)
    await con.execute(_TIMES, patients, [engine.keys.of(name) for name in order.resources])
    stays = [name.partition("/")[2] for name in order.resources if name.startswith("Encounter/")]
    await beds.free(con, engine.keys, [] if order.resources else order.patients, stays)
    await _seal_again(engine, con, patients, set(doomed))
    count = int(done.split()[-1])
    return removed | ({"draft": count} if count else {}), left


async def _seal_again(engine: Engine, con: Connection, patients: list[int], doomed: set[int]) -> None:
    """Drafts that stay although their key goes."""
    ring, codec = engine.codec.ring, engine.codec
    if ring is None or not doomed:
        return
    rows = await con.fetch(_LEFT, patients)
    await codec.ready(con, [row["body"] for row in rows])
    key = (await ring.current(patients))[patients[0]]
    for row in rows:
        if erasing.sealed_with(row["body"], doomed):
            body = codec.sealed_again(row["body"], place_of(row["draft"]), key)
            await con.execute(
                "update draft_version set body = $3 where draft = $1 and version = $2",
                row["draft"],
                row["version"],
                body,
            )
