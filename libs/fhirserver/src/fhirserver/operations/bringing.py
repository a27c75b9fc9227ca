"""Running an operation that the service of this mount brings: Type/id/$name or Type/$name, by POST."""

from fhirserver.allowing import allow
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import ID
from fhirserver.messages import Answer, Request, json_only, no_parameters
from fhirserver.problems import NotFound
from fhirserver.scoped import must_reach, narrowing


async def bring(engine: Engine, request: Request, operation: Brought) -> tuple[str, Answer]:
    """The route's name for metrics, and the answer; refused to whom the type may not be changed by. A patient who may call it
    must be one who may read the type: the operation itself asks the law what it is that they see."""
    id = "" if operation.of_type else request.path[1]
    if not operation.of_type and not ID.fullmatch(id):
        raise NotFound(f"There is no {operation.type_name}/{id[:64]}", at="address")
    no_parameters(request)
    json_only(request)
    if operation.patients and request.caller.kind == "patient":
        within = narrowing(request, operation.type_name, "r")
        if within is not None and id:
            await must_reach(engine, request, operation.type_name, id, within)
    else:
        allow(engine, request, operation.type_name, "u")
    place = "" if operation.of_type else "/{id}"
    return f"{operation.type_name}{place}/${operation.name}", await operation.run(engine, request, id)
