"""$everything of a patient (http://hl7.org/fhir/R4/patient-operation-everything.html)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

import asyncpg

from access import Sight, allows
from fhircore.types import NAMES, TYPES
from fhirserver.accesslog import Entry
from fhirserver.bodies import plain
from fhirserver.engine import Engine
from fhirserver.entries import NO_DATE
from fhirserver.histories import time_of
from fhirserver.interactions.search import searching
from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid, NotFound, NotSupported
from fhirserver.refusing import notice
from fhirserver.search.cursor import Position
from fhirserver.search.plan import COLUMNS
from fhirserver.search.sql import Values, seen
from kit.db import Connection

_DEFAULT, _LARGEST = 1_000, 10_000


@dataclass(slots=True)
class _Asked:
    """`start`..`end` is the care time in µs, half-open; `since` the time of storing; `types` numbers, None for all."""

    count: int = _DEFAULT
    cursor: str | None = None
    start: int | None = None
    end: int | None = None
    since: datetime | None = None
    types: list[int] | None = None
    pairs: list[tuple[str, str]] = field(default_factory=list)  # all but the cursor, as they were sent


async def everything(engine: Engine, request: Request, id: str) -> Answer:
    """The patient's compartment, then what it refers to, page by page; parameters of other kinds are refused by name."""
    asked = _parameters(request)
    identity = f"everything/{id}?{urlencode([pair for pair in asked.pairs if pair[0] != '_count'])}"
    after = engine.seal.open(asked.cursor, identity) if asked.cursor else None
    keys = engine.patient_keys(id)
    with searching():
        async with engine.search_pool.acquire() as connection:
            if after is None and not await _is_there(connection, request, keys):
                raise NotFound(f"There is no Patient/{id}", at="Patient")
            rows = await _compartment(connection, request, asked, keys, after)
            more, rows = len(rows) > asked.count, rows[: asked.count]
            others = await _referred(connection, request, asked, rows)
            withheld = await engine.law.withheld(connection, request.sight, keys)
            if engine.mount.logged:
                about = sorted({(row["pat"], row["rtype"], row["lab"]) for row in [*rows, *others] if row["pat"]})
                entry = Entry(request.caller, "everything", about, len(rows) + len(others))
                await engine.log.append(connection, [entry])
    base = f"{engine.mount.base}/Patient/{id}/$everything"
    links = [{"relation": "self", "url": base + ("?" + urlencode(asked.pairs) if asked.pairs else "")}]
    if more:
        cursor = engine.seal.close(Position((), rows[-1]["key"]), identity)
        links.append({"relation": "next", "url": f"{base}?{urlencode([*asked.pairs, ('_cursor', cursor)])}"})
    total = None if more or after is not None else len(rows)
    told = [notice(withheld)] if withheld else []
    await engine.codec.ready(engine.search_pool, [row["body"] for row in (*rows, *others)])
    return Answer(200, _bundle(engine, request.sight, rows, others, total, links, told))


def _parameters(request: Request) -> _Asked:
    asked = _Asked()
    for name, value in request.parameters:
        match name:
            case "_count":
                if not (value.isascii() and value.isdigit() and len(value) < 10) or int(value) == 0:
                    raise Invalid("_count is a whole number above 0", at="_count")
                asked.count = min(int(value), _LARGEST)
            case "_cursor":
                asked.cursor = value
                continue
            case "start":
                asked.start = time_of(name, value)[0]
            case "end":
                asked.end = time_of(name, value)[1]
            case "_since":
                asked.since = datetime.fromtimestamp(time_of(name, value)[0] / 1e6, UTC)
            case "_type":
                asked.types = [*(asked.types or ()), *(_number(one) for one in value.split(","))]
            case _:
                raise NotSupported(f"The parameter '{name[:60]}' of $everything is not supported", at=name[:60])
        asked.pairs.append((name, value))
    return asked


def _number(type_name: str) -> int:
    if type_name not in TYPES:
        raise Invalid(f"'{type_name[:60]}' is not a resource type of FHIR R4", at="_type")
    return TYPES[type_name].number


