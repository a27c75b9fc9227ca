"""delete: a tombstone (http://hl7.org/fhir/R4/http.html#delete); people mark as entered in error instead (D4)."""

from fhirserver import answers
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.performing import Action, perform
from fhirserver.problems import NotAllowed


async def delete(engine: Engine, request: Request, type_name: str, id: str) -> Answer:
    """204; also when it is deleted already. 404 when it never was, or may not be known of."""
    refuse_people(request)
    action = Action("DELETE", type_name, type_name, id, if_match=request.if_match())
    return await perform(
        engine, request, "delete", [action], lambda done, position: answers.single(engine, request, done[0], position)
    )


def refuse_people(request: Request) -> None:
    """A record is not deleted by people: what is wrong is marked as such and stays readable."""
    if request.caller.kind != "system":
        raise NotAllowed("A record is not deleted: write it again with the status entered-in-error", at="DELETE")
