"""$request-countersign: who signed a note, or works with it, asks a colleague or a unit to sign it too (TASK `countersign`)."""

from datetime import UTC, datetime
from functools import partial

import msgspec

from fhirserver import answers
from fhirserver.actions import Action
from fhirserver.bodies import parsed
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import checked, require_context
from fhirserver.interactions.read import read
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from fhirserver.problems import Forbidden, NotFound
from vis.care import notes, offers, tasks
from vis.care.asking import parameters, person, staff
from vis.care.changing import Change, current
from vis.care.signing import authors

_TYPE = "DocumentReference"


async def request_countersign(engine: Engine, request: Request, id: str) -> Answer:
    """200 or 201 with the Task; parameter `who`: a person by HSA-id, or a unit. Asked again of another, it is theirs instead.

    409 while the note is unsigned, and when who wrote or signed it is asked.
    """
    asked = parameters(request, {"who": "valueReference"})
    staff(request.caller)
    to, now = offers.somebody(asked.get("who"), "who"), datetime.now(UTC)
    note, _ = await current(engine, request, _TYPE, id)
    notes.may_be_asked(note, to, await authors(engine, note))
    patient = _patient(engine, request, note)
    task = tasks.made("countersign", f"{_TYPE}/{id}", patient, to, now) | {"requester": person(request.caller)}
    standing = await _standing(engine, request, task["id"])
    if standing is None:
        raw = msgspec.json.encode(task)
        made = checked(raw, parsed(raw), "Task")
        action = Action("PUT", "Task", "Task", task["id"], made.raw, made.data, patient=patient, must_be_new=True)
    else:
        kept, answer = standing
        if kept.get("status") in tasks.OPEN and offers.same(kept.get("owner", {}), to):
            return answer
        again = {name: task[name] for name in ("status", "owner", "requester", "lastModified", "restriction")}

        def anew(kept: notes.Resource) -> notes.Resource:
            rest = {name: value for name, value in offers.settled(kept).items() if name != "executionPeriod"}
            return rest | again

        action = Action("PATCH", "Task", "Task", task["id"], patch=Change(anew), patient=patient)
    return await perform(engine, request, "update", [action], partial(answers.alone, engine, request))


def _patient(engine: Engine, request: Request, note: notes.Resource) -> str:
    """Whose note it is. Raises Forbidden where that is not the patient in context (D10)."""
    subject = str(note.get("subject", {}).get("reference", ""))
    stated = require_context(request, "Task")
    if stated and engine.keys.of(subject) not in engine.persons.expanded(engine.keys.of(f"Patient/{stated}")):
        raise Forbidden("The note is not about the patient in context", at="FVM-Patient")
    return stated or subject.removeprefix("Patient/")


async def _standing(engine: Engine, request: Request, id: str) -> tuple[notes.Resource, Answer] | None:
    """The task that asked before, as the caller may see it, and that answer."""
    asked = Request("GET", ("Task", id), "", {}, b"", request.caller, request.sight)
    try:
        answer = await read(engine, asked, "Task", id)
    except NotFound:
        return None
    return dict(parsed(answer.body)), answer


OPERATIONS = (
    Brought(
        _TYPE,
        "request-countersign",
        "A colleague or a unit is asked to sign a signed note too (who). Answers the Task.",
        request_countersign,
    ),
)
