"""$wait: a place in a clinic's queue where no time suits; a booking made from it ($rebook) or $cancel ends it."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

import msgspec

from access import Label
from fhirserver import answers
from fhirserver.actions import Action
from fhirserver.bodies import parsed
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import ID, checked, new_ids
from fhirserver.interactions.search import search
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from fhirserver.problems import Invalid, NotFound, VersionConflict
from vis.care import bookings
from vis.care.asking import NotNow, NotYours, parameters, text
from vis.care.free_times import for_whom, may_book, owner, registers

Resource = dict[str, Any]
_TYPE = "Appointment"


async def wait(engine: Engine, request: Request, id: str) -> Answer:
    """201 with the Appointment, `waitlist`; parameters `id` and `reason`. 200 where the patient stands in this queue already."""
    asked = parameters(request, {"id": "valueString", "reason": "valueString"})
    name, reason = text(asked, "id", most=64) or new_ids(1)[0], text(asked, "reason", most=500, needed=True)
    if not ID.fullmatch(name):
        raise Invalid("An id is 1 to 64 of the characters A-Z a-z 0-9 - .", at="id")
    patient = await for_whom(engine, request)
    service = (await registers(engine, f"HealthcareService/{id}")).get(f"HealthcareService/{id}")
    if service is None or not service.get("active", True):
        raise NotFound("There is no such clinic", at="HealthcareService")
    if request.caller.kind == "patient" and not bookings.is_open(service):
        raise NotYours("Den här mottagningen bokas inte på nätet. Ring dem")
    label = await owner(engine, service)
    await may_book(engine, request, label, patient)
    standing = await _standing(engine, request, id, patient)
    if standing is not None:
        return standing
    made = bookings.waiting(service, patient, name, reason, request.caller, datetime.now(UTC))
    try:
        return await perform(
            engine, request, "create", [_new(made, patient, label)], partial(answers.alone, engine, request)
        )
    except VersionConflict:  # the same press twice at the same moment, or an id that is another booking's
        standing = await _standing(engine, request, id, patient)
        if standing is None:
            raise NotNow("Formuläret är redan skickat. Läs om sidan") from None
        return standing


def _new(made: Resource, patient: str, label: Label) -> Action:
    raw = msgspec.json.encode(made)
    draft = checked(raw, parsed(raw), _TYPE)
    action = Action(
        "PUT", _TYPE, _TYPE, made["id"], draft.raw, draft.data, must_be_new=True, patient=patient, by="wait"
    )
    action.label = label
    return action


async def _standing(engine: Engine, request: Request, service: str, patient: str) -> Answer | None:
    """The place that the patient has in this queue, as the caller may see it."""
    pairs = [("patient", f"Patient/{patient}"), ("status", "waitlist"), ("actor", f"HealthcareService/{service}")]
    asking = replace(request, method="GET", path=(_TYPE,), query=urlencode(pairs), headers={}, body=b"")
    for one in parsed((await search(engine, asking, _TYPE)).body).get("entry", ()):
        if one["resource"]["resourceType"] == _TYPE:
            return Answer(200, msgspec.json.encode(one["resource"]))
    return None


OPERATIONS = (
    Brought(
        "HealthcareService",
        "wait",
        "The patient waits for a time at this clinic: parameters id and reason. Answers the Appointment.",
        wait,
        patients=True,
    ),
)
