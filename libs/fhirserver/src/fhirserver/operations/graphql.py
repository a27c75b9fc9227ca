"""$graphql: one query over a resource or over everything, by GET and POST (http://hl7.org/fhir/R4/graphql.html).

fhircore says what a query needs; here it is fetched, a round at a time: all references of a round in one statement, each search
through the planner, both under the caller's sight. However many rounds, one log row tells what was shown.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from access import allows
from fhircore.graphql import execute, prepare
from fhircore.graphql_check import MAX_DEPTH, QUERY
from fhircore.graphql_model import Data, Need, Page, Read, Search
from fhircore.graphql_tree import GraphQLError
from fhircore.outcome import InvalidFHIR, operation_outcome
from fhircore.types import NAMES, TYPES
from fhirserver.accesslog import Entry
from fhirserver.engine import Engine
from fhirserver.intake import ID
from fhirserver.messages import Answer, Request
from fhirserver.problems import Forbidden, Invalid, NotFound, NotSupported, WrongMedia
from fhirserver.search.answering import found, searching
from fhirserver.search.asked import of_type
from kit.problems import Problem
from kit.refusals import as_problem

_MOST = 5_000  # resources that one query may bring
_SEARCHES = 200
_SECONDS = 10
_SELECT = "select key, rtype, id, pat, lab, dt, dte, body from res where key = any($1::bigint[])"
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
_TYPES = (b"application/json", b"application/graphql-response+json")


class _Asked(msgspec.Struct, rename="camel"):
    """The body of a POST (https://graphql.github.io/graphql-over-http/draft/#sec-POST)."""

    query: str = ""
    operation_name: str | None = None
    variables: Any = None


async def graphql(engine: Engine, request: Request) -> tuple[str, Answer]:
    """200 with `data`; else `errors`, with the status of the refusal, and nothing of what was found."""
    route = "$graphql" if len(request.path) == 1 else "{type}/{id}/$graphql"
    accept = request.header(b"accept") or ""
    answer = Answer(200, content_type=_TYPES["graphql-response" in accept])
    try:
        answer.body = _encode({"data": await _answered(engine, request)})
    except (Problem, InvalidFHIR) as error:
        problem = Invalid.of(error) if isinstance(error, InvalidFHIR) else as_problem(error)
        answer.status, answer.body = problem.kind.status, _encode({"errors": [_told(error, problem)]})
        answer.headers = [(header.name.lower().encode(), header.value.encode()) for header in problem.headers]
    return route, answer


def _told(error: Exception, problem: Problem) -> Mapping[str, Any]:
    told: dict[str, Any] = {"message": problem.detail}
    if isinstance(error, GraphQLError) and error.line:
        told["locations"] = [{"line": error.line, "column": error.column}]
    return {**told, "extensions": {"resource": operation_outcome(problem.issues)}}


async def _answered(engine: Engine, request: Request) -> Data:
    type_name, id = _instance(request)
    asked = _asked(request)
    query = prepare(asked.query, type_name or QUERY, asked.operation_name, asked.variables)
    finding = _Finding(engine, request)
    try:
        async with asyncio.timeout(_SECONDS):
            root = await finding.root(type_name, id) if type_name else None
            for _ in range(MAX_DEPTH + 1):
                data, needs = execute(query, root, finding.known)
                if not needs:
                    break
                await finding.find(needs)
    except TimeoutError:
        raise NotSupported("The query takes too long; ask for less", at="query") from None
    finally:
        await finding.log()
    return data


def _instance(request: Request) -> tuple[str, str]:
    match request.path:
        case ("$graphql",):
            return "", ""
        case (type_name, id, "$graphql") if type_name in TYPES and ID.fullmatch(id):
            return type_name, id
    raise NotFound("$graphql is asked at the base, or of one resource", at="address")


def _asked(request: Request) -> _Asked:
    """From the address, or from the body: GraphQL as it is, or JSON."""
    given = _Asked()
    for name, value in request.parameters:
        if name == "query":
            given.query = value
        elif name == "operationName":
            given.operation_name = value
        elif name == "variables":
            given.variables = _json(value.encode())
        else:
            raise NotSupported(f"The parameter '{name[:60]}' of $graphql is not supported", at=name[:60])
    if request.body:
        given = _posted(request, given)
    if not given.query.strip():
        raise Invalid("There is no query", at="query")
    return given


def _posted(request: Request, given: _Asked) -> _Asked:
    kind = (request.header(b"content-type") or "application/json").split(";")[0].strip().lower()
    if kind == "application/graphql":
        try:
            given.query = request.body.decode()
        except UnicodeDecodeError:
            raise Invalid("The query is not UTF-8", at="body") from None
        return given
    if kind != "application/json":
        raise WrongMedia("A query is application/graphql or application/json", at="Content-Type")
    try:
        return msgspec.json.decode(request.body, type=_Asked)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        raise Invalid('The body is not {"query", "operationName", "variables"}', at="body") from None


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise Invalid("The variables are not JSON", at="variables") from None


@dataclass(slots=True)
class _Finding:
    """What one query has been shown so far, and what the log must say of it."""

    engine: Engine
    request: Request
    known: dict[Need, Data | Page | None] = field(default_factory=dict)
    about: set[tuple[int, int, int]] = field(default_factory=set)
    returned: int = 0
    withheld: int = 0
    searches: int = 0
    patients: bool = False  # whether anything about patients was asked for

    async def root(self, type_name: str, id: str) -> Data:
        self._allow(type_name, "r")
        need = Read(f"{type_name}/{id}")
        await self.find([need])
        found = self.known[need]
        if not isinstance(found, dict):
            raise NotFound(f"There is no {type_name}/{id}", at=type_name)
        return found

    async def find(self, needs: Sequence[Need]) -> None:
        """Everything that is needed now. Raises what a read or search would."""
        await self._read([need for need in needs if isinstance(need, Read)])
        for need in needs:
            if isinstance(need, Search):
                await self._search(need)
        if self.returned > _MOST:
            raise NotSupported(f"The query brings more than {_MOST} resources; ask for less", at="query")

    def _allow(self, type_name: str, action: str) -> None:
        if not allows(self.request.caller.scopes, type_name, action):
            raise Forbidden(f"The token's scopes do not allow this for {type_name}", at="scope")

    async def _read(self, needs: Sequence[Read]) -> None:
        engine, base = self.engine, self.engine.mount.base + "/"
        wanted: dict[int, list[Read]] = {}
        names: dict[int, str] = {}
        for need in needs:
            self.known[need] = None
            name = need.reference.removeprefix(base).partition("/_history/")[0]
            type_name, _, id = name.partition("/")
            if type_name in TYPES and ID.fullmatch(id) and allows(self.request.caller.scopes, type_name, "r"):
                key = engine.keys.of(name)
                wanted.setdefault(key, []).append(need)
                names[key] = name
        if not wanted:
            return
        with searching():
            rows = await engine.search_pool.fetch(_SELECT, sorted(wanted))
            shown = await engine.law.sees(engine.search_pool, self.request.sight, rows)
            await engine.codec.ready(engine.search_pool, [row["body"] for row in rows])
        for row, seen in zip(rows, shown, strict=True):
            if names[row["key"]] != f"{NAMES[row['rtype']]}/{row['id']}":
                continue
            if row["pat"]:
                self.about.add((row["pat"], row["rtype"], row["lab"]))
            if not seen:
                self.withheld += 1
                continue
            self.returned += 1
            resource = _decode(self._shown(row))
            self.known |= dict.fromkeys(wanted[row["key"]], resource)

    def _shown(self, row: Any) -> bytes:
        return self.engine.shown(self.request.sight, row["rtype"], row["pat"], row["body"], row["key"])

    async def _search(self, need: Search) -> None:
        self._allow(need.type, "s")
        self._allow(need.type, "r")
        self.searches += 1
        if self.searches > _SEARCHES:
            raise NotSupported(f"The query needs more than {_SEARCHES} searches; ask for less", at="query")
        self.patients |= bool(TYPES[need.type].patient)
        asked = of_type(
            replace(self.request, method="GET", query=urlencode(need.pairs), headers={}, body=b""), need.type
        )
        query = asked.query
        if query.include or query.revinclude or query.elements or query.summary or query.explain:
            raise NotSupported("A search in GraphQL has no _include, _elements, _summary or _explain", at=need.type)
        made, page = await found(self.engine, self.request, asked)
        for row in page.rows:
            if row["pat"]:
                self.about.add((row["pat"], row["rtype"], row["lab"]))
        if not page.rows:
            self.about |= {(patient, TYPES[need.type].number, 0) for patient in made.patients}
        self.returned += len(page.rows)
        seal, identity = self.engine.seal, asked.identity()
        self.known[need] = Page(
            [_decode(self._shown(row)) for row in page.rows],
            count=page.total,
            offset=None if query.cursor else 0,
            pagesize=20 if query.count is None else query.count,
            previous=None if page.previous is None else seal.close(page.previous, identity),
            next=None if page.following is None else seal.close(page.following, identity),
        )

    async def log(self) -> None:
        """One row, also for a query that failed on its way: what it met was met."""
        if self.engine.mount.logged and (self.about or self.patients):
            entry = Entry(self.request.caller, "graphql", sorted(self.about), self.returned, self.withheld)
            await self.engine.together.write(entry)
