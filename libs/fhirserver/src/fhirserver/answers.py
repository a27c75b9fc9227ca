"""How a write is answered: Location, ETag, FVM-Position, and what Prefer: return asks for."""

from collections.abc import Sequence

from fhirserver.actions import Done
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request, all_ok, stamps
from fhirserver.store import Row

_STATUS = {"created": 201, "updated": 200, "deleted": 204, "unchanged": 204}


def stored(engine: Engine, request: Request, row: Row, position: int, status: int) -> Answer:
    """The answer to a version that was stored."""
    headers = stamps(row.ver, row.upd)
    headers.append((b"location", location(engine, row.type_name, row.id, row.ver).encode()))
    headers.append((b"fvm-position", b"%d" % position))
    if request.wanted == "minimal":
        return Answer(status, b"", headers)
    if request.wanted == "OperationOutcome":
        return Answer(status, all_ok(f"{row.type_name}/{row.id} is stored as version {row.ver}"), headers)
    return Answer(status, row.body, headers)


def alone(engine: Engine, request: Request, done: Sequence[Done], position: int) -> Answer:
    """The answer to a request of one action."""
    return single(engine, request, done[0], position)


def single(engine: Engine, request: Request, done: Done, position: int) -> Answer:
    """The answer to one action."""
    if done.found is not None:
        found = done.found
        headers = stamps(found.ver, found.upd)
        headers.append((b"location", location(engine, found.type_name, found.id, found.ver).encode()))
        return Answer(200, b"", headers)
    written = done.written
    if written is None or done.more:  # a conditional delete of nothing, or of several
        return Answer(204, b"", [(b"fvm-position", b"%d" % position)])
    if written.row is not None:
        return stored(engine, request, written.row, position, _STATUS[written.outcome])
    headers = stamps(written.ver, written.upd)
    headers.append((b"fvm-position", b"%d" % position))
    return Answer(204, b"", headers)


def location(engine: Engine, type_name: str, id: str, ver: int) -> str:
    return f"{engine.mount.base}/{type_name}/{id}/_history/{ver}"
