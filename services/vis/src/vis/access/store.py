"""How the copy rests: the engine's tables of the law, what was taken here, and when the region was heard last."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import msgspec

from access import NOTHING, Facts
from access.acts import Act, added
from fhirserver.engine import Engine
from fhirserver.facts import put_facts, put_rules
from kit.db import Connection
from vis.access.model import Changed

_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Act).decode
_AGE = """
select case when count(*) = max(lanes) then extract(epoch from now() - min(at))::float8 end
from access_beat where lane < lanes and lanes = (select lanes from access_beat order by at desc limit 1)"""


def keys_of(engine: Engine, patients: Collection[str]) -> list[int]:
    """Every key of the person whose ids these are."""
    return sorted({key for patient in patients for key in engine.patient_keys(patient)})


async def hold(con: Connection, keys: Sequence[int]) -> None:
    """One writer of a person's facts at a time, until the transaction ends."""
    await con.execute(
        "select pg_advisory_xact_lock(7004, slot) from (select distinct (abs(key % 4096))::int as slot"
        " from unnest($1::bigint[]) key order by 1) s",
        list(keys),
    )


async def stands(con: Connection, engine: Engine, told: Changed) -> bool:
    """Whether all that is told stands here already, and nothing was taken here that must be added to it: most answers of the
    region to a copy that asks again."""
    if told.facts is None or told.beat is not None or told.rules is not None:
        return False
    found: bool = await con.fetchval(
        """select count(*) = cardinality($1::bigint[]) and not exists (
               select from access_taken where id = any($4::uuid[]) or patient = any($3::text[]))
           from access_fact where pat = any($1::bigint[]) and version >= $2""",
        keys_of(engine, told.patients), told.facts.version, told.patients, told.taken,
    )  # fmt: skip
    return found


async def follow(con: Connection, engine: Engine, told: Changed) -> None:
    """Takes what the region tells, in the caller's transaction; what was taken here and the region does not know yet stays."""
    if told.beat is not None:
        await con.execute(
            """insert into access_beat(lane, lanes, at) values ($1, $2, $3) on conflict (lane) do update
               set lanes = excluded.lanes, at = greatest(access_beat.at, excluded.at)""",
            told.beat.lane, told.beat.lanes, told.at,
        )  # fmt: skip
    if told.rules is not None:
        await put_rules(con, told.rules)
    if told.facts is None:
        return
    keys = keys_of(engine, told.patients)
    await hold(con, keys)
    await con.execute("delete from access_taken where id = any($1::uuid[]) or until < now()", told.taken)
    rows = await con.fetch("select value from access_taken where patient = any($1::text[])", told.patients)
    acts = [_decode(row["value"]) for row in rows]
    await put_facts(con, keys, added(told.facts, acts, datetime.now(UTC)) if acts else told.facts)


async def forget(con: Connection, engine: Engine, patient: str) -> None:
    """Everything of this patient's law is gone (a tombstone)."""
    keys = keys_of(engine, [patient])
    await hold(con, keys)
    await con.execute("delete from access_taken where patient = $1", patient)
    version = max((one.version for one in (await _standing(con, keys))), default=0)
    await put_facts(con, keys, Facts(version + 1))
    await con.execute("delete from access_fact where pat = any($1::bigint[])", keys)


async def take(con: Connection, engine: Engine, act: Act) -> bool:
    """An act that is taken here holds at once. False when it was taken before."""
    keys = keys_of(engine, [act.patient])
    await hold(con, keys)
    new = await con.fetchval(
        "insert into access_taken(id, patient, until, value) values ($1, $2, $3, $4) on conflict do nothing returning 1",
        act.id, act.patient, act.until, _encode(act),
    )  # fmt: skip
    if new is None:
        return False
    standing = max(await _standing(con, keys), key=lambda one: one.version, default=NOTHING)
    facts = added(standing, [act], act.at)
    await put_facts(con, keys, msgspec.structs.replace(facts, version=standing.version + 1))
    return True


async def _standing(con: Connection, keys: Sequence[int]) -> list[Facts]:
    rows = await con.fetch("select value from access_fact where pat = any($1::bigint[])", list(keys))
    return [msgspec.json.decode(row["value"], type=Facts) for row in rows]


async def age(con: Connection) -> float | None:
    """Seconds since the oldest lane was heard by its sender's clock; None when not every lane has been heard."""
    found: float | None = await con.fetchval(_AGE)
    return found
