"""Observation/$lastn: the most recent observations of each kind about one patient.

http://hl7.org/fhir/R4/observation-operation-lastn.html. A kind is a code: observations that share a coding, by way of others
too, are of one kind; what has no coding is of the kind its text says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import asyncpg

from fhircore.fold import fold
from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.allowing import allow
from fhirserver.bodies import parsed, plain
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.operations.asking import only_criteria
from fhirserver.problems import Invalid, NotSupported
from fhirserver.search.answering import planned, searching
from fhirserver.search.asked import Asked, of_type, pairs_of
from fhirserver.search.plan import COLUMNS
from fhirserver.search.sql import Values
from kit.db import Connection

_MOST = 50_000  # observations that are looked through
_LARGEST = 1_000  # of one kind
_FURTHER = "select key, code from alt where key = any($1::bigint[]) and also = 2"


async def lastn(engine: Engine, request: Request) -> Answer:
    """200 with a searchset, kind by kind, the most recent first. Other parameters are search parameters."""
    allow(engine, request, "Observation", "s")
    allow(engine, request, "Observation", "r")
    most, asked = _asked(request)
    with searching():
        made = await planned(engine, request, asked)
        if len(made.patients) == 0:
            raise Invalid("$lastn is about one patient: say which with patient or subject", at="patient")
        async with engine.driven_pool.acquire() as connection:
            values = Values()
            part = made.parts[0]
            text = " union ".join(
                f"select r.key, r.code, r.dt, r.upd from {part.where(made.ground, values, further=further)}"
                for further in part.branches()
            )
            rows = await connection.fetch(f"{text} limit {_MOST + 1}", *values.all)
            if len(rows) > _MOST:
                raise NotSupported(f"More than {_MOST} observations; narrow by category or date", at="$lastn")
            chosen = _most_recent(rows, await _kinds(connection, engine, rows), most)
            found = await connection.fetch(f"select {COLUMNS} from res r where r.key = any($1::bigint[])", chosen)
            await engine.codec.ready(connection, [row["body"] for row in found])
    shown = sorted(found, key=lambda row: chosen.index(row["key"]))
    if engine.mount.logged:
        about = {(row["pat"], row["rtype"], row["lab"]) for row in shown if row["pat"]}
        about = about or {(patient, TYPES["Observation"].number, 0) for patient in made.patients}
        await engine.together.write(Entry(request.caller, "lastn", sorted(about), len(shown)))
    return Answer(200, _bundle(engine, request, shown))


def _asked(request: Request) -> tuple[int, Asked]:
    pairs = pairs_of(request)
    most = [value for name, value in pairs if name == "max"]
    if len(most) > 1 or not all(m.isascii() and m.isdigit() and 0 < int(m) <= _LARGEST for m in most):
        raise Invalid(f"max is a whole number from 1 to {_LARGEST}", at="max")
    rest = [pair for pair in pairs if pair[0] != "max"]
    about = [value for name, value in rest if name in ("patient", "subject")]
    if len(about) != 1 or "," in about[0]:
        raise Invalid("$lastn is about one patient: say which with patient or subject", at="patient")
    asked = of_type(replace(request, method="GET", query=urlencode(rest), body=b""), "Observation")
    only_criteria(asked.query, "$lastn")
    return int(most[0]) if most else 1, asked


async def _kinds(con: Connection, engine: Engine, rows: Sequence[asyncpg.Record]) -> Mapping[int, Any]:
    """The kind of each observation by its key: the root of what its codings are joined to, or its text."""
    keys = sorted({row["key"] for row in rows})
    codes: dict[int, list[int]] = {}
    for row in rows:
        if row["code"]:
            codes.setdefault(row["key"], []).append(row["code"])
    for key, code in await con.fetch(_FURTHER, keys):
        codes.setdefault(key, []).append(code)
    root: dict[int, int] = {}

    def of(code: int) -> int:
        while root.setdefault(code, code) != code:
            root[code] = code = root[root[code]]
        return code

    for first, *others in codes.values():
        for other in others:
            root[of(other)] = of(first)
    kinds: dict[int, Any] = {key: of(some[0]) for key, some in codes.items()}
    bare = [key for key in keys if key not in kinds]
    bodies = await con.fetch("select key, body from res where key = any($1::bigint[])", bare)
    await engine.codec.ready(con, [row["body"] for row in bodies])
    for key, body in bodies:
        text = parsed(engine.codec.unpack(body, key)).get("code", {}).get("text", "")
        kinds[key] = fold(text)
    return kinds


def _most_recent(rows: Sequence[asyncpg.Record], kinds: Mapping[int, Any], most: int) -> list[int]:
    """The keys to show, in order: the kind with the newest observation first."""
    groups: dict[Any, list[int]] = {}
    seen: set[int] = set()
    for row in sorted(rows, key=lambda row: (-row["dt"], -row["upd"].timestamp(), row["key"])):
        group = groups.setdefault(kinds.get(row["key"]), [])
        if row["key"] not in seen and len(group) < most:
            group.append(row["key"])
        seen.add(row["key"])
    return [key for group in groups.values() for key in group]


def _bundle(engine: Engine, request: Request, rows: Sequence[asyncpg.Record]) -> bytes:
    base, unpack = engine.mount.base.encode(), engine.codec.unpack
    url = f"{engine.mount.base}/Observation/$lastn" + (f"?{request.query}" if request.method == "GET" else "")
    head = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(rows),
        "link": [{"relation": "self", "url": url}],
    }
    entries = b",".join(
        b'{"fullUrl":"%s/Observation/%s","resource":%s,"search":{"mode":"match"}}'
        % (base, row["id"].encode(), unpack(row["body"], row["key"]))
        for row in rows
    )
    return plain(head)[:-1] + (b',"entry":[' + entries + b"]}" if rows else b"}")
