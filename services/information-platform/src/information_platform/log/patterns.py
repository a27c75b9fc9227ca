"""Patterns in what was logged that a manager should look at (LOG-16), found in new batches and opened as review tasks.

Emergency openings have their task the moment they are made (information_platform.access). Here is found what the log and the
record know; colleague, same address and off-shift need the staff's personnummer, address and schedule, which no service has.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from fhircore.types import TYPES
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from fhirserver.logtelling import unpacked
from information_platform.log.model import Post, posts
from kit.db import Connection

_EVERY = 60.0  # seconds between two looks
_BATCHES = 500  # of one look
_LOCK = 0x6B6974000B  # advisory lock of this database: "kit", patterns of the log
_PATIENT = TYPES["Patient"].number
_STOCKHOLM = ZoneInfo("Europe/Stockholm")  # a day is the people's day
_CONFIDENTIAL = frozenset(("R", "V"))

_NEW = """
select id, body from log_batch where id > (select batch from log_looked) and heard < now() - interval '30 seconds'
order by id limit $1"""
_FACTS = """
select w.key, r.body, f.value is not null and convert_from(f.value, 'UTF8')::jsonb ? 'protected'
from unnest($1::bigint[]) w(key) left join res r on r.key = w.key and r.rtype = $2
left join access_fact f on f.pat = w.key"""
_OF_DAY = """
select count(distinct e.pat) from log_entry e join log_who w on w.id = e.who
where w.actor = $1 and e.pat <> 0 and e.at >= $2::date::timestamp at time zone 'Europe/Stockholm'
and e.at < ($2::date + 1)::timestamp at time zone 'Europe/Stockholm'"""
_OPEN = """
insert into log_review(pattern, day, actor, unit, provider, pat, patient, count)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict on constraint log_review_once do update
set count = case excluded.pattern when 'mass' then excluded.count else log_review.count + excluded.count end"""


@dataclass(frozen=True, slots=True)
class Person:
    """What the record says of a patient that makes an access worth a look."""

    families: frozenset[str] = frozenset()
    name: str = ""
    dead: bool = False
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """A pattern that was seen: once per actor, patient (0: none in particular) and day."""

    pattern: str  # mass, self, surname, deceased, protected, denied
    day: date
    actor: str
    unit: str
    provider: str
    pat: int = 0
    patient: str = ""


@dataclass(slots=True)
class Seen:
    """Signs with how often each was seen."""

    counts: dict[Sign, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, sign: Sign) -> None:
        self.counts[sign] += 1


def signs(post: Post, people: dict[str, Person]) -> Iterator[tuple[str, str]]:
    """(pattern, Patient id or "") of one post of staff; `people` by Patient id. Patients read about themselves."""
    who = post.who
    if who.kind != "staff":
        return
    if post.withheld > 0 and post.returned == 0:
        yield "denied", ""
    if post.returned > 0:
        for id in post.patient_ids:
            yield from ((pattern, id) for pattern in _about(who.name.casefold(), people.get(id, Person())))


def _about(name: str, person: Person) -> Iterator[str]:
    """What is worth a look when somebody of this name was shown something of this patient."""
    if person.name and person.name == name:
        yield "self"
    elif name and name.rpartition(" ")[2] in person.families:
        yield "surname"
    if person.dead:
        yield "deceased"
    if person.protected:
        yield "protected"


def person(body: dict[str, Any], *, protected: bool) -> Person:
    """Of a Patient resource."""
    names = [name for name in body.get("name", ()) if isinstance(name, dict)]
    official = names[0] if names else {}
    full = " ".join((*official.get("given", ())[:1], official.get("family", ""))).strip()
    labels = {one.get("code") for one in body.get("meta", {}).get("security", ())}
    dead = body.get("deceasedBoolean") is True or "deceasedDateTime" in body
    families = frozenset(str(name["family"]).casefold() for name in names if name.get("family"))
    return Person(families, full.casefold(), dead, protected or bool(labels & _CONFIDENTIAL))


class Patterns:
    """The loop that looks; of several processes one at a time."""

    def __init__(self, engine: Engine, mass: int) -> None:
        self._engine = engine
        self._mass = mass

    async def run(self) -> None:
        """Until cancelled; raises what the database raises."""
        while True:
            while await self.once() == _BATCHES:
                pass
            await asyncio.sleep(_EVERY)

    async def once(self) -> int:
        """Looks at what arrived since; returns how many batches."""
        async with self._engine.db.pool.acquire() as con, con.transaction():
            if not await con.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
                return 0
            rows = await con.fetch(_NEW, _BATCHES)
            if not rows:
                return 0
            found = [post for row in rows for post in posts(unpacked(bytes(row["body"])))]
            await self._open(con, await self._seen(con, found))
            await con.execute("update log_looked set batch = $1", rows[-1]["id"])
        return len(rows)

    async def _seen(self, con: Connection, found: Iterable[Post]) -> Seen:
        staff = [post for post in found if post.who.kind == "staff"]
        people = await self._people(con, {id for post in staff for id in post.patient_ids})
        seen, days = Seen(), dict[tuple[str, date], Post]()
        for post in staff:
            day = post.at.astimezone(_STOCKHOLM).date()
            days[post.who.id, day] = post
            for pattern, id in signs(post, people):
                pat = self._engine.keys.of(f"Patient/{id}") if id else 0
                seen.add(Sign(pattern, day, post.who.id, post.who.unit, post.who.provider, pat, id))
        for (actor, day), post in days.items():
            count = await con.fetchval(_OF_DAY, actor, day)
            if count >= self._mass:
                seen.counts[Sign("mass", day, actor, post.who.unit, post.who.provider)] = count
        return seen

    async def _people(self, con: Connection, ids: set[str]) -> dict[str, Person]:
        of = {self._engine.keys.of(f"Patient/{id}"): id for id in ids}
        rows = await con.fetch(_FACTS, list(of), _PATIENT)
        unpack = self._engine.codec.unpack
        await self._engine.codec.ready(con, [row[1] for row in rows])
        return {
            of[row[0]]: person(parsed(unpack(row[1], row[0])) if row[1] else {}, protected=bool(row[2])) for row in rows
        }

    async def _open(self, con: Connection, seen: Seen) -> None:
        rows = [
            (one.pattern, one.day, one.actor, one.unit, one.provider, one.pat, one.patient, count)
            for one, count in seen.counts.items()
        ]
        await con.executemany(_OPEN, sorted(rows))
