"""Bookings: what may happen to a time and to who has it (http://hl7.org/fhir/R4/appointment.html); pure.

A time is a Slot of a Schedule. Who has it is an Appointment that names it. What takes a time holds it alone, whatever door it
came by (vis.care.calendar).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fhircore.identifiers import HSA
from fhircore.moments import SWEDEN
from kit.caller import Caller
from vis.care.asking import NotNow, NotYours, person

Resource = dict[str, Any]
LIVE = frozenset(("pending", "booked", "arrived", "checked-in", "fulfilled"))  # an Appointment that takes its times
HELD = timedelta(minutes=5)  # how long a time is somebody's before it is booked
MOST = 5  # times to come that a patient books alone; more by the clinic
NOTICE = timedelta(hours=24)  # until then a patient calls off or moves a booking alone; later they call the clinic
OPEN = (
    "urn:fvm:slot",
    "open-to-patients",
)  # a tag: the unit lets patients book this time, or this kind of visit, themselves
BOOKED_BY = "urn:fvm:booked-by"  # an extension: who booked it
MOVED = {"system": "urn:fvm:booking", "code": "rebooked", "display": "Ombokad"}
REASONS = {
    "pat": "Patienten avbokade",
    "prov": "Mottagningen avbokade",
    "prov-pers": "Den som skulle ta emot kan inte",
    "oth-err": "Felbokad",
    "other": "Annat skäl",
}
_BY_PATIENT = {"code": "pat-cpp", "display": "Patienten avbokade själv"}
_REASON_SYSTEM = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
_SLOT = re.compile(r"(?:^|/)Slot/([A-Za-z0-9\-.]{1,64})(?:/_history/\d+)?$")
GONE = "Tiden är inte ledig längre. Välj en annan tid"


def moment(text: object) -> datetime:
    """An instant of FHIR, in UTC. Raises ValueError where there is none."""
    found = datetime.fromisoformat(str(text))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def slots(appointment: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the times that it names."""
    found = (_SLOT.search(str(one.get("reference", ""))) for one in appointment.get("slot", ()))
    return tuple(dict.fromkeys(one[1] for one in found if one))


