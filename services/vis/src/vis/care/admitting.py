"""Admission and beds: the operations of a stay, each once however often it is sent; who lies where is the ward's to say."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from fhirserver import answers
from fhirserver.actions import Action
from fhirserver.bodies import parsed, written_exactly
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import checked, require_context
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from fhirserver.problems import Forbidden, Gone, Invalid, NotFound, VersionConflict
from kit.caller import Caller
from vis.care import stays
from vis.care.asking import NotNow, NotYours, parameters, person, staff, text
from vis.care.beds import is_bed
from vis.care.changing import Change, changed, current
from vis.care.stays import Bed
from vis.care.tasks import unit

Resource = dict[str, Any]
Make = Callable[[Resource], Resource]
_TYPE = "Encounter"
# v2-0116: a bed that nobody may be put in now, and why.
_NOT_NOW = {"C": "är stängd", "H": "städas", "K": "är inte smittstädad"}


async def admit(engine: Engine, request: Request, id: str) -> Answer:
    """A new stay of the patient at the caller's unit, 201; 200 when this `id` is there already.

    With `bed` the patient is admitted to it, else waited for. Parameters id, bed, cause, planned-end.
    """
    known = {"id": "valueId", "bed": "valueId", "cause": "valueString", "planned-end": "valueDate"}
    asked = parameters(request, known)
    staff(request.caller)
    if require_context(request, "Patient", creating=False) != id:
        raise Forbidden("The stay is not of the patient in context", at="FVM-Patient")
    stay = _uuid(text(asked, "id", most=64, needed=True))
    standing = await _standing(engine, request, stay, id)
    if standing is not None:
        return standing
    who, _ = await current(engine, request, "Patient", id)
    if who.get("deceasedBoolean") or who.get("deceasedDateTime"):
        raise NotNow("Patienten är avliden och kan inte skrivas in")
    now = datetime.now(UTC)
    cause = text(asked, "cause", most=200)
    made = stays.planned(stays.new(stay, id, unit(request.caller), cause, person(request.caller)), _day(asked))
    if bed := text(asked, "bed", most=64):
        made = stays.admitted(made, await _bed(engine, request, bed), now)
    raw = written_exactly(made)
    draft = checked(raw, parsed(raw), _TYPE)
    action = Action("PUT", _TYPE, _TYPE, stay, draft.raw, draft.data, patient=id, must_be_new=True, by="admit")
    try:
        return await perform(engine, request, "create", [action], partial(answers.alone, engine, request))
    except VersionConflict:  # the same form was sent twice at the same time
        standing = await _standing(engine, request, stay, id)
        if standing is None:
            raise
        return standing


async def admit_awaited(engine: Engine, request: Request, id: str) -> Answer:
    """A patient who is waited for is admitted to `bed`; 409 when the bed is taken, or the patient is here already."""
    asked = parameters(request, {"bed": "valueId"})
    staff(request.caller)
    bed = await _bed(engine, request, text(asked, "bed", most=64, needed=True))
    return await _lies(engine, request, id, bed, lambda stay: stays.admitted(stay, bed, datetime.now(UTC)))


async def move(engine: Engine, request: Request, id: str) -> Answer:
    """To another `bed` of the ward; `from` is where the patient lay when it was decided."""
    asked = parameters(request, {"bed": "valueId", "from": "valueId"})
    staff(request.caller)
    bed = await _bed(engine, request, text(asked, "bed", most=64, needed=True))
    was = text(asked, "from", most=64)
    return await _lies(engine, request, id, bed, lambda stay: stays.moved(stay, bed, datetime.now(UTC), was))


async def swap(engine: Engine, request: Request, id: str) -> Answer:
    """Two patients change beds, both or neither: `with` is the other's stay, `patient` whose it is."""
    asked = parameters(request, {"with": "valueId", "patient": "valueId"})
    staff(request.caller)
    mine = require_context(request, _TYPE)
    other, whose = text(asked, "with", most=64, needed=True), text(asked, "patient", most=64, needed=True)
    here, _ = await current(engine, request, _TYPE, id)
    there, _ = await current(engine, request, _TYPE, other)
    if other == id or not stays.bed_of(here) or not stays.bed_of(there):
        raise NotNow("Båda patienterna måste ligga på en plats. Läs om sidan")
    now = datetime.now(UTC)
    beds = [await _bed(engine, request, stays.bed_of(one)) for one in (here, there)]

    def into(bed: Bed, was: Bed) -> Change:
        return Change(lambda stay: stays.moved(stay, bed, now, was.id))

    actions = [
        Action("PATCH", _TYPE, _TYPE, id, patch=into(beds[1], beds[0]), patient=mine, by="swap"),
        Action("PATCH", _TYPE, _TYPE, other, patch=into(beds[0], beds[1]), patient=whose, by="swap"),
    ]
    return await perform(engine, request, "update", actions, partial(answers.alone, engine, request))


