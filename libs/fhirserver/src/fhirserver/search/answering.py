"""From what is asked to a searchset: planned, fetched, logged, and joined from stored bytes (http://hl7.org/fhir/R4/search.html)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from access import Decision, Sight, allows
from fhircore.outcome import Issue, operation_outcome
from fhircore.types import NAMES, TYPES
from fhirserver.accesslog import Entry
from fhirserver.bodies import plain
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid, NotSupported
from fhirserver.refusing import notice
from fhirserver.search.asked import Asked
from fhirserver.search.commonness import weigh
from fhirserver.search.connecting import connected
from fhirserver.search.counting import total
from fhirserver.search.cursor import Position
from fhirserver.search.explain import explained, refuse_people
from fhirserver.search.fetching import rows_of
from fhirserver.search.finding import refuse_sorting
from fhirserver.search.ground import Ground
from fhirserver.search.includes import Bringing
from fhirserver.search.plan import Plan, part
from fhirserver.search.resolving import needs_lookup, resolved
from fhirserver.search.subset import Cut, cut_for, summary_cut
from kit.db import Connection
from kit.problems import Unavailable

_PATIENT = TYPES["Patient"].number
_DEFAULT, _LARGEST = 20, 1000  # rows of a page


@dataclass(slots=True)
class Page:
    """One page: its rows in order, what is included, and where the pages beside it begin."""

    rows: list[asyncpg.Record] = field(default_factory=list)
    others: list[asyncpg.Record] = field(default_factory=list)
    withheld: set[Decision] = field(default_factory=set)  # why something of the patient is not shown
    total: int | None = None
    following: Position | None = None
    previous: Position | None = None


async def answer(engine: Engine, request: Request, asked: Asked) -> Answer:
    """200 with a searchset; what may not be seen is absent from entries and total alike (D10)."""
    query = asked.query
    if query.explain:
        refuse_people(request)
    after = engine.seal.open(query.cursor, asked.identity()) if query.cursor else None
    limit = min(_DEFAULT if query.count is None else query.count, _LARGEST)
    with searching():
        made = await planned(engine, request, asked)
        about = _one_patient(engine, made)
        async with connected(engine, made, about) as connection:
            await _ready(connection, engine, request, made)
            if query.explain:
                return Answer(200, await explained(connection, made, made.page(limit, after)))
            page = await _looked(connection, engine, request, made, limit, after, about)
            if page.withheld and await engine.law.again(connection, request.sight, about):
                page = await _looked(connection, engine, request, made, limit, after, about)
    await _log(engine, request, made, [*page.rows, *page.others])
    return Answer(200, _bundle(engine, request, asked, page))


async def _looked(
    con: Connection, engine: Engine, request: Request, made: Plan, limit: int, after: Position | None, about: list[int]
) -> Page:
    """A page with what is withheld. One patient is looked at first: what is shown of them is then a matter of labels."""
    sight = request.sight
    if len(about) != 1 or not sight.depends:
        page = await _fetch(con, engine, request, made, limit, after)
        page.withheld = await engine.law.withheld(con, sight, about)
        return page
    rtypes = {TYPES[one.type_name].number for one in made.parts}
    looked = await engine.law.look_at(con, sight, about[0], min(rtypes))
    if len(rtypes) == 1:
        made.parts[0].looked = looked
    page = await _fetch(con, engine, request, made, limit, after)
    page.withheld = looked.withheld
    return page


async def found(engine: Engine, request: Request, asked: Asked) -> tuple[Plan, Page]:
    """One page for whoever makes something else of it than a searchset, and logs it."""
    after = engine.seal.open(asked.query.cursor, asked.identity()) if asked.query.cursor else None
    limit = min(_DEFAULT if asked.query.count is None else asked.query.count, _LARGEST)
    with searching():
        made = await planned(engine, request, asked)
        async with (engine.driven_pool if made.driven else engine.search_pool).acquire() as connection:
            await _ready(connection, engine, request, made)
            return made, await _fetch(connection, engine, request, made, limit, after)


async def _ready(con: Connection, engine: Engine, request: Request, made: Plan) -> None:
    """What the legal predicate must know before the statement is made."""
    if made.patients:
        await engine.law.trust(request.sight, made.patients)
    else:
        await engine.law.around(con, request.sight)
    await weigh(con, made)


async def planned(engine: Engine, request: Request, asked: Asked) -> Plan:
    """The plan, with every term looked up that the search names."""
    if "Patient" in asked.kinds:
        refuse_sorting(request.sight, asked.query)
    ground = Ground(engine.keys, request.sight, engine.mount.base, engine.patient_keys, engine.mount.full_text)
    kinds = asked.kinds
    looked_up = any(needs_lookup(name, criterion) for name, criteria in kinds.items() for criterion in criteria)
    if looked_up or len(kinds) > 1:
        async with engine.search_pool.acquire() as connection:
            if len(kinds) > len(asked.query.types):
                kinds = await _present(connection, kinds)
            if looked_up:
                ground, kinds = await resolved(connection, ground, kinds, engine.codec.unpack)
    parts = [part(ground, name, criteria, asked.compartment) for name, criteria in kinds.items()]
    return Plan(ground, asked.query, parts)


_PRESENT = """
with recursive found(rtype) as (
    (select rtype from res order by rtype limit 1)
    union all
    select (select r.rtype from res r where r.rtype > f.rtype order by r.rtype limit 1) from found f where f.rtype is not null)