def takes(appointment: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The ids of the times that it holds now: none when it is called off, or only wished for."""
    return slots(appointment) if appointment is not None and appointment.get("status") in LIVE else ()


def patient(appointment: Mapping[str, Any]) -> str:
    """The id of who comes, "" where nobody is named."""
    return next((name.removeprefix("Patient/") for name in _named(appointment) if name.startswith("Patient/")), "")


def services(appointment: Mapping[str, Any]) -> tuple[str, ...]:
    """The clinics that it is at, as HealthcareService/id."""
    return tuple(name for name in _named(appointment) if name.startswith("HealthcareService/"))


def _named(appointment: Mapping[str, Any]) -> list[str]:
    return [str(one.get("actor", {}).get("reference", "")) for one in appointment.get("participant", ())]


def is_open(resource: Resource) -> bool:
    """Whether patients may book it themselves."""
    tags = resource.get("meta", {}).get("tag", ())
    return any((one.get("system"), one.get("code")) == OPEN for one in tags)


def bookable(slot: Resource, caller: Caller, at: datetime) -> None:
    """Raises NotNow, NotYours when this time is none that the caller may take for somebody."""
    if caller.kind == "patient" and not is_open(slot):
        raise NotYours("Den här tiden bokas av mottagningen. Ring dem")
    if slot.get("status") != "free":
        raise NotNow(GONE)
    if moment(slot["start"]) <= at:
        raise NotNow("Tiden har passerat. Välj en annan tid")


def room_for(
    coming: Sequence[tuple[datetime, datetime]], since: datetime, until: datetime, *, moves: bool = False
) -> None:
    """Raises NotNow where a patient who books alone has another time then, or, unless one is moved, as many as one may have."""
    if any(begins < until and since < ends for begins, ends in coming):
        raise NotNow("Det finns redan en bokad tid då. Boka om den, eller välj en annan tid")
    if len(coming) >= MOST and not moves:
        raise NotNow(f"{MOST} tider är redan bokade. Avboka en som inte behövs, eller ring mottagningen")


def booked(
    slot: Resource, schedule: Resource, who: str, id: str, reason: str, caller: Caller, at: datetime
) -> Resource:
    """The booking of a time for a patient (`who`, an id)."""
    start, end = moment(slot["start"]), moment(slot["end"])
    coming = {"actor": {"reference": f"Patient/{who}"}, "required": "required", "status": "accepted"}
    there = [{"actor": actor, "required": "required", "status": "accepted"} for actor in schedule.get("actor", ())]
    made = {
        "resourceType": "Appointment",
        "id": id,
        "extension": [{"url": BOOKED_BY, "valueReference": _by(caller)}],
        "status": "booked",
        "serviceType": slot.get("serviceType") or schedule.get("serviceType") or [],
        "description": reason,
        "slot": [{"reference": f"Slot/{slot['id']}"}],
        "start": slot["start"],
        "end": slot["end"],
        "minutesDuration": int((end - start).total_seconds() // 60),
        "created": at.isoformat(timespec="seconds"),
        "participant": [coming, *there],
    }
    return {name: value for name, value in made.items() if value not in ("", [])}


def waiting(service: Resource, who: str, id: str, reason: str, caller: Caller, at: datetime) -> Resource:
    """A place in the queue of a HealthcareService, until there is a time."""
    there = {"reference": f"HealthcareService/{service['id']}", "display": service.get("name", "")}
    made = {
        "resourceType": "Appointment",
        "id": id,
        "extension": [{"url": BOOKED_BY, "valueReference": _by(caller)}],
        "status": "waitlist",
        "description": reason,
        "created": at.isoformat(timespec="seconds"),
        "participant": [
            {"actor": {"reference": f"Patient/{who}"}, "required": "required", "status": "accepted"},
            {"actor": {name: value for name, value in there.items() if value}, "status": "needs-action"},
        ],
    }
    return {name: value for name, value in made.items() if value != ""}


def may_move(appointment: Resource, caller: Caller, at: datetime) -> None:
    """Raises NotNow where it cannot be called off or moved by this caller now."""
    status = appointment.get("status")
    if status == "cancelled":
        raise NotNow("Bokningen är redan avbokad. Läs om sidan")
    if status not in ("booked", "pending", "proposed", "waitlist"):
        raise NotNow("Besöket har redan börjat eller är över")
    if caller.kind == "patient" and "start" in appointment and moment(appointment["start"]) - at < NOTICE:
        raise NotNow("Det är mindre än 24 timmar kvar. Ring mottagningen i stället")


def cancelled(appointment: Resource, code: str, said: str, caller: Caller, at: datetime) -> Resource:
    """The booking, called off; `code` is one of REASONS where staff do it."""
    may_move(appointment, caller, at)
    coding = _BY_PATIENT if caller.kind == "patient" else {"code": code, "display": REASONS[code]}
    return _ended(appointment, [{"system": _REASON_SYSTEM, **coding}], said)


def moved(appointment: Resource, caller: Caller, at: datetime) -> Resource:
    """The booking that another one stands for now."""
    may_move(appointment, caller, at)
    coding = _BY_PATIENT if caller.kind == "patient" else {"code": "other", "display": REASONS["other"]}
    return _ended(appointment, [MOVED, {"system": _REASON_SYSTEM, **coding}], "")


def _ended(appointment: Resource, coding: list[Resource], said: str) -> Resource:
    words = coding[0]["display"]
    reason = {"coding": coding, "text": f"{words}. {said}" if said else words}
    return appointment | {"status": "cancelled", "cancelationReason": reason}


def arrived(appointment: Resource, at: datetime) -> Resource:
    """The patient is here."""
    _must_be(appointment, "booked", "pending")
    if moment(appointment["start"]).astimezone(SWEDEN).date() != at.astimezone(SWEDEN).date():
        raise NotNow("Besöket är inte i dag. Boka om det om patienten kommer nu")
    return appointment | {"status": "arrived"}


def missed(appointment: Resource, at: datetime) -> Resource:
    """The patient did not come."""
    _must_be(appointment, "booked", "pending")
    if moment(appointment["start"]) > at:
        raise NotNow("Besöket har inte börjat än")
    return appointment | {"status": "noshow"}


def kept(appointment: Resource, at: datetime) -> Resource:
    """The visit has been."""
    _must_be(appointment, "booked", "pending", "arrived", "checked-in")
    if moment(appointment["start"]) > at and appointment["status"] in ("booked", "pending"):
        raise NotNow("Besöket har inte börjat än")
    return appointment | {"status": "fulfilled"}


def taken(slot: Resource) -> Resource:
    """The time, not free any more. Raises NotNow when it was not."""
    if slot.get("status") != "free":
        raise NotNow(GONE)
    return slot | {"status": "busy"}


def freed(slot: Resource) -> Resource:
    """The time, free again; what the clinic has closed stays closed."""
    return slot | {"status": "free"} if slot.get("status") == "busy" else slot


def _must_be(appointment: Resource, *statuses: str) -> None:
    if appointment.get("status") not in statuses:
        raise NotNow("Bokningen har ändrats. Läs om sidan")
    if "start" not in appointment:
        raise NotNow("Bokningen har ingen tid")


def _by(caller: Caller) -> Resource:
    if caller.kind == "staff":
        return person(caller)
    return {"reference": f"Patient/{caller.subject}"}


def is_by(appointment: Resource, caller: Caller) -> bool:
    """Whether this person booked it."""
    for one in appointment.get("extension", ()):
        if one.get("url") == BOOKED_BY:
            by = one.get("valueReference", {})
            known = by.get("identifier", {})
            staff = known.get("value") if known.get("system") == HSA else ""
            return caller.subject in (staff, str(by.get("reference", "")).removeprefix("Patient/"))
    return False