async def _is_there(con: Connection, request: Request, keys: list[int]) -> bool:
    """Whether there is anything of this patient that may be seen."""
    values = Values()
    parts = [f"r.pat = any({values.keys(keys)})", *seen(request.sight, values, "r")]
    return await con.fetchval(f"select 1 from res r where {' and '.join(parts)} limit 1", *values.all) is not None


async def _compartment(
    con: Connection, request: Request, asked: _Asked, keys: list[int], after: Position | None
) -> list[asyncpg.Record]:
    values = Values()
    own = values.keys(keys)
    parts = [f"(r.pat = any({own}) or r.key = any(array(select key from alt where pat = any({own}))))"]
    parts += seen(request.sight, values, "r")
    parts.append(f"r.rtype = any({values.add(_readable(request, asked), 'smallint[]')})")
    if asked.since is not None:
        parts.append(f"r.upd >= {values.add(asked.since, 'timestamptz')}")
    if asked.start is not None or asked.end is not None:
        parts.append(_in_time(values, asked))
    if after is not None:
        parts.append(f"r.key > {values.add(after.key, 'bigint')}")
    text = f"select {COLUMNS} from res r where {' and '.join(parts)} order by r.key limit {asked.count + 1}"
    return list(await con.fetch(text, *values.all))


def _in_time(values: Values, asked: _Asked) -> str:
    """Care that was going on in the period; what has no time of its own is always in it."""
    parts = []
    if asked.end is not None:
        parts.append(f"r.dt < {values.add(asked.end, 'bigint')}")
    if asked.start is not None:
        parts.append(f"(r.dte is null or r.dte > {values.add(asked.start, 'bigint')})")
    return f"(r.dt = {NO_DATE} or r.rtype = {TYPES['Patient'].number} or ({' and '.join(parts)}))"


def _readable(request: Request, asked: _Asked) -> list[int]:
    """The types that are asked for and that the token's scopes let this caller read."""
    readable = [kind.number for kind in TYPES.values() if allows(request.caller.scopes, kind.name, "r")]
    return readable if asked.types is None else sorted(set(readable).intersection(asked.types))


async def _referred(
    con: Connection, request: Request, asked: _Asked, rows: list[asyncpg.Record]
) -> list[asyncpg.Record]:
    """The registers these rows point at: practitioners, organizations, locations, medications …"""
    keys = {key for row in rows for key in row["refs"] or ()} - {row["key"] for row in rows}
    if not keys:
        return []
    values = Values()
    numbers = [
        kind.number for kind in TYPES.values() if kind.kind == "register" and kind.name not in ("Patient", "Group")
    ]
    numbers = sorted(set(numbers).intersection(_readable(request, asked)))
    parts = [f"r.key = any({values.keys(list(keys))})", f"r.rtype = any({values.add(numbers, 'smallint[]')})"]
    parts += ["r.pat = 0", *seen(request.sight, values, "r")]
    return list(await con.fetch(f"select {COLUMNS} from res r where {' and '.join(parts)}", *values.all))


def _bundle(
    engine: Engine,
    sight: Sight,
    rows: list[asyncpg.Record],
    others: list[asyncpg.Record],
    total: int | None,
    links: list[dict[str, str]],
    told: list[bytes],
) -> bytes:
    head: dict[str, object] = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        head["total"] = total + len(others)
    head["link"] = links
    base = engine.mount.base.encode()
    both = [(b"match", row) for row in rows] + [(b"include", row) for row in others]
    bodies = [engine.shown(sight, row["rtype"], row["pat"], row["body"], row["key"]) for _, row in both]
    entries = [
        b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"%s"}}'
        % (base, NAMES[row["rtype"]].encode(), row["id"].encode(), body, mode)
        for (mode, row), body in zip(both, bodies, strict=True)
    ] + told
    return plain(head)[:-1] + (b',"entry":[' + b",".join(entries) + b"]}" if entries else b"}")
