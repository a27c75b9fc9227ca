"""_include and _revinclude of one page: what its rows refer to, and what refers to them."""

from collections.abc import Sequence

import asyncpg

from fhircore.params import SearchParam, params_of
from fhircore.query import Include
from fhircore.types import NAMES, TYPES
from fhirserver.index import SUBJECT
from fhirserver.problems import NotSupported
from fhirserver.search.plan import COLUMNS, Statement
from fhirserver.search.predicates import Ground, about
from fhirserver.search.sql import Values, seen
from kit.db import Connection

_MOST = 5_000  # resources that one page may bring along


async def included(
    con: Connection, ground: Ground, type_name: str, wanted: Sequence[Include], rows: Sequence[asyncpg.Record]
) -> list[asyncpg.Record]:
    """The resources that these rows refer to by the given parameters, each once, the page's own left out."""
    further = await _further_subjects(con, rows) if rows and _asks_subject(type_name, wanted) else {}
    asked: dict[int, set[str | None]] = {}  # key → the types it was asked as; None: any
    for include in wanted:
        _no_iterate(include)
        if include.source not in (None, type_name):
            continue
        for row in rows:
            subjects = further.get(row["key"], []) if include.param is None or include.param.name in SUBJECT else []
            for key in (*_targets(ground, type_name, include, row), *subjects):
                asked.setdefault(key, set()).add(include.target)
    keys = asked.keys() - {row["key"] for row in rows}
    if not keys:
        return []
    values = Values()
    parts = [f"r.key = any({values.keys(list(keys))})", *seen(ground.sight, values, "r")]
    found = await con.fetch(f"select {COLUMNS} from res r where {' and '.join(parts)}", *values.all)
    return [row for row in found if asked[row["key"]] & {None, NAMES[row["rtype"]]}]


def _asks_subject(type_name: str, wanted: Sequence[Include]) -> bool:
    """Whether an include may lead to further subjects, which stand in `alt` (Patient is its own subject)."""
    return type_name != "Patient" and any(one.param is None or one.param.name in SUBJECT for one in wanted)


async def _further_subjects(con: Connection, rows: Sequence[asyncpg.Record]) -> dict[int, list[int]]:
    """Patients beside the first that these rows are about, by the row's key."""
    found: dict[int, list[int]] = {}
    statement = "select key, pat from alt where key = any($1::bigint[]) and also = 1"
    for key, patient in await con.fetch(statement, [row["key"] for row in rows]):
        found.setdefault(key, []).append(patient)
    return found


def _targets(ground: Ground, type_name: str, include: Include, row: asyncpg.Record) -> list[int]:
    references = [*(row["refs"] or ()), *([row["pat"]] if row["pat"] and type_name != "Patient" else [])]
    if include.param is None:
        return references
    if include.param.name in SUBJECT and row["pat"]:
        of_others = [key for key in row["refs"] or () if _leads(ground, type_name, include, row, key)]
        is_subject = ground.keys.token(f"{type_name}!subject") not in (row["tok"] or ())
        return [row["pat"], *of_others] if is_subject else of_others
    return [key for key in references if _leads(ground, type_name, include, row, key)]


def _leads(ground: Ground, type_name: str, include: Include, row: asyncpg.Record, key: int) -> bool:
    assert include.param is not None
    return (key ^ ground.keys.token(f"{type_name}.{include.param.name}>")) in (row["tok"] or ())


async def referring(
    con: Connection, ground: Ground, type_name: str, wanted: Sequence[Include], rows: Sequence[asyncpg.Record]
) -> list[asyncpg.Record]:
    """The resources that refer to these rows by the given parameters, each once."""
    found: dict[int, asyncpg.Record] = {}
    here = {row["key"] for row in rows}
    for include in wanted if rows else ():
        _no_iterate(include)
        if include.source is None:
            raise NotSupported("_revinclude=* is not supported; name the types", at="_revinclude")
        statement = _referring(ground, type_name, include, rows)
        for row in await con.fetch(statement.text, *statement.values):
            if row["key"] not in here:
                found[row["key"]] = row
        if len(found) > _MOST:
            raise NotSupported(
                f"_revinclude brings more than {_MOST} resources; ask for a smaller page", at="_revinclude"
            )
    return list(found.values())


def _referring(ground: Ground, type_name: str, include: Include, rows: Sequence[asyncpg.Record]) -> Statement:
    assert include.source is not None
    values = Values()
    parts = [f"r.rtype = {values.add(TYPES[include.source].number, 'smallint')}", *seen(ground.sight, values, "r")]
    names = [include.param.name] if include.param else [p.name for p in _references(include.source)]
    keys = [row["key"] for row in rows]
    ways = []
    if type_name == "Patient" and any(name in SUBJECT for name in names):
        ways.append(about(ground, values, "r", include.source, keys))
    hashes = [key ^ ground.keys.token(f"{include.source}.{name}>") for name in names for key in keys]
    ways.append(f"r.tok && {values.keys(hashes)}")
    parts.append("(" + " or ".join(ways) + ")")
    return Statement(f"select {COLUMNS} from res r where {' and '.join(parts)} limit {_MOST + 1}", values.all)


def _references(type_name: str) -> list[SearchParam]:
    return [param for param in params_of(type_name).values() if param.type == "reference"]


def _no_iterate(include: Include) -> None:
    if include.iterate:
        raise NotSupported("The modifier :iterate is not supported yet", at="_include")
