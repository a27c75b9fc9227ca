"""patch: JSON Patch or FHIRPath Patch of one resource, by its id or by a condition (http://hl7.org/fhir/R4/http.html#patch)."""

from functools import partial

from fhirserver import answers, conditions
from fhirserver.engine import Engine
from fhirserver.intake import require_context
from fhirserver.messages import Answer, Request
from fhirserver.patching import patch_of
from fhirserver.performing import Action, perform
from fhirserver.problems import NotSupported


async def patch(engine: Engine, request: Request, type_name: str, id: str | None = None) -> Answer:
    """200 with the new version; 404 or 410 when it is not there, 412 when If-Match names another version or the condition
    points out several, 409 when a `test` does not hold, 422 when the patch cannot be done or what comes out is not valid.

    The patch is done on the version that is current when the write is made, which nobody can change meanwhile.
    """
    refuse_subscription(type_name, type_name)
    request.refuse(b"if-none-exist", b"if-none-match")
    made = patch_of(request.body, request.header(b"content-type") or "", "Patch")
    patient = require_context(request, type_name, creating=False)
    action = Action("PATCH", type_name, type_name, id, patch=made, if_match=request.if_match(), patient=patient)
    if id is None:
        action.condition = conditions.in_address(request, type_name)
    return await perform(engine, request, "patch", [action], partial(answers.alone, engine, request))


def refuse_subscription(type_name: str, at: str) -> None:
    """Its secrets are not in what is stored, so what a patch makes of that is not what was meant."""
    if type_name == "Subscription":
        raise NotSupported("A Subscription is changed by PUT, with all that it shall have", at=at)
