"""$export: the kick-off, and the work of deciding what it holds (https://hl7.org/fhir/uv/bulkdata/STU2/export.html)."""

from contextlib import suppress
from typing import Any

import asyncpg
import msgspec

from access import allows
from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from fhirserver.interactions.search import searching, within_scopes
from fhirserver.messages import Answer, Request
from fhirserver.operations import jobs
from fhirserver.operations.asking import Ask, Level, export_asked, only_criteria
from fhirserver.operations.jobs import Run
from fhirserver.operations.planning import Part, Plan, columns, filtered
from fhirserver.operations.settling import OWN, settled
from fhirserver.problems import Forbidden, Invalid, NotFound, NotSupported
from fhirserver.reading import Found
from fhirserver.search.sql import Values

_ask = msgspec.json.Decoder(Ask).decode
_INSERT = """
insert into job_part(job, n, kind, rtype, keys, vers, pats, labs, counts) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""


def asks_async(request: Request) -> bool:
    """Prefer: respond-async."""
    return "respond-async" in (request.header(b"prefer") or "")


async def export(engine: Engine, request: Request, level: Level, group: str = "") -> Answer:
    """202 with Content-Location; the rest happens in the job."""
    if request.caller.kind != "system":
        raise Forbidden("A bulk export is for system clients; people search", at="scope")
    if not asks_async(request):
        raise Invalid("$export is asked with the header Prefer: respond-async", at="Prefer")
    ask = export_asked(request, level)
    for name, _ in ask.filters:
        for query in ask.queries(name):
            for criterion in query.criteria:
                within_scopes(request, criterion)
    if level == "group":
        members = await _members(engine, request, group)
        outside = sorted(set(ask.patients or ()) - set(members))
        if outside:
            raise Invalid("A patient that was named is not a member of the group", at="patient")
        ask.patients = members if ask.patients is None else ask.patients
    return await _posted(engine, request, ask)


async def search_later(engine: Engine, request: Request, type_name: str) -> Answer:
    """202 for a search with Prefer: respond-async: its matches come as NDJSON, in no order (http://hl7.org/fhir/R4/async.html)."""
    for action in "rs":
        if not allows(request.caller.scopes, type_name, action):
            raise Forbidden(f"The token's scopes do not allow this for {type_name}", at="scope")
    if request.method != "GET":
        raise NotSupported("A search with respond-async is a GET", at="Prefer")
    ask = Ask("search", [type_name], filters=[(type_name, request.query)])
    for query in ask.queries(type_name):
        only_criteria(query, "a search with respond-async")
        for criterion in query.criteria:
            within_scopes(request, criterion)
    return await _posted(engine, request, ask)


async def _posted(engine: Engine, request: Request, ask: Ask) -> Answer:
    await _can_be_planned(engine, request, ask)
    address = "/".join((engine.mount.base, *request.path)) + (f"?{request.query}" if request.query else "")
    job = await jobs.create(engine.db.pool, "export", request.caller, address, msgspec.json.encode(ask))
    engine.job_posted.set()
    return accepted(engine, job.id)


async def _can_be_planned(engine: Engine, request: Request, ask: Ask) -> None:
    """What cannot be searched is refused now, not by the job."""
    for name in {name for name, _ in ask.filters}:
        with searching():
            async with engine.search_pool.acquire() as con:
                await filtered(engine, con, request.sight, name, ask.queries(name), Values())


def accepted(engine: Engine, id: str) -> Answer:
    """202: where to ask how it goes."""
    return Answer(202, b"", [(b"content-location", f"{engine.mount.base}/$job/{id}".encode())])


async def _members(engine: Engine, request: Request, id: str) -> list[str]:
    """The ids of the patients in this group now. Raises NotFound, Forbidden, NotSupported."""
    if not allows(request.caller.scopes, "Group", "r"):
        raise Forbidden("The token's scopes do not allow this for Group", at="scope")
    number = TYPES["Group"].number
    found = await engine.reader.read(engine.keys.of(f"Group/{id}"), number, id, request.caller, request.sight)
    if not isinstance(found, Found):
        raise NotFound(f"There is no Group/{id}", at="Group")
    await engine.codec.ready(engine.db.pool, [found.body])
    group: dict[str, Any] = parsed(engine.codec.unpack(found.body, found.key))
    members = group.get("member", [])
    if group.get("actual") is False or (not members and group.get("characteristic")):
        raise NotSupported("The group is a description; only a group with members can be exported", at="Group.member")
    ids = []
    for member in members:
        reference = member.get("entity", {}).get("reference", "").removeprefix(engine.mount.base + "/")
        if reference.startswith("Patient/") and not member.get("inactive"):
            ids.append(reference[8:])
        elif reference.startswith("Group/"):
            raise NotSupported("The group has another group as a member", at="Group.member")
    return sorted(set(ids))


async def work(engine: Engine, run: Run) -> str:
    """Writes down which versions the export holds; begun again from the start when it was cut off."""
    await run.pool.execute("delete from job_part where job = $1", run.job.id)
    await run.tell("waiting for writes that had begun")
    as_of = await settled(run.pool, run.job.at)
    await run.settle(as_of)
    ask = _ask(run.job.asked)
    await engine.labels.refresh(run.pool)
    patients = None if ask.patients is None else [key for one in ask.patients for key in engine.patient_keys(one)]
    plan = Plan(engine, ask, await engine.sight(run.job.caller), as_of, patients)
    connection = await engine.db.connect()
    try:
        await connection.execute(f"set application_name = '{OWN}'")
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            count, found = await _plan(run, plan, connection)
    finally:
        with suppress(OSError, asyncpg.InterfaceError):
            await connection.close()
    if engine.mount.logged and count == 0:
        await engine.together.write(Entry(run.job.caller, "export", (), 0))
    return f"{found} resources in {count} files"


async def _plan(run: Run, plan: Plan, connection: asyncpg.Connection) -> tuple[int, int]:
    await plan.begin(connection)
    number, found, types = 0, 0, plan.ask.types
    for place, type_name in enumerate(types):
        async for part in plan.parts(connection, type_name):
            number, found = number + 1, found + len(part.keys)
            await _keep(run, number, part)
            await run.tell(f"type {place + 1} of {len(types)}, {found} resources")
    async for part in plan.deleted(connection):
        number += 1
        await _keep(run, number, part)
    return number, found


async def _keep(run: Run, number: int, part: Part) -> None:
    async with run.pool.acquire() as connection, connection.transaction():
        await run.hold(connection)
        await connection.execute(_INSERT, run.job.id, number, part.kind, part.rtype, *columns(part))