async def discharge(engine: Engine, request: Request, id: str) -> Answer:
    """The stay is over and the bed free; `to` is a code of where the patient goes (home, alt-home, rehab, …)."""
    asked = parameters(request, {"to": "valueCode"})
    staff(request.caller)
    to = text(asked, "to", most=20, needed=True)
    if to not in stays.DISPOSITIONS:
        raise Invalid(f"'to' is one of {', '.join(stays.DISPOSITIONS)}", at="to")
    stay, answer = await current(engine, request, _TYPE, id)
    if stay.get("status") == "finished" and stays.discharged_to(stay) == to:
        return answer
    return await _changed(engine, request, id, lambda stay: stays.discharged(stay, to, datetime.now(UTC)))


async def leave(engine: Engine, request: Request, id: str) -> Answer:
    """The patient is on leave and keeps the bed. No parameters."""
    return await _once(engine, request, id, "onleave", stays.left)


async def come_back(engine: Engine, request: Request, id: str) -> Answer:
    """The patient is back. No parameters."""
    return await _once(engine, request, id, "in-progress", stays.returned)


async def cancel(engine: Engine, request: Request, id: str) -> Answer:
    """A patient who is waited for does not come. No parameters."""
    return await _once(engine, request, id, "cancelled", stays.cancelled)


async def plan(engine: Engine, request: Request, id: str) -> Answer:
    """The day the patient is thought to leave (`planned-end`); without it: not known."""
    asked = parameters(request, {"planned-end": "valueDate"})
    staff(request.caller)
    day = _day(asked)
    return await _changed(engine, request, id, lambda stay: stays.planned(stay, day))


async def _once(
    engine: Engine, request: Request, id: str, status: str, make: Callable[[Resource, datetime], Resource]
) -> Answer:
    parameters(request, {})
    staff(request.caller)
    stay, answer = await current(engine, request, _TYPE, id)
    if stay.get("status") == status:
        return answer
    return await _changed(engine, request, id, lambda stay: make(stay, datetime.now(UTC)))


async def _lies(engine: Engine, request: Request, id: str, bed: Bed, make: Make) -> Answer:
    """Nothing is written when the patient lies there already."""
    stay, answer = await current(engine, request, _TYPE, id)
    if stay.get("status") in stays.STAYING and stays.bed_of(stay) == bed.id:
        return answer
    return await _changed(engine, request, id, make)


async def _changed(engine: Engine, request: Request, id: str, make: Make) -> Answer:
    return await changed(engine, request, _TYPE, id, "update", make)


async def _standing(engine: Engine, request: Request, stay: str, patient: str) -> Answer | None:
    """The answer of a stay that is there already. Raises NotNow when it is another patient's."""
    try:
        found, answer = await current(engine, request, _TYPE, stay)
    except (NotFound, Gone):
        return None
    if found.get("subject", {}).get("reference") != f"Patient/{patient}":
        raise NotNow("Id:t används redan för något annat. Läs om sidan")
    return answer


async def _bed(engine: Engine, request: Request, id: str) -> Bed:
    """A bed of the caller's own unit that may be used now: whose bed it is decides whose stay it is, and who reads it."""
    try:
        found, _ = await current(engine, request, "Location", id)
    except (NotFound, Gone):
        raise Invalid("Platsen finns inte", at="bed") from None
    if not is_bed(found):
        raise Invalid(f"{found.get('name', 'Det här')} är ingen vårdplats", at="bed")
    bed = Bed(id, str(found.get("name") or "Platsen"), str(found.get("managingOrganization", {}).get("reference", "")))
    _own(bed, found, request.caller)
    why = "är stängd" if found.get("status", "active") != "active" else ""
    why = why or _NOT_NOW.get(str(found.get("operationalStatus", {}).get("code", "")), "")
    if why:
        raise NotNow(f"{bed.name} {why}. Välj en annan plats")
    return bed


def _own(bed: Bed, location: Resource, caller: Caller) -> None:
    if bed.unit and bed.unit != unit(caller)["reference"]:
        whose = location.get("managingOrganization", {}).get("display") or "en annan enhet"
        raise NotYours(f"{bed.name} hör till {whose}. Den som arbetar där skriver in")


def _day(asked: Resource) -> date | None:
    value = text(asked, "planned-end", most=10)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise Invalid("Dagen skrivs som 2026-11-23", at="planned-end") from None


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise Invalid("'id' är ett UUID", at="id") from None


OPERATIONS = (
    Brought(
        "Patient",
        "admit",
        "A new stay at the caller's unit (id, bed, cause, planned-end). Answers the Encounter.",
        admit,
    ),
    Brought(_TYPE, "admit", "A patient who is waited for is admitted to a bed (bed).", admit_awaited),
    Brought(_TYPE, "move", "The patient is moved to another bed of the ward (bed, from).", move),
    Brought(_TYPE, "swap", "Two patients change beds, both or neither (with, patient).", swap),
    Brought(_TYPE, "discharge", "The stay is over and the bed free (to: where the patient goes).", discharge),
    Brought(_TYPE, "leave-of-absence", "The patient is on leave and keeps the bed. No parameters.", leave),
    Brought(_TYPE, "return", "The patient is back from leave. No parameters.", come_back),
    Brought(_TYPE, "plan-discharge", "The day the patient is thought to leave (planned-end).", plan),
    Brought(_TYPE, "cancel-admission", "A patient who is waited for does not come. No parameters.", cancel),
)
