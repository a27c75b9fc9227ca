"""search of one type, by GET or POST _search (http://hl7.org/fhir/R4/http.html#search)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg

from access import allows
from fhircore.outcome import Issue, operation_outcome
from fhircore.query import Chain, Criterion, Has, Query, parse
from fhircore.types import NAMES, TYPES
from fhirserver.accesslog import Entry
from fhirserver.bodies import plain
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.problems import Forbidden, Invalid, NotSupported, WrongMedia
from fhirserver.search.cursor import Position
from fhirserver.search.includes import included, referring
from fhirserver.search.plan import Plan, plan
from fhirserver.search.predicates import Ground
from kit.db import Connection
from kit.problems import Unavailable

_DEFAULT, _LARGEST = 20, 1000  # rows of a page


async def search(engine: Engine, request: Request, type_name: str) -> Answer:
    """200 with a searchset; what may not be seen is absent from entries and total alike (D10)."""
    pairs = request.parameters + (_form(request) if request.method == "POST" else [])
    query = parse(type_name, pairs, lenient=request.lenient)
    _refuse_unsupported(query)
    for criterion in query.criteria:
        within_scopes(request, criterion)
    ground = Ground(engine.keys, request.sight, engine.mount.base, engine.patient_keys)
    made = plan(ground, query)
    after = engine.seal.open(query.cursor, _identity(type_name, pairs)) if query.cursor else None
    limit = min(_DEFAULT if query.count is None else query.count, _LARGEST)
    with searching():
        pool = engine.driven_pool if made.patients or made.codes else engine.search_pool
        async with pool.acquire() as connection:
            rows, others, total = await _fetch(connection, ground, made, limit, after)
    others = [row for row in others if allows(request.caller.scopes, NAMES[row["rtype"]], "r")]
    await _log(engine, request, made, [*rows[:limit], *others])
    more = len(rows) > limit
    rows = rows[:limit]
    if total is None and after is None and not more:
        total = len(rows)  # a result that fits on its first page has been counted by showing it
    links = _links(engine, request, type_name, pairs, rows if more else [])
    return Answer(200, _bundle(engine, query, rows, others, total, links))


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
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError):
        raise Unavailable("The record cannot be searched and logged just now; try again") from None


async def _fetch(
    con: Connection, ground: Ground, made: Plan, limit: int, after: Position | None
) -> tuple[list[asyncpg.Record], list[asyncpg.Record], int | None]:
    query = made.query
    total = None
    if query.total in ("accurate", "estimate") or query.summary == "count" or limit == 0:
        counting = made.count()
        total = int(await con.fetchval(counting.text, *counting.values))
    if query.summary == "count" or limit == 0:
        return [], [], total
    page = made.page(limit, after)
    rows = list(await con.fetch(page.text, *page.values))
    shown = rows[:limit]
    others = await included(con, ground, query.type, query.include, shown) if query.include else []
    if query.revinclude:
        known = {row["key"] for row in others}
        back = await referring(con, ground, query.type, query.revinclude, shown)
        others += [row for row in back if row["key"] not in known]
    return rows, others, total


async def _log(engine: Engine, request: Request, made: Plan, rows: Sequence[asyncpg.Record]) -> None:
    """One row for the request: every (patient, type, label) that was shown, and the patients that were asked about."""
    if not engine.mount.logged:
        return
    about = {(row["pat"], row["rtype"], row["lab"]) for row in rows if row["pat"]}
    if not about:
        about = {(patient, TYPES[made.type_name].number, 0) for patient in made.patients}
    if about or TYPES[made.type_name].patient:
        await engine.together.write(Entry(request.caller, "search", sorted(about), len(rows)))


def _form(request: Request) -> list[tuple[str, str]]:
    kind = (request.header(b"content-type") or "").split(";")[0].strip().lower()
    if request.body and kind != "application/x-www-form-urlencoded":
        raise WrongMedia("POST _search takes application/x-www-form-urlencoded", at="Content-Type")
    if not request.body:
        return []
    form = Request("GET", (), request.body.decode("latin-1"), {}, b"", request.caller, request.sight)
    return form.parameters


def within_scopes(request: Request, criterion: Criterion) -> None:
    """What a chain or _has asks of other types tells of them; the token must allow searching those too."""
    match criterion:
        case Chain(param, targets):
            for target, inner in targets:
                if not allows(request.caller.scopes, target, "s"):
                    raise Forbidden(f"The token's scopes do not allow this for {target}", at=param.name)
                within_scopes(request, inner)
        case Has(source, param, inner):
            if not allows(request.caller.scopes, source, "s"):
                raise Forbidden(f"The token's scopes do not allow this for {source}", at=param.name)
            within_scopes(request, inner)


def _refuse_unsupported(query: Query) -> None:
    if query.elements:
        raise NotSupported("_elements is not supported yet", at="_elements")
    if query.summary not in (None, "false", "count"):
        raise NotSupported(f"_summary={query.summary} is not supported yet", at="_summary")
    if query.format is not None and "json" not in query.format:
        raise NotSupported("Only JSON is answered; use _format=json", at="_format")
    if query.types:
        raise NotSupported("_type is for system-wide search, which is not supported yet", at="_type")


def _identity(type_name: str, pairs: Sequence[tuple[str, str]]) -> str:
    """What a cursor belongs to: the search without its paging."""
    return type_name + "?" + urlencode([pair for pair in pairs if pair[0] not in ("_cursor", "_count", "_total")])


def _links(
    engine: Engine, request: Request, type_name: str, pairs: list[tuple[str, str]], rows: Sequence[asyncpg.Record]
) -> list[dict[str, str]]:  # fmt: skip
    """self and next. The search of a POST stays out of its links (names do not belong in addresses, D15): the next page
    is had by sending the same form to the next link."""
    posted = request.method == "POST"
    base = f"{engine.mount.base}/{type_name}{'/_search' if posted else ''}"
    shown = [] if posted else pairs
    links = [{"relation": "self", "url": base if posted or not request.query else f"{base}?{request.query}"}]
    if rows:
        cursor = engine.seal.close(Position(rows[-1]["sv"], rows[-1]["key"]), _identity(type_name, pairs))
        links.append(
            {"relation": "next", "url": _url(base, [*(p for p in shown if p[0] != "_cursor"), ("_cursor", cursor)])}
        )
    return links


def _url(base: str, pairs: Sequence[tuple[str, str]]) -> str:
    return base + ("?" + urlencode(pairs, quote_via=quote, safe=":/|,$") if pairs else "")


def _bundle(
    engine: Engine, query: Query, rows: Sequence[asyncpg.Record], others: Sequence[asyncpg.Record], total: int | None,
    links: list[dict[str, str]],
) -> bytes:  # fmt: skip
    """The searchset, joined from stored bytes."""
    head: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        head["total"] = total
    head["link"] = links
    unpack, base = engine.codec.unpack, engine.mount.base
    entries = [
        b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"%s"}}'
        % (base.encode(), NAMES[row["rtype"]].encode(), row["id"].encode(), unpack(row["body"]), mode)
        for mode, group in ((b"match", rows), (b"include", others))
        for row in group
    ]
    if query.ignored:
        entries.append(_ignored(query.ignored))
    body = plain(head)
    return body[:-1] + b',"entry":[' + b",".join(entries) + b"]}" if entries else body


def _ignored(names: Sequence[str]) -> bytes:
    issues = [Issue("not-supported", f"The parameter '{n[:60]}' was left out", n[:60], "warning") for n in names]
    return b'{"resource":' + plain(operation_outcome(issues)) + b',"search":{"mode":"outcome"}}'
