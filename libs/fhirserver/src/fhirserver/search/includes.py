"""_include and _revinclude of one page: what its rows refer to, what refers to them, and so on with :iterate.

http://hl7.org/fhir/R4/search.html#revinclude; every round is decided by the legal predicate and the token's scopes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg

from fhircore.params import SearchParam, params_of
from fhircore.query import Include, Query
from fhircore.query_values import targets_of
from fhircore.types import NAMES, TYPES
from fhirserver.index import SUBJECT
from fhirserver.problems import NotSupported
from fhirserver.search.ground import Ground
from fhirserver.search.plan import COLUMNS, Statement
from fhirserver.search.sql import Values, any_of, seen
from fhirserver.search.tokens import about
from kit.db import Connection

_MOST = 5_000  # resources that one page may bring along
_ROUNDS = 12  # :iterate goes this far

Rows = Sequence[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class Bringing:
    """Brings along what belongs to a page. `readable`: whether the token allows this type to be read."""

    con: Connection
    ground: Ground
    readable: Callable[[str], bool]

    async def all(self, query: Query, rows: Rows) -> list[asyncpg.Record]:
        """Everything included, each once, the page's own left out."""
        known = {row["key"] for row in rows}
        found: list[asyncpg.Record] = []
        front, include, revinclude = list(rows), query.include, query.revinclude
        for _ in range(_ROUNDS):
            if not front or not (include or revinclude):
                break
            more = await self._included(include, front) if include else []
            more += await self._referring(revinclude, front) if revinclude else []
            front = list({row["key"]: row for row in more if row["key"] not in known}.values())
            known |= {row["key"] for row in front}
            found += front
            if len(found) > _MOST:
                at = "_revinclude" if query.revinclude else "_include"
                raise NotSupported(f"More than {_MOST} resources would be included; ask for a smaller page", at=at)
            include = tuple(one for one in include if one.iterate)
            revinclude = tuple(one for one in revinclude if one.iterate)
        return found

    async def _included(self, wanted: Sequence[Include], rows: Rows) -> list[asyncpg.Record]:
        """The resources that these rows refer to by the given parameters."""
        further = await self._further_subjects(rows) if any(_asks_subject(one) for one in wanted) else {}
        asked: dict[int, set[str | None]] = {}  # key → the types it was asked as; None: any
        for include in wanted:
            for row in rows:
                if include.source not in (None, NAMES[row["rtype"]]):
                    continue
                subjects = further.get(row["key"], []) if _asks_subject(include) else []
                for key in (*self._targets(include, row), *subjects):
                    asked.setdefault(key, set()).add(include.target)
        if not asked:
            return []
        values = Values()
        parts = [f"r.key = any({values.keys(list(asked))})", *seen(self.ground.sight, values, "r")]
        statement = f"select {COLUMNS} from res r where {' and '.join(parts)} limit {_MOST + 1}"
        found = await self.con.fetch(statement, *values.all)
        return [
            row
            for row in found
            if asked[row["key"]] & {None, NAMES[row["rtype"]]} and self.readable(NAMES[row["rtype"]])
        ]

    async def _further_subjects(self, rows: Rows) -> dict[int, list[int]]:
        """Patients beside the first that these rows are about, by the row's key; a Patient is its own subject."""
        keys = [row["key"] for row in rows if NAMES[row["rtype"]] != "Patient"]
        found: dict[int, list[int]] = {}
        statement = "select key, pat from alt where key = any($1::bigint[]) and also = 1"
        for key, patient in await self.con.fetch(statement, keys):
            found.setdefault(key, []).append(patient)
        return found

    def _targets(self, include: Include, row: asyncpg.Record) -> list[int]:
        type_name = NAMES[row["rtype"]]
        references = [*(row["refs"] or ()), *([row["pat"]] if row["pat"] and type_name != "Patient" else [])]
        if include.param is None:
            return references
        leading = [key for key in references if self._leads(type_name, include.param, row, key)]
        if include.param.name in SUBJECT and row["pat"] and type_name != "Patient":
            other = self.ground.keys.token(f"{type_name}!subject") in (row["tok"] or ())
            return leading if other else [row["pat"], *leading]
        return leading

    def _leads(self, type_name: str, param: SearchParam, row: asyncpg.Record, key: int) -> bool:
        return (key ^ self.ground.keys.token(f"{type_name}.{param.name}>")) in (row["tok"] or ())

    async def _referring(self, wanted: Sequence[Include], rows: Rows) -> list[asyncpg.Record]:
        """The resources that refer to these rows by the given parameters."""
        found: list[asyncpg.Record] = []
        for include in wanted:
            statement = self._statement(include, rows)
            if statement is not None:
                found += await self.con.fetch(statement.text, *statement.values)
            if len(found) > _MOST:
                raise NotSupported(
                    f"_revinclude brings more than {_MOST} resources; ask for a smaller page", at="_revinclude"
                )
        return [row for row in found if self.readable(NAMES[row["rtype"]])]

    def _statement(self, include: Include, rows: Rows) -> Statement | None:
        values, ways = Values(), []
        by_type: dict[str, list[int]] = {}
        for row in rows:
            by_type.setdefault(NAMES[row["rtype"]], []).append(row["key"])
        sources = [include.source] if include.source else [name for name, kind in TYPES.items() if kind.door != "none"]
        hashes = [
            key ^ self.ground.keys.token(f"{source}.{param.name}>")
            for source in sources
            for param in _references(source, include)
            for target in (by_type.keys() & set(targets_of(param)) if include.target is None else {include.target})
            for key in by_type.get(target, ())
        ]
        if hashes:
            ways.append(f"r.tok && {values.keys(hashes)}")
        patients = by_type.get("Patient") if include.target in (None, "Patient") else None
        if patients and include.source and any(p.name in SUBJECT for p in _references(include.source, include)):
            ways.append(about(self.ground, values, "r", include.source, patients))
        elif patients and include.source is None:
            own = values.keys(patients)
            ways.append(f"(r.pat = any({own}) or r.key = any(array(select key from alt where pat = any({own}))))")
        if not ways:
            return None
        parts = [any_of(ways), *seen(self.ground.sight, values, "r")]
        if include.source:
            parts.append(f"r.rtype = {values.add(TYPES[include.source].number, 'smallint')}")
        return Statement(f"select {COLUMNS} from res r where {' and '.join(parts)} limit {_MOST + 1}", values.all)


def _asks_subject(include: Include) -> bool:
    """Whether an include may lead to further subjects, which stand in `alt`."""
    return include.param is None or include.param.name in SUBJECT


def _references(type_name: str, include: Include) -> list[SearchParam]:
    if include.param is not None:
        return [include.param]
    return [param for param in params_of(type_name).values() if param.type == "reference"]
