"""$book, $rebook and $cancel by staff and patients; $arrive, $noshow and $fulfil by staff. Whoever comes second is told."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from fhirserver import answers
from fhirserver.actions import Action
from fhirserver.bodies import parsed
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import ID, checked, new_ids
from fhirserver.interactions.read import read
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from fhirserver.problems import Invalid, NotFound, VersionConflict
from vis.care import bookings, calendar
from vis.care.asking import NotNow, NotYours, parameters, staff, text
from vis.care.changing import Change, changed, current
from vis.care.free_times import Offer, for_whom, may_book, offered, owner, registers

Resource = dict[str, Any]
Make = Callable[[Resource, datetime], Resource]
_TYPE = "Appointment"
_CHANGED = "Bokningen har ändrats sedan du öppnade den. Läs om sidan"


async def book(engine: Engine, request: Request, id: str) -> Answer:
    """201 with the Appointment; parameters `id` (of the booking, so that it is made once) and `reason`. 409 when it is taken."""
    name, reason, _ = _asked(request)
    patient, offer = await for_whom(engine, request), await offered(engine, id)
    await may_book(engine, request, offer.label, patient)
    standing = await _stands(engine, request, name, patient, id)
    if standing is not None:
        return standing
    try:
        bookings.bookable(offer.slot, request.caller, datetime.now(UTC))
        await _room(engine, request, offer, patient)
        actions = [_new(request, offer, patient, name, reason), _slot(id, bookings.taken)]
        return await perform(engine, request, "create", actions, partial(answers.alone, engine, request))
    except (NotNow, VersionConflict):  # the same press twice at the same moment
        standing = await _stands(engine, request, name, patient, id)
        if standing is None:
            raise
        return standing


async def rebook(engine: Engine, request: Request, id: str) -> Answer:
    """201 with the new Appointment, and the old one is called off, or nothing; parameters `slot`, `id` and `reason`."""
    name, reason, wanted = _asked(request, moving=True)
    patient, offer = await for_whom(engine, request), await offered(engine, wanted)
    await may_book(engine, request, offer.label, patient)
    old, _ = await current(engine, request, _TYPE, id)
    await _theirs(engine, request, old, patient)
    standing = await _stands(engine, request, name, patient, wanted)
    if standing is not None:
        return standing
    if wanted in bookings.slots(old):
        raise NotNow("Patienten har redan den tiden")
    now = datetime.now(UTC)
    reason = reason or str(old.get("description", ""))
    try:
        bookings.may_move(old, request.caller, now)
        bookings.bookable(offer.slot, request.caller, now)
        await _room(engine, request, offer, patient, f"{_TYPE}/{id}")
        kept = {"basedOn": old["basedOn"]} if old.get("basedOn") else {}  # the referral that it is a time for
        moved = {"supportingInformation": [{"reference": f"{_TYPE}/{id}"}], **kept}
        new = _new(request, offer, patient, name, reason, moved)
        moving = Change(_as_read(old, lambda one: bookings.moved(one, request.caller, now)))
        away = Action(
            "PATCH", _TYPE, _TYPE, id, patch=moving, if_match=request.if_match(), patient=patient, by="rebook"
        )
        freed = await _freed(engine, old)
        actions = [new, away, *freed, _slot(wanted, bookings.taken)]
        return await perform(engine, request, "update", actions, partial(answers.alone, engine, request))
    except (NotNow, VersionConflict):
        standing = await _stands(engine, request, name, patient, wanted)
        if standing is None:
            raise
        return standing


async def cancel(engine: Engine, request: Request, id: str) -> Answer:
    """200; staff say `reason` (pat, prov, prov-pers, oth-err, other) and may say `comment`. Patients until 24 hours before."""
    asked = parameters(request, {"reason": "valueCode", "comment": "valueString"})
    caller, code, said = request.caller, text(asked, "reason", most=20), text(asked, "comment", most=500)
    if caller.kind != "patient":
        staff(caller)
        if code not in bookings.REASONS:
            raise Invalid(f"'reason' is one of {', '.join(bookings.REASONS)}", at="reason")
    patient = await for_whom(engine, request)
    old, answer = await current(engine, request, _TYPE, id)
    if old.get("status") == "cancelled":
        return answer
    await _theirs(engine, request, old, patient)
    now = datetime.now(UTC)
    make = _as_read(old, lambda one: bookings.cancelled(one, code, said, caller, now))
    return await changed(engine, request, _TYPE, id, "update", make, *await _freed(engine, old))


async def _visit(engine: Engine, request: Request, id: str, done: str, make: Make) -> Answer:
    """A step of the visit itself, by staff; again: nothing is written."""
    parameters(request, {})
    staff(request.caller)
    patient = await for_whom(engine, request)
    old, answer = await current(engine, request, _TYPE, id)
    if old.get("status") == done:
        return answer
    await _theirs(engine, request, old, patient)
    now = datetime.now(UTC)
    return await changed(engine, request, _TYPE, id, "update", lambda one: make(one, now))


async def arrive(engine: Engine, request: Request, id: str) -> Answer:
    """200; on the day of the visit."""
    return await _visit(engine, request, id, "arrived", bookings.arrived)


async def noshow(engine: Engine, request: Request, id: str) -> Answer:
    """200; when the visit should have begun."""
    return await _visit(engine, request, id, "noshow", bookings.missed)


async def fulfil(engine: Engine, request: Request, id: str) -> Answer:
    """200; the visit has been."""
    return await _visit(engine, request, id, "fulfilled", bookings.kept)


def _asked(request: Request, *, moving: bool = False) -> tuple[str, str, str]:
    """The id that the booking gets, why the patient comes, and the time that it is moved to."""
    known = {"id": "valueString", "reason": "valueString"} | ({"slot": "valueString"} if moving else {})
    asked = parameters(request, known)
    name = text(asked, "id", most=64) or new_ids(1)[0]
    if not ID.fullmatch(name):
        raise Invalid("An id is 1 to 64 of the characters A-Z a-z 0-9 - .", at="id")
    return name, text(asked, "reason", most=500), text(asked, "slot", most=64, needed=moving)


def _new(request: Request, offer: Offer, patient: str, id: str, reason: str, more: Resource | None = None) -> Action:
    """The Appointment to be made; it is the unit's whose time it is, also where a patient books."""
    now = datetime.now(UTC)
    made = bookings.booked(offer.slot, offer.schedule, patient, id, reason, request.caller, now) | (more or {})
    raw = msgspec.json.encode(made)
    draft = checked(raw, parsed(raw), _TYPE)
    action = Action("PUT", _TYPE, _TYPE, id, draft.raw, draft.data, must_be_new=True, patient=patient, by="book")
    action.label = offer.label
    return action


