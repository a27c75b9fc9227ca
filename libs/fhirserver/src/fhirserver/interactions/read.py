"""read: the current version of a resource (http://hl7.org/fhir/R4/http.html#read)."""

from access import Decision
from fhircore.types import TYPES
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request, stamps, version_of
from fhirserver.problems import Gone, NotFound
from fhirserver.reading import Found
from fhirserver.refusing import withheld
from kit.keyring import Erased


async def read(engine: Engine, request: Request, type_name: str, id: str) -> Answer:
    """200 with the body as stored, 304 when If-None-Match has its version, 404, or 410 after a deletion."""
    rtype = TYPES[type_name].number
    key = engine.keys.of(f"{type_name}/{id}")
    found = await engine.reader.read(key, rtype, id, request.caller, request.sight)
    if not isinstance(found, Found):
        missing = f"There is no {type_name}/{id}"
        if isinstance(found, Decision):
            raise withheld(found, missing, type_name)
        await _refuse_deleted(engine, request, key, type_name, id)
        raise NotFound(missing, at=type_name)
    await engine.codec.ready(engine.db.pool, [found.body])
    known = request.header(b"if-none-match")
    if known is not None and any(version_of(tag) == found.ver for tag in known.split(",")):
        return Answer(304, b"", stamps(found.ver, found.upd))
    return Answer(200, engine.shown(request.sight, rtype, found.pat, found.body, key), stamps(found.ver, found.upd))


async def _refuse_deleted(engine: Engine, request: Request, key: int, type_name: str, id: str) -> None:
    """Raises Gone for whom the resource was visible before its deletion."""
    pool = engine.db.pool
    last = await pool.fetchrow(
        "select op, lab, pat, id, exists(select from erased e where e.key = h.key) as erased from hist h"
        " where key = $1 order by ver desc limit 1", key,
    )  # fmt: skip
    if last is None or last["op"] != "D" or last["id"] != id:
        return
    if (await engine.law.sees(pool, request.sight, [last]))[0]:
        standing = await pool.fetchval("select 1 from res where key = $1", key)
        if standing is None and last["erased"]:
            raise Erased(at=type_name)
        if standing is None:
            raise Gone(f"{type_name}/{id} was deleted", at=type_name)
