"""history of one resource, newest first (http://hl7.org/fhir/R4/http.html#history)."""

from typing import Any

from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.bodies import instant, plain
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid, NotFound, NotSupported

_SELECT = """
select ver, upd, pat, lab, rtype, id, 'P' as op, body from res where key = $1
union all
select ver, upd, pat, lab, rtype, id, op, body from hist where key = $1
order by ver desc"""
_LIMIT = 1000


async def history(engine: Engine, request: Request, type_name: str, id: str) -> Answer:
    """A Bundle of type history; parameters other than _count and _format are refused by name."""
    count = _count(request)
    async with engine.db.pool.acquire() as connection:
        rows = await connection.fetch(_SELECT, engine.keys.of(f"{type_name}/{id}"))
        rows = [row for row in rows if row["rtype"] == TYPES[type_name].number and row["id"] == id]
        seen = [row for row in rows if request.sight.sees(row["lab"], row["pat"])]
        about = {(row["pat"], row["rtype"], row["lab"]) for row in rows if row["pat"]}
        if about and engine.mount.logged:
            entry = Entry(request.caller, "history", sorted(about), len(seen), len(rows) - len(seen))
            await engine.log.append(connection, [entry])
    if not seen:
        raise NotFound(f"There is no {type_name}/{id}", at=type_name)
    base = engine.mount.base
    entries = [_entry(engine, base, type_name, id, row, row["ver"] == 1) for row in seen[:count]]
    head = {"resourceType": "Bundle", "type": "history", "total": len(seen)}
    link = plain([{"relation": "self", "url": f"{base}/{type_name}/{id}/_history"}])
    body = plain(head)[:-1] + b',"link":' + link
    return Answer(200, body + (b',"entry":[' + b",".join(entries) + b"]}" if entries else b"}"))


def _count(request: Request) -> int:
    count = _LIMIT
    for name, value in request.parameters:
        if name == "_count":
            if not (value.isascii() and value.isdigit() and len(value) < 10):
                raise Invalid("_count is a whole number", at="_count")
            count = min(int(value), _LIMIT)
        else:
            raise NotSupported(f"The parameter '{name[:60]}' is not supported in a history", at=name[:60])
    return count


def _entry(engine: Engine, base: str, type_name: str, id: str, row: Any, first: bool) -> bytes:
    deleted = row["op"] == "D"
    method = "DELETE" if deleted else "POST" if first else "PUT"
    request = {"method": method, "url": type_name if first else f"{type_name}/{id}"}
    status = "204" if deleted else "201" if first else "200"
    response = {"status": status, "etag": f'W/"{row["ver"]}"', "lastModified": instant(row["upd"])}
    parts = [b'{"fullUrl":', plain(f"{base}/{type_name}/{id}")]
    if not deleted:
        parts += (b',"resource":', engine.codec.unpack(row["body"]))
    parts += (b',"request":', plain(request), b',"response":', plain(response), b"}")
    return b"".join(parts)