async def _room(engine: Engine, request: Request, offer: Offer, patient: str, but: str = "") -> None:
    """Raises NotNow where a patient books more than one may alone, or two times at once; `but` is the booking that is moved."""
    if request.caller.kind == "patient":
        people = engine.persons.expanded(engine.keys.of(f"Patient/{patient}"))
        standing = await calendar.coming(engine.db.pool, people, engine.keys.of(but))
        bookings.room_for(standing, offer.time.since, offer.time.until, moves=bool(but))


def _slot(id: str, make: Callable[[Resource], Resource]) -> Action:
    return Action("PATCH", "Slot", "Slot", id, patch=Change(make), by="book")


def _as_read(old: Resource, make: Callable[[Resource], Resource]) -> Callable[[Resource], Resource]:
    """Raises NotNow where the times of the booking are others than those that were read: others would be let go."""

    def checked_first(one: Resource) -> Resource:
        if bookings.slots(one) != bookings.slots(old):
            raise NotNow(_CHANGED)
        return make(one)

    return checked_first


async def _freed(engine: Engine, old: Resource) -> Sequence[Action]:
    """What gives the times of a booking back, where they are here."""
    known = await registers(engine, *(f"Slot/{id}" for id in bookings.slots(old)))
    return [_slot(name.partition("/")[2], bookings.freed) for name in known]


async def _stands(engine: Engine, request: Request, name: str, patient: str, slot: str) -> Answer | None:
    """The booking that this press made before; None where it made none. Raises NotNow when the id is another booking's."""
    asked = Request("GET", (_TYPE, name), "", {}, b"", request.caller, request.sight)
    try:
        answer = await read(engine, asked, _TYPE, name)
    except NotFound:
        return None
    found = parsed(answer.body)
    same = (bookings.patient(found), bookings.slots(found)) == (patient, (slot,))
    if not same or not bookings.is_by(found, request.caller):
        raise NotNow("Formuläret är redan skickat, för en annan tid. Läs om sidan och välj igen")
    return answer


async def _theirs(engine: Engine, request: Request, old: Resource, patient: str) -> None:
    """Raises NotYours where the booking is another patient's than the one in context, or another unit's."""
    named = engine.keys.of(f"Patient/{bookings.patient(old)}")
    if named not in engine.persons.expanded(engine.keys.of(f"Patient/{patient}")):
        raise NotYours("Bokningen gäller en annan patient")
    for id in bookings.slots(old):
        if f"Slot/{id}" in await registers(engine, f"Slot/{id}"):
            await may_book(engine, request, (await offered(engine, id)).label, patient)
    for service in (await registers(engine, *bookings.services(old))).values():
        await may_book(engine, request, await owner(engine, service), patient)


OPERATIONS = (
    Brought(
        "Slot",
        "book",
        "The patient gets this time: parameters id and reason. Answers the Appointment.",
        book,
        patients=True,
    ),
    Brought(
        _TYPE,
        "rebook",
        "Another time instead (slot, id, reason): the old one goes in the same moment.",
        rebook,
        patients=True,
    ),
    Brought(
        _TYPE, "cancel", "The booking is called off (reason, comment) and its time is free.", cancel, patients=True
    ),
    Brought(_TYPE, "arrive", "The patient is here. No parameters.", arrive),
    Brought(_TYPE, "noshow", "The patient did not come. No parameters.", noshow),
    Brought(_TYPE, "fulfil", "The visit has been. No parameters.", fulfil),
)
