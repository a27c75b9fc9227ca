"""Questions to the log and their answers, newest first: by patient, by user, by unit (LOG-11), within what the asker may see."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from fhirserver.engine import Engine
from fhirserver.logtelling import unpacked
from information_platform.log.model import Post, posts
from kit.db import Connection, Pool
from kit.problems import Malformed

BEGINNING, END = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_PAGE = 500  # index rows read at once, at most
_LAST = (END, 2**62, 2**31 - 1)
_TICK = timedelta(microseconds=1)
_LONGEST = timedelta(days=32)  # the longest stretch of time that is looked through at once
_FEW = (
    500  # actors whose own rows are looked up one by one; of more, everybody's rows of a short time are looked through
)

_BY_PATIENT = """
select at, batch, nth from log_entry
where pat = any($1::bigint[]) and at >= $2 and at < $3 and at <= $4 and (at, batch, nth) < ($4, $5, $6)
order by at desc, batch desc, nth desc limit $7"""
# Of each actor the newest, through the index in its order: never more than actors times the page, whatever they did. A post
# about several patients has several rows that follow each other.
_BY_WHO = """
select distinct e.at, e.batch, e.nth from unnest($1::bigint[]) w(who) cross join lateral (
    select at, batch, nth from log_entry
    where who = w.who and at >= $2 and at < $3 and at <= $4 and (at, batch, nth) < ($4, $5, $6)
    group by at, batch, nth order by at desc, batch desc, nth desc limit $7
) e order by e.at desc, e.batch desc, e.nth desc limit $7"""
_BY_TIME = """
select distinct e.at, e.batch, e.nth from log_batch b join log_entry e on e.at = b.at and e.batch = b.id
where b.at >= $2 and b.at < $3 and b.at <= $4 and e.at >= $2 and e.at < $3
and e.who in (select unnest($1::bigint[])) and (e.at, e.batch, e.nth) < ($4, $5, $6)
order by e.at desc, e.batch desc, e.nth desc limit $7"""
_NEWEST = """
select max(e.at) from unnest($1::bigint[]) w(who) cross join lateral (
    select at from log_entry where who = w.who and at >= $2 and at < $3 order by at desc limit 1) e"""
_ENDS = "select min(at), max(at) from log_batch"
_WHO = """
select id from log_who
where ($1 = '' or actor = $1) and ($2 = '' or unit = $2) and ($3 = '' or provider = $3)"""
_BODIES = """
select b.id, b.rows, b.body from unnest($1::timestamptz[], $2::bigint[]) w(at, id)
join log_batch b on b.at = w.at and b.id = w.id"""

Place = tuple[datetime, int, int]  # of a post in the region: time, number of its batch, row


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is asked. At least one of patient (a Patient id), user, unit or provider is given; times are half-open, UTC."""

    patient: str = ""
    user: str = ""
    unit: str = ""
    provider: str = ""
    since: datetime = BEGINNING
    until: datetime = END
    within: str = ""  # a care provider: only what its people did, or what was done with its information


@dataclass(frozen=True, slots=True)
class Found:
    """A post and where it stands."""

    place: Place
    post: Post

    @property
    def reference(self) -> str:
        """The place as a FHIR id."""
        at, batch, nth = self.place
        return f"log-{_micros(at)}-{batch}-{nth}"


async def answers(
    engine: Engine, question: Question, after: Place | None = None, *, about: int = _PAGE
) -> AsyncIterator[Found]:
    """Everything that answers the question, newest first, read in pages; `about` how many are expected to be wanted."""
    pool = engine.db.pool
    if question.patient:
        pages = _of_patient(pool, engine.patient_keys(question.patient), question, after or _LAST, about)
    else:
        rows = await pool.fetch(_WHO, question.user, question.unit, question.provider)
        pages = _of_actors(pool, [row[0] for row in rows], question, after or _LAST, about)
    async for places in pages:
        for found in await read(pool, places):
            if fits(question, found.post):
                yield found


async def _of_patient(
    pool: Pool, keys: Sequence[int], question: Question, place: Place, about: int
) -> AsyncIterator[list[Place]]:
    """A patient's rows are some thousands in a life: one index, page by page."""
    size = min(_PAGE, about)
    while True:
        rows = await pool.fetch(_BY_PATIENT, keys, question.since, question.until, *place, size)
        places = [(row[0], row[1], row[2]) for row in rows]
        yield places
        if len(places) < size:
            return
        place, size = places[-1], _PAGE


