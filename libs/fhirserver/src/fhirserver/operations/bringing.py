"""Running an operation that the service of this mount brings: Type/id/$name, by POST."""

from fhirserver.allowing import allow
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import ID
from fhirserver.messages import Answer, Request, json_only, no_parameters
from fhirserver.problems import NotFound


async def bring(engine: Engine, request: Request, operation: Brought) -> tuple[str, Answer]:
    """The route's name for metrics, and the answer; refused to whom the type may not be changed by."""
    id = request.path[1]
    if not ID.fullmatch(id):
        raise NotFound(f"There is no {operation.type_name}/{id[:64]}", at="address")
    no_parameters(request)
    json_only(request)
    allow(engine, request, operation.type_name, "u")
    return f"{operation.type_name}/{{id}}/${operation.name}", await operation.run(engine, request, id)
