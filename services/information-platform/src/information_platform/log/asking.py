"""Questions to the log and their answers, newest first: by patient, by user, by unit (LOG-11), within what the asker may see."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from fhirserver.engine import Engine
from fhirserver.logtelling import unpacked
from information_platform.log.model import Post, posts
from kit.db import Connection, Pool
from kit.problems import Malformed

BEGINNING, END = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_PAGE = 500  # index rows read at once, at most
_LAST = (END, 2**62, 2**31 - 1)

_BY_PATIENT = """
select at, batch, nth from log_entry
where pat = any($1::bigint[]) and at >= $2 and at < $3 and at <= $4 and (at, batch, nth) < ($4, $5, $6)
order by at desc, batch desc, nth desc limit $7"""
_BY_WHO = """
select distinct at, batch, nth from log_entry
where who = any($1::bigint[]) and at >= $2 and at < $3 and at <= $4 and (at, batch, nth) < ($4, $5, $6)
order by at desc, batch desc, nth desc limit $7"""
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
    by, wanted = await _way(engine, pool, question)
    place, size = after or _LAST, min(_PAGE, about)
    while wanted:
        rows = await pool.fetch(by, wanted, question.since, question.until, *place, size)
        for found in await _read(pool, [(row[0], row[1], row[2]) for row in rows]):
            if fits(question, found.post):
                yield found
        if len(rows) < size:
            return
        place, size = (rows[-1][0], rows[-1][1], rows[-1][2]), _PAGE


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
    found = await _read(engine.db.pool, [place])
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


async def _way(engine: Engine, con: Pool, question: Question) -> tuple[str, list[int]]:
    """The index that leads to the answers, and what to look for in it."""
    if question.patient:
        return _BY_PATIENT, engine.patient_keys(question.patient)
    rows = await con.fetch(_WHO, question.user, question.unit, question.provider)
    return _BY_WHO, [row[0] for row in rows]


async def _read(con: Pool | Connection, places: Sequence[Place]) -> list[Found]:
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
