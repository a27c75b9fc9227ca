"""Nobody is booked twice: the times that are taken or held, under a constraint of the database (decision 0040).

`booked` has one row for each time of a Schedule that an Appointment takes, or that is held for a patient until `until`. Two rows
of one Schedule never overlap. Appointments write their rows in their own transaction by a guard, whatever door they came by.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import asyncpg

from fhirserver.bodies import parsed
from fhirserver.codec import Codec
from fhirserver.guarding import Made
from fhirserver.keys import Keys
from kit.db import Connection, Pool
from vis.care.asking import NotNow
from vis.care.bookings import GONE, moment, patient, takes

_KEYS = "select hash_key from region"
_BODIES = "select key, body from res where key = any($1::bigint[])"
_LET_GO = "delete from booked where appointment = any($1::bigint[])"
# A hold ends by itself, and gives way to the booking of the patient whom it is for.
_OVER = """
delete from booked b using unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
    as w(schedule, pat, since, until)
where b.appointment is null and b.schedule = w.schedule and b.during && tstzrange(w.since, w.until)
  and (b.until <= clock_timestamp() or b.pat = w.pat)"""
_TAKE = """
insert into booked(schedule, slot, during, pat, appointment)
select schedule, slot, tstzrange(since, until), pat, appointment
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[])
    as w(schedule, slot, since, until, pat, appointment)
order by schedule, since"""
_ENDED = "delete from booked where appointment is null and (until <= clock_timestamp() or (pat = $1 and holder = $2))"
_HOLD = """
insert into booked(schedule, slot, during, pat, holder, until)
values ($1, $2, tstzrange($3, $4), $5, $6, clock_timestamp() + $7) returning until"""
_RELEASE = "delete from booked where appointment is null and slot = $1 and pat = $2 and holder = $3"
_FREE = """
select w.slot from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
    as w(slot, schedule, since, until)
where not exists (select from booked b where b.schedule = w.schedule and b.during && tstzrange(w.since, w.until)
    and (b.until is null or (b.until > clock_timestamp() and not (b.pat = $5 and b.holder = $6))))"""
_COMING = """
select lower(during) as since, upper(during) as until from booked
where pat = any($1::bigint[]) and appointment is not null and appointment <> $2 and upper(during) > clock_timestamp()"""
_STANDS = "select slot from booked where slot = any($1::bigint[]) and appointment is not null"
_FORGET = "delete from booked where slot = any($1::bigint[]) and appointment is null"
_MOVED = "Tiden är bokad. Boka om patienten innan tiden ändras eller tas bort"


class Time:
    """One time: the keys of its Slot and Schedule, and from when to when."""

    def __init__(self, keys: Keys, slot: Mapping[str, Any]) -> None:
        self.slot = keys.of(f"Slot/{slot['id']}")
        self.schedule = keys.of(schedule_of(slot))
        self.since, self.until = moment(slot["start"]), moment(slot["end"])
        if self.since >= self.until:
            raise NotNow("Tiden slutar innan den börjar. Mottagningen behöver rätta den")


def schedule_of(slot: Mapping[str, Any]) -> str:
    """Schedule/id of a Slot."""
    return "/".join(str(slot["schedule"].get("reference", "")).split("/_history/")[0].split("/")[-2:])


async def appointments(con: Connection, made: Sequence[Made]) -> None:
    """The guard of Appointment: each takes the times that it names. Raises NotNow when one of them is taken or held."""
    changed = [one for one in made if _differs(one)]
    if not changed:
        return
    keys = await _keys(con)
    await con.execute(_LET_GO, [keys.of(f"Appointment/{one.id}") for one in changed])
    wanted = {(id, one.id): keys.of(f"Patient/{patient(one.new or {})}") for one in changed for id in takes(one.new)}
    times = await _times(con, keys, {id for id, _ in wanted})
    rows = [(times[id], pat, keys.of(f"Appointment/{name}")) for (id, name), pat in wanted.items() if id in times]
    if rows:
        await _take(con, rows)


async def slots(con: Connection, made: Sequence[Made]) -> None:
    """The guard of Slot: a time that somebody has is neither moved nor taken away."""
    changed = [one for one in made if one.old is not None and not _same_time(one)]
    if not changed:
        return
    keys = await _keys(con)
    named = [keys.of(f"Slot/{one.id}") for one in changed]
    if await con.fetch(_STANDS, named):
        raise NotNow(_MOVED)
    await con.execute(_FORGET, named)


async def hold(con: Connection, time: Time, pat: int, holder: str, lasting: timedelta) -> datetime:
    """The time is held for the patient by `holder`, instead of what they held for the patient before; until when.

    Raises NotNow when it is taken, or held by another.
    """
    async with con.transaction():
        await con.execute(_ENDED, pat, holder)
        try:
            values = (time.schedule, time.slot, time.since, time.until, pat, holder)
            found: datetime = await con.fetchval(_HOLD, *values, lasting)
        except asyncpg.ExclusionViolationError:
            raise NotNow(GONE) from None
    return found


async def release(con: Connection | Pool, slot: int, pat: int, holder: str) -> None:
    """What `holder` held for the patient is free again."""
    await con.execute(_RELEASE, slot, pat, holder)


async def free(con: Connection | Pool, times: Collection[Time], pat: int, holder: str) -> frozenset[int]:
    """The keys of the Slots that nobody has; what `holder` holds for the patient counts as free to them."""
    columns = zip(*((one.slot, one.schedule, one.since, one.until) for one in times), strict=True) if times else ()
    found = [list(column) for column in columns] or [[], [], [], []]
    return frozenset(row["slot"] for row in await con.fetch(_FREE, *found, pat, holder))


async def coming(con: Connection | Pool, people: Collection[int], but: int) -> list[tuple[datetime, datetime]]:
    """When these patients (the keys of one person) have times to come, without the Appointment `but`."""
    return [(row["since"], row["until"]) for row in await con.fetch(_COMING, list(people), but)]


async def _take(con: Connection, rows: Iterable[tuple[Time, int, int]]) -> None:
    every = [(one.schedule, one.slot, one.since, one.until, pat, name) for one, pat, name in rows]
    schedules, times, since, until, people, names = (list(column) for column in zip(*every, strict=True))
    await con.execute(_OVER, schedules, people, since, until)
    try:
        await con.execute(_TAKE, schedules, times, since, until, people, names)
    except asyncpg.ExclusionViolationError:
        raise NotNow(GONE) from None


async def _times(con: Connection, keys: Keys, ids: Collection[str]) -> dict[str, Time]:
    """The times of these Slots that are here; registers are about nobody, so nothing of them is sealed."""
    rows = await con.fetch(_BODIES, [keys.of(f"Slot/{id}") for id in ids]) if ids else []
    read = (parsed(_codec().unpack(row["body"], row["key"])) for row in rows)
    return {str(slot["id"]): Time(keys, slot) for slot in read}


async def _keys(con: Connection) -> Keys:
    return _of(bytes(await con.fetchval(_KEYS)))


@lru_cache(maxsize=8)
def _of(secret: bytes) -> Keys:
    return Keys(secret)


@lru_cache(maxsize=1)
def _codec() -> Codec:
    return Codec()


def _differs(one: Made) -> bool:
    """Whether it takes other times than before, or takes them for somebody else."""
    held, takes_now = takes(one.old), takes(one.new)
    return held != takes_now or (bool(takes_now) and patient(one.old or {}) != patient(one.new or {}))


def _same_time(one: Made) -> bool:
    if one.new is None or one.old is None:
        return False
    return all(one.old.get(name) == one.new.get(name) for name in ("schedule", "start", "end"))
