"""vread: one version of a resource (http://hl7.org/fhir/R4/http.html#vread)."""

from access import Decision
from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.engine import Engine
from fhirserver.histories import LATEST
from fhirserver.messages import Answer, Request, stamps
from fhirserver.problems import Gone, NotFound
from fhirserver.refusing import withheld

_SELECT = """
select ver, upd, pat, lab, dt, dte, rtype, id, 'P' as op, body from res where key = $1 and ver = $2
union all
select ver, upd, pat, lab, null, null, rtype, id, op, body from hist where key = $1 and ver = $2"""


async def vread(engine: Engine, request: Request, type_name: str, id: str, version: str) -> Answer:
    """200, 404 when there is no such version, 410 when that version is a deletion."""
    missing = NotFound(f"There is no version {version[:12]} of {type_name}/{id}", at=type_name)
    if not version.isascii() or not version.isdigit() or len(version) > 9:
        raise missing
    rtype, key = TYPES[type_name].number, engine.keys.of(f"{type_name}/{id}")
    async with engine.db.pool.acquire() as connection:
        row = await connection.fetchrow(_SELECT, key, int(version))
        if row is None or row["rtype"] != rtype or row["id"] != id:
            raise missing
        await engine.codec.ready(connection, [row["body"]])
        (decision,) = await engine.law.decisions(connection, request.sight, [row])
        if decision is Decision.PERMIT and request.sight.actor.kind == "patient":
            # What a patient is kept from now, or what is another's now, is so in its earlier versions (PAT-02, REC-08).
            latest = await connection.fetch(LATEST.format("$1"), key)
            (decision,) = await engine.law.decisions(connection, request.sight, latest)
        seen = decision is Decision.PERMIT
        if row["pat"] and engine.mount.logged:
            about = ((row["pat"], rtype, row["lab"]),)
            await engine.log.append(connection, [Entry(request.caller, "vread", about, int(seen), int(not seen))])
    if not seen:
        raise withheld(decision, missing.detail, type_name)
    if row["op"] == "D":
        raise Gone(f"Version {version} of {type_name}/{id} is its deletion", at=type_name)
    return Answer(200, engine.shown(request.sight, rtype, row["pat"], row["body"], key), stamps(row["ver"], row["upd"]))