select rtype from found where rtype is not null"""


async def _present(con: Connection, kinds: dict[str, Any]) -> dict[str, Any]:
    """Those of many types of which there is anything at all; never none."""
    stored = {NAMES[row[0]] for row in await con.fetch(_PRESENT)}
    return {name: criteria for name, criteria in kinds.items() if name in stored} or dict(list(kinds.items())[:1])


@contextmanager
def searching() -> Iterator[None]:
    """What the database may say to a search, as the refusal it is."""
    try:
        yield
    except asyncpg.QueryCanceledError:
        raise NotSupported(
            "The search takes too long; narrow it, for example by patient or date", at="search"
        ) from None
    except asyncpg.DataError:
        raise Invalid("The search holds a value that cannot be compared with anything stored") from None
    except (asyncpg.StatementTooComplexError, asyncpg.ProgramLimitExceededError):
        raise NotSupported("The search is too large; ask in several", at="search") from None
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError):
        raise Unavailable("The record cannot be searched and logged just now; try again") from None


async def _fetch(
    con: Connection, engine: Engine, request: Request, made: Plan, limit: int, after: Position | None
) -> Page:
    query, page = made.query, Page()
    only_counted = query.summary == "count" or limit == 0
    if query.total in ("accurate", "estimate") or only_counted:
        page.total = await total(con, made, exact=query.total != "estimate")
    if only_counted:
        return page
    rows, value_of = await rows_of(con, engine, made, limit, after)
    more, page.rows = len(rows) > limit, rows[:limit]
    back = after is not None and after.back
    if back:
        page.rows.reverse()
    if page.rows and (back or more):
        page.following = Position(value_of(page.rows[-1]), page.rows[-1]["key"])
    if page.rows and (more if back else after is not None):
        page.previous = Position(value_of(page.rows[0]), page.rows[0]["key"], back=True)
    if page.total is None and after is None and not more and query.total != "none":
        page.total = len(rows)  # a result that fits on its first page has been counted by showing it
    if query.include or query.revinclude:
        scopes = request.caller.scopes
        page.others = await Bringing(con, made.ground, lambda name: allows(scopes, name, "r")).all(query, page.rows)
    found = (row["pat"] for row in (*page.rows, *page.others) if row["rtype"] == _PATIENT)
    await engine.law.look(con, request.sight, found)
    await engine.codec.ready(con, [row["body"] for row in (*page.rows, *page.others)])
    return page


async def _log(engine: Engine, request: Request, made: Plan, rows: Sequence[asyncpg.Record]) -> None:
    """One row for the request: every (patient, type, label) that was shown, and the patients that were asked about."""
    if not engine.mount.logged:
        return
    about = {(row["pat"], row["rtype"], row["lab"]) for row in rows if row["pat"]}
    if not about:
        about = {(patient, TYPES[made.parts[0].type_name].number, 0) for patient in made.patients}
    if about or any(TYPES[one.type_name].patient for one in made.parts):
        await engine.together.write(Entry(request.caller, "search", sorted(about), len(rows)))


def _one_patient(engine: Engine, made: Plan) -> list[int]:
    """The keys of the patient whom the search is about; none when it is about several persons, or nobody in particular."""
    patients = made.patients
    return patients if patients and set(patients) <= set(engine.persons.expanded(patients[0])) else []


def _links(engine: Engine, asked: Asked, page: Page) -> list[dict[str, str]]:
    base, identity = engine.mount.base, asked.identity()
    links = [{"relation": "self", "url": asked.url(base)}]
    for relation, position in (("next", page.following), ("previous", page.previous)):
        if position is not None:
            links.append({"relation": relation, "url": asked.url(base, engine.seal.close(position, identity))})
    return links


def _bundle(engine: Engine, request: Request, asked: Asked, page: Page) -> bytes:
    """The searchset, joined from stored bytes."""
    head: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if page.total is not None:
        head["total"] = page.total
    head["link"] = _links(engine, asked, page)
    groups = ((b"match", page.rows, cut_for(asked.query)), (b"include", page.others, summary_cut(asked.query)))
    base = engine.mount.base.encode()
    entries = [
        b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"%s"}}'
        % (base, NAMES[row["rtype"]].encode(), row["id"].encode(), _cut(engine, request.sight, row, cut), mode)
        for mode, rows, cut in groups
        for row in rows
    ]
    if page.withheld:
        entries.append(notice(page.withheld))
    if asked.query.ignored:
        entries.append(_ignored(asked.query.ignored))
    body = plain(head)
    return body[:-1] + b',"entry":[' + b",".join(entries) + b"]}" if entries else body


def _cut(engine: Engine, sight: Sight, row: asyncpg.Record, cut: Cut | None) -> bytes:
    body = engine.shown(sight, row["rtype"], row["pat"], row["body"], row["key"])
    return body if cut is None else cut(body, NAMES[row["rtype"]])


def _ignored(names: Sequence[str]) -> bytes:
    issues = [Issue("not-supported", f"The parameter '{n[:60]}' was left out", n[:60], "warning") for n in names]
    return b'{"resource":' + plain(operation_outcome(issues)) + b',"search":{"mode":"outcome"}}'
