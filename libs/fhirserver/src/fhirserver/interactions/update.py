"""update: a new version, or a resource under an id of the client's (http://hl7.org/fhir/R4/http.html#update)."""

from fhirserver import answers
from fhirserver.engine import Engine
from fhirserver.intake import draft, require_context
from fhirserver.messages import Answer, Request
from fhirserver.performing import Action, perform
from fhirserver.problems import Invalid, NotSupported


async def update(engine: Engine, request: Request, type_name: str, id: str) -> Answer:
    """200, or 201 when it did not exist; 412 when If-Match names another version than the current one."""
    found = draft(request.body, type_name)
    if found.data.get("id") != id:
        raise Invalid(f"The id in the body must be the id in the address ({id})", at=f"{type_name}.id")
    for name in (b"if-none-match", b"if-none-exist"):
        if request.header(name) is not None:
            raise NotSupported("An update takes If-Match; other conditions are not supported", at=name.decode())
    patient = require_context(request, type_name, creating=False)
    action = Action(
        "PUT", type_name, type_name, id, found.raw, found.data, if_match=request.if_match(), patient=patient
    )
    return await perform(
        engine, request, "update", [action], lambda done, position: answers.single(engine, request, done[0], position)
    )
