"""history of one resource, of a type, or of everything, newest first (http://hl7.org/fhir/R4/http.html#history).

`_since` and `_at` narrow it, `_count` and a sealed cursor page it. A page goes on below (time, key, version) of its last
entry, which no later write changes: a version keeps all three when it moves from the current ones to the old ones.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from access import Sight, allows
from fhircore.types import NAMES, TYPES
from fhirserver.accesslog import Entry
from fhirserver.bodies import instant, plain
from fhirserver.engine import Engine
from fhirserver.histories import Asked, counted, page, time_of
from fhirserver.messages import Answer, Request
from fhirserver.problems import Forbidden, Invalid, NotFound, NotSupported
from fhirserver.search.answering import searching
from fhirserver.search.asked import stored_types
from fhirserver.search.cursor import Position

_LARGEST = 1_000  # entries of a page
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def history(engine: Engine, request: Request, type_name: str, id: str) -> Answer:
    """A Bundle of type history with its total; 404 when there is none that may be seen."""
    asked = _asked(request, f"{type_name}/{id}")
    asked.key, asked.rtypes = engine.keys.of(f"{type_name}/{id}"), [TYPES[type_name].number]
    with searching():
        async with engine.search_pool.acquire() as con:
            total, hidden = await counted(con, engine, asked, request, id)
            rows = await page(con, engine, request, asked) if total else []
    if hidden and not total:
        await _log(engine, request, hidden, 0, len(hidden))
    if not total and not await _ever_seen(engine, request, asked, id):
        raise NotFound(f"There is no {type_name}/{id}", at=type_name)
    return await _answer(engine, request, asked, rows, total)


async def history_of_type(engine: Engine, request: Request, type_name: str) -> Answer:
    """What happened to all resources of a type, without a total."""
    asked = _asked(request, type_name)
    asked.rtypes = [TYPES[type_name].number]
    return await _of_many(engine, request, asked)


async def history_of_all(engine: Engine, request: Request) -> Answer:
    """What happened to everything that the token allows to be searched, without a total."""
    asked = _asked(request, "")
    asked.rtypes = [TYPES[name].number for name in stored_types() if allows(request.caller.scopes, name, "s")]
    if not asked.rtypes:
        raise Forbidden("The token's scopes do not allow anything to be searched", at="scope")
    return await _of_many(engine, request, asked)


async def _of_many(engine: Engine, request: Request, asked: Asked) -> Answer:
    with searching():
        async with engine.search_pool.acquire() as con:
            rows = await page(con, engine, request, asked)
    return await _answer(engine, request, asked, rows, None)


def _asked(request: Request, address: str) -> Asked:
    asked = Asked(f"{address}/_history" if address else "_history")
    for name, value in request.parameters:
        match name:
            case "_count":
                if not (value.isascii() and value.isdigit() and len(value) < 10):
                    raise Invalid("_count is a whole number", at="_count")
                asked.count = min(int(value), _LARGEST)
            case "_since":
                asked.since = time_of(name, value)[0]
                if "T" not in value:
                    raise Invalid("_since is an instant: a date and a time with its zone", at="_since")
            case "_at":
                asked.at = time_of(name, value)
            case "_cursor":
                asked.cursor = value
            case _:
                raise NotSupported(f"The parameter '{name[:60]}' is not supported in a history", at=name[:60])
    return asked


def _micros(at: datetime) -> int:
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


async def _ever_seen(engine: Engine, request: Request, asked: Asked, id: str) -> bool:
    """Whether there is a version at all that may be seen, though none in the time that was asked for."""
    if asked.since is None and asked.at is None:
        return False
    whole = Asked(asked.address, key=asked.key, rtypes=asked.rtypes)
    async with engine.search_pool.acquire() as con:
        total, _ = await counted(con, engine, whole, request, id)
    return total > 0


async def _log(engine: Engine, request: Request, about: Any, returned: int, withheld: int = 0) -> None:
    if about and engine.mount.logged:
        await engine.together.write(Entry(request.caller, "history", sorted(about), returned, withheld))


async def _answer(engine: Engine, request: Request, asked: Asked, rows: list[Any], total: int | None) -> Answer:
    more, rows = len(rows) > asked.count, rows[: asked.count]
    await _log(engine, request, {(row["pat"], row["rtype"], row["lab"]) for row in rows if row["pat"]}, len(rows))
    address = f"{engine.mount.base}/{asked.address}"
    pairs = [pair for pair in request.parameters if pair[0] != "_cursor"]
    links = [{"relation": "self", "url": address + ("?" + urlencode(request.parameters) if request.parameters else "")}]
    if more and rows:
        last = rows[-1]
        cursor = engine.seal.close(Position((_micros(last["upd"]), last["ver"]), last["key"]), asked.identity())
        links.append({"relation": "next", "url": f"{address}?{urlencode([*pairs, ('_cursor', cursor)])}"})
    head: dict[str, Any] = {"resourceType": "Bundle", "type": "history"}
    if total is not None:
        head["total"] = total
    body = plain({**head, "link": links})[:-1]
    await engine.law.look(engine.search_pool, request.sight, (row["pat"] for row in rows))
    await engine.codec.ready(engine.search_pool, [row["body"] for row in rows])
    entries = [_entry(engine, request.sight, row) for row in rows]
    return Answer(200, body + (b',"entry":[' + b",".join(entries) + b"]}" if entries else b"}"))


def _entry(engine: Engine, sight: Sight, row: Any) -> bytes:
    name = NAMES[row["rtype"]]
    deleted, first = row["op"] == "D", row["ver"] == 1
    method = "DELETE" if deleted else "POST" if first else "PUT"
    request = {"method": method, "url": name if first and not deleted else f"{name}/{row['id']}"}
    status = "204" if deleted else "201" if first else "200"
    response = {"status": status, "etag": f'W/"{row["ver"]}"', "lastModified": instant(row["upd"])}
    parts = [b'{"fullUrl":', plain(f"{engine.mount.base}/{name}/{row['id']}")]
    if not deleted:
        parts += (b',"resource":', engine.shown(sight, row["rtype"], row["pat"], row["body"], row["key"]))
    parts += (b',"request":', plain(request), b',"response":', plain(response), b"}")
    return b"".join(parts)
