"""update: a new version, or a resource under an id of the client's, or of the one that a condition points out.

http://hl7.org/fhir/R4/http.html#update and #cond-update
"""

from functools import partial

from fhirserver import answers, conditions
from fhirserver.engine import Engine
from fhirserver.intake import draft, require_context
from fhirserver.messages import Answer, Request
from fhirserver.performing import Action, perform
from fhirserver.problems import Invalid


async def update(engine: Engine, request: Request, type_name: str, id: str) -> Answer:
    """200, or 201 when it did not exist; 412 when If-Match names another version than the current one, or when it exists and
    If-None-Match: * says that it must not."""
    found = draft(request.body, type_name)
    if found.data.get("id") != id:
        raise Invalid(f"The id in the body must be the id in the address ({id})", at=f"{type_name}.id")
    action = _action(request, type_name)
    action.id, action.raw, action.data = id, found.raw, found.data
    return await perform(engine, request, "update", [action], partial(answers.alone, engine, request))


async def conditional_update(engine: Engine, request: Request, type_name: str) -> Answer:
    """PUT Type?query: 201 when nothing matches, 200 when one does; 412 when several do, 400 when the body has another id,
    409 when nothing matches and the id of the body is in use."""
    found = draft(request.body, type_name)
    action = _action(request, type_name)
    action.condition = conditions.in_address(request, type_name)
    action.raw, action.data = found.raw, found.data
    return await perform(engine, request, "update", [action], partial(answers.alone, engine, request))


def _action(request: Request, type_name: str) -> Action:
    request.refuse(b"if-none-exist")
    patient = require_context(request, type_name, creating=False)
    return Action(
        "PUT", type_name, type_name, if_match=request.if_match(), must_be_new=request.must_be_new(), patient=patient
    )
