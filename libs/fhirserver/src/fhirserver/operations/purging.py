"""$purge of a resource, or of a patient with everything about them: for systems that carry out erasure orders, never for people.

Modelled on https://hl7.org/fhir/R5/patient-operation-purge.html, which R4 does not have yet.
"""

from access import ALL_SEEING, allows
from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.engine import Engine
from fhirserver.intake import ID
from fhirserver.messages import Answer, Request, all_ok, no_parameters
from fhirserver.problems import Forbidden, NotAllowed, NotFound
from fhirserver.purging import Purged, purge

SCOPE = "fvm/purge"


async def purge_asked(engine: Engine, request: Request) -> tuple[str, Answer]:
    """The route and 200 with an OperationOutcome that counts. Raises Forbidden, NotFound."""
    route = "{type}/{id}/$purge"
    match request.path:
        case (type_name, id, "$purge") if type_name in TYPES and ID.fullmatch(id):
            pass
        case _:
            raise NotFound("$purge is asked of one resource", at="address")
    if request.method != "POST":
        raise NotAllowed("$purge is a POST", at="method")
    refuse_all_but_erasure(request)
    no_parameters(request)
    async with engine.db.pool.acquire() as connection:
        async with connection.transaction():
            done = await purge(engine, connection, type_name, id)
            await engine.log.append(connection, [Entry(request.caller, "purge", done.about, done.resources)])
        engine.log.settled(connection)
    engine.wake()
    return route, Answer(200, all_ok(_words(type_name, id, done)))


def refuse_all_but_erasure(request: Request) -> None:
    """A system with the scope for it, which may delete everything; the demo's all-seeing client too."""
    caller = request.caller
    may = caller.has(SCOPE) or caller.has(ALL_SEEING)
    if caller.kind != "system" or not may or not allows(caller.scopes, "*", "d"):
        raise Forbidden(f"$purge is for system clients with system/*.cruds and {SCOPE}", at="scope")


def _words(type_name: str, id: str, done: Purged) -> str:
    text = f"{type_name}/{id}: {done.resources} resources and {done.versions} versions were removed"
    return text + (f"; {done.mentions} resources of others also name this patient and stay" if done.mentions else "")