async def _of_actors(
    pool: Pool, who: Sequence[int], question: Question, place: Place, about: int
) -> AsyncIterator[list[Place]]:
    """Who has done much has done it for years: time is looked through backwards in stretches that grow while they hold little,
    and a gap is jumped over. So a page costs what is in it, however large the log is."""
    oldest, newest = await pool.fetchrow(_ENDS) or (None, None)
    if oldest is None or newest is None or not who:
        return
    since, before = max(question.since, oldest), min(question.until, place[0] + _TICK, newest + _TICK)
    by, shortest = (_BY_WHO, timedelta(hours=1)) if len(who) <= _FEW else (_BY_TIME, timedelta(minutes=1))
    size, stretch = min(_PAGE, about), shortest
    while before > since:
        begin = max(since, before - stretch)
        rows = await pool.fetch(by, who, begin, before, *place, size)
        places = [(row[0], row[1], row[2]) for row in rows]
        yield places
        if len(places) == size:
            place, size, stretch = places[-1], _PAGE, shortest
            before = place[0] + _TICK
            continue
        if not places and stretch >= _LONGEST:
            newest = await pool.fetchval(_NEWEST, who, since, begin)
            if newest is None:
                return
            begin, stretch = newest + _TICK, shortest
        before, stretch = begin, min(stretch * 2, _LONGEST)


async def page(
    engine: Engine, question: Question, count: int, after: Place | None = None
) -> tuple[list[Found], str | None]:
    """At most `count`, and the cursor of what comes after."""
    found: list[Found] = []
    async for one in answers(engine, question, after, about=count + 1):
        if len(found) == count:
            return found, cursor(found[-1].place)
        found.append(one)
    return found, None


async def at_place(engine: Engine, place: Place) -> Found | None:
    """The post that stands there."""
    found = await read(engine.db.pool, [place])
    return found[0] if found else None


def about(engine: Engine, patient: str) -> Callable[[str], bool] | None:
    """Whether a Patient id is this person's, under any id the person was ever known by; None when nobody is named."""
    if not patient:
        return None
    keys = frozenset(engine.patient_keys(patient))
    return lambda id: engine.keys.of(f"Patient/{id}") in keys


def fits(question: Question, post: Post) -> bool:
    """Whether a post that the index gave answers all of the question."""
    who = post.who
    return (
        (not question.user or who.id == question.user)
        and (not question.unit or who.unit == question.unit)
        and (not question.provider or who.provider == question.provider)
        and (not question.within or concerns(post, question.within))
    )


def concerns(post: Post, provider: str) -> bool:
    """Whether its people did it, or it was done with its information."""
    return post.who.provider == provider or any(owner.provider == provider for owner in post.owners)


def cursor(place: Place) -> str:
    return f"{_micros(place[0])}-{place[1]}-{place[2]}"


def place_of(text: str) -> Place:
    """Raises Malformed."""
    try:
        micros, batch, nth = map(int, text.split("-"))
        if not (0 <= batch < 2**62 and 0 <= nth < 2**31):
            raise ValueError
        return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000), batch, nth
    except (ValueError, OverflowError, OSError):
        raise Malformed("This is not a place in the log", at="after") from None


def _micros(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond


async def read(con: Pool | Connection, places: Sequence[Place]) -> list[Found]:
    """The posts at these places, in their order; of each batch only the rows that are wanted."""
    wanted: dict[int, dict[int, Place]] = {}
    for place in places:
        wanted.setdefault(place[1], {})[place[2]] = place
    at = {batch: next(iter(rows.values()))[0] for batch, rows in wanted.items()}
    found: dict[Place, Found] = {}
    for batch, rows_number, body in await con.fetch(_BODIES, list(at.values()), list(at)):
        rows = [nth for nth in wanted[batch] if 0 <= nth < rows_number]
        for nth, post in zip(rows, posts(unpacked(bytes(body)), rows), strict=True):
            found[wanted[batch][nth]] = Found(wanted[batch][nth], post)
    return [found[place] for place in dict.fromkeys(places) if place in found]
