"""$everything of a patient (http://hl7.org/fhir/R4/patient-operation-everything.html)."""

import asyncpg

from access import Sight, allows
from fhircore.types import NAMES, TYPES
from fhirserver.accesslog import Entry
from fhirserver.bodies import plain
from fhirserver.engine import Engine
from fhirserver.interactions.search import searching
from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid, NotFound, NotSupported
from fhirserver.refusing import notice
from fhirserver.search.cursor import Position
from fhirserver.search.plan import COLUMNS
from fhirserver.search.sql import Values, seen
from kit.db import Connection

_DEFAULT, _LARGEST = 1_000, 10_000


async def everything(engine: Engine, request: Request, id: str) -> Answer:
    """The patient's compartment, then what it refers to, page by page (_count); other parameters are refused by name."""
    count, cursor = _parameters(request)
    identity = f"everything/{id}"
    after = engine.seal.open(cursor, identity) if cursor else None
    keys = engine.patient_keys(id)
    with searching():
        async with engine.search_pool.acquire() as connection:
            rows = await _compartment(connection, engine, request, keys, count, after)
            if not rows and after is None:
                raise NotFound(f"There is no Patient/{id}", at="Patient")
            more, rows = len(rows) > count, rows[:count]
            others = await _referred(connection, engine, request, rows)
            withheld = await engine.law.withheld(connection, request.sight, keys)
            if engine.mount.logged:
                about = sorted({(row["pat"], row["rtype"], row["lab"]) for row in [*rows, *others] if row["pat"]})
                entry = Entry(request.caller, "everything", about, len(rows) + len(others))
                await engine.log.append(connection, [entry])
    base = f"{engine.mount.base}/Patient/{id}/$everything"
    links = [{"relation": "self", "url": base}]
    if more:
        cursor = engine.seal.close(Position((), rows[-1]["key"]), identity)
        links.append({"relation": "next", "url": f"{base}?_count={count}&_cursor={cursor}"})
    total = None if more or after is not None else len(rows)
    told = [notice(withheld)] if withheld else []
    return Answer(200, _bundle(engine, request.sight, rows, others, total, links, told))


def _parameters(request: Request) -> tuple[int, str | None]:
    count, cursor = _DEFAULT, None
    for name, value in request.parameters:
        if name == "_count":
            if not (value.isascii() and value.isdigit() and len(value) < 10) or int(value) == 0:
                raise Invalid("_count is a whole number above 0", at="_count")
            count = min(int(value), _LARGEST)
        elif name == "_cursor":
            cursor = value
        elif name != "_format":
            raise NotSupported(f"The parameter '{name[:60]}' of $everything is not supported yet", at=name[:60])
    return count, cursor


async def _compartment(
    con: Connection, engine: Engine, request: Request, keys: list[int], count: int, after: Position | None
) -> list[asyncpg.Record]:
    values = Values()
    own = values.keys(keys)
    parts = [f"(r.pat = any({own}) or r.key = any(array(select key from alt where pat = any({own}))))"]
    parts += seen(request.sight, values, "r")
    parts.append(f"r.rtype = any({values.add(_readable(request), 'smallint[]')})")
    if after is not None:
        parts.append(f"r.key > {values.add(after.key, 'bigint')}")
    text = f"select {COLUMNS} from res r where {' and '.join(parts)} order by r.key limit {count + 1}"
    return list(await con.fetch(text, *values.all))


def _readable(request: Request) -> list[int]:
    """The types that the token's scopes let this caller read."""
    return [kind.number for kind in TYPES.values() if allows(request.caller.scopes, kind.name, "r")]


async def _referred(
    con: Connection, engine: Engine, request: Request, rows: list[asyncpg.Record]
) -> list[asyncpg.Record]:
    """The registers these rows point at: practitioners, organizations, locations, medications …"""
    keys = {key for row in rows for key in row["refs"] or ()} - {row["key"] for row in rows}
    if not keys:
        return []
    values = Values()
    numbers = [
        kind.number for kind in TYPES.values() if kind.kind == "register" and kind.name not in ("Patient", "Group")
    ]
    numbers = sorted(set(numbers).intersection(_readable(request)))
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
    bodies = [engine.shown(sight, row["rtype"], row["pat"], row["body"]) for _, row in both]
    entries = [
        b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"%s"}}'
        % (base, NAMES[row["rtype"]].encode(), row["id"].encode(), body, mode)
        for (mode, row), body in zip(both, bodies, strict=True)
    ] + told
    return plain(head)[:-1] + (b',"entry":[' + b",".join(entries) + b"]}" if entries else b"}")
