"""delete: a tombstone (http://hl7.org/fhir/R4/http.html#delete, #cdelete); people mark as entered in error instead (D4)."""

from functools import partial

from fhirserver import answers, conditions
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.performing import Action, perform
from fhirserver.problems import NotAllowed


async def delete(engine: Engine, request: Request, type_name: str, id: str) -> Answer:
    """204; also when it is deleted already. 404 when it never was, or may not be known of."""
    refuse_people(request)
    request.refuse(b"if-none-match", b"if-none-exist")
    action = Action("DELETE", type_name, type_name, id, if_match=request.if_match())
    return await perform(engine, request, "delete", [action], partial(answers.alone, engine, request))


async def conditional_delete(engine: Engine, request: Request, type_name: str) -> Answer:
    """DELETE Type?query: 204, also when nothing matches; 412 when more match than one such request may delete."""
    refuse_people(request)
    request.refuse(b"if-none-match", b"if-none-exist", b"if-match")
    wanted = conditions.in_address(request, type_name)
    action = Action("DELETE", type_name, type_name, condition=wanted)
    return await perform(engine, request, "delete", [action], partial(answers.alone, engine, request))


def refuse_people(request: Request) -> None:
    """A record is not deleted by people: what is wrong is marked as such and stays readable."""
    if request.caller.kind != "system":
        raise NotAllowed("A record is not deleted: write it again with the status entered-in-error", at="DELETE")
