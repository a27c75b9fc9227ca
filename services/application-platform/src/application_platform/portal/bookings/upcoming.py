"""A patient's bookings from Appointments: what is to come, what has been, and what may still be done about each (pure)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from application_platform.portal.entry import display, first, reference
from application_platform.portal.swedish import MONTHS, WEEKDAYS, Moment, moment
from application_platform.portal.values import text_of

Resource = Mapping[str, Any]
NOTICE = timedelta(hours=24)  # until then patients call off and move themselves (vis.care.bookings)
_COMING = frozenset(("booked", "pending", "arrived", "checked-in"))
_STATES = {
    "booked": "Bokad",
    "pending": "Väntar på svar",
    "arrived": "Har kommit",
    "checked-in": "Har kommit",
    "fulfilled": "Besöket är gjort",
    "cancelled": "Avbokad",
    "noshow": "Uteblev",
    "entered-in-error": "Felregistrerad",
    "waitlist": "Väntar på tid",
    "proposed": "Önskad tid",
}


@dataclass(frozen=True, slots=True)
class Booking:
    """One Appointment. `what` is the kind of visit, `why` what the patient comes for, `ended` why it was called off."""

    id: str
    version: str
    status: str
    at: Moment | None
    until: Moment | None
    what: str
    why: str = ""
    place: str = ""
    who: str = ""
    service: str = ""  # id of the HealthcareService
    slots: tuple[str, ...] = ()
    ended: str = ""
    moved: bool = False
    patient: str = ""
    made: Moment | None = None

    @property
    def waits(self) -> bool:
        """Whether it is a place in a queue, without a time yet."""
        return self.status == "waitlist"

    def when_made(self, today: date) -> str:
        """The day that it was made, as one says it to a patient."""
        return day_words(self.made.day, today) if self.made is not None else ""

    def waited(self, now: datetime) -> int:
        """Days in the queue."""
        return max(0, (now - self.made.at).days) if self.made is not None else 0

    @property
    def state(self) -> str:
        """Its status in words."""
        return "Ombokad" if self.moved else _STATES.get(self.status, self.status)

    @property
    def title(self) -> str:
        """What and where: Läkarbesök, Vårdcentralen Almvik."""
        return ", ".join(part for part in (self.what or "Besök", self.place) if part)

    @property
    def clock(self) -> str:
        """08:15–08:45, or as much as is known."""
        clocks = [one.clock for one in (self.at, self.until) if one is not None and one.clock]
        return "–".join(clocks)

    def is_coming(self, now: datetime) -> bool:
        """Whether it is still to be: not called off, and not over."""
        end = self.until or self.at
        return self.status in _COMING and end is not None and end.at > now

    def may_change(self, now: datetime) -> bool:
        """Whether it has neither begun nor ended: then staff may call it off or move it."""
        return self.status in ("booked", "pending") and self.is_coming(now)

    def patient_may_change(self, now: datetime) -> bool:
        """The same for the patient: until the day before."""
        return self.may_change(now) and self.at is not None and self.at.at - now >= NOTICE

    @property
    def leaf(self) -> tuple[str, str]:
        """The month, shortened, and the day: what stands on a leaf of a calendar."""
        if self.at is None:
            return ("", "?")
        month = MONTHS[self.at.day.month - 1]
        return (month if len(month) <= 4 else f"{month[:3]}.", str(self.at.day.day))

    def when(self, today: date) -> str:
        """To patients: i dag 13:40 · i morgon 08:15 · onsdag 9 december 08:15."""
        return when(self.at, today)

    @property
    def in_schedule(self) -> bool:
        """Whether it takes a time of a Schedule; what others booked without one is moved by them."""
        return bool(self.slots)


def when(at: Moment | None, today: date) -> str:
    """A time to come, or that has been, as one says it."""
    if at is None:
        return "utan tid"
    return f"{day_words(at.day, today)} {at.clock}".strip()


def day_words(day: date, today: date) -> str:
    """i dag · i morgon · onsdag 9 december · fredag 22 januari 2027."""
    near = {0: "i dag", 1: "i morgon", -1: "i går"}.get((day - today).days)
    year = f" {day.year}" if day.year != today.year else ""
    return near or f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}{year}"


def read(appointment: Resource) -> Booking:
    """A booking as pages show it."""
    there = {reference(part.get("actor")).partition("/")[0]: part.get("actor", {}) for part in _parts(appointment)}
    service = there.get("HealthcareService", {})
    reason = appointment.get("cancelationReason", {})
    codes = {one.get("code") for one in reason.get("coding", ()) if one.get("system") == "urn:fvm:booking"}
    return Booking(
        id=str(appointment.get("id", "")),
        version=str(appointment.get("meta", {}).get("versionId", "")),
        status=str(appointment.get("status", "")),
        at=moment(appointment.get("start")),
        until=moment(appointment.get("end")),
        what=text_of(first(appointment.get("serviceType"))) or text_of(appointment.get("appointmentType")),
        why=str(appointment.get("description", "")),
        place=display(service) or display(there.get("Location")),
        who=display(there.get("Practitioner")) or display(there.get("PractitionerRole")),
        service=reference(service).removeprefix("HealthcareService/"),
        slots=tuple(reference(one).removeprefix("Slot/") for one in appointment.get("slot", ())),
        ended=text_of(reason),
        moved="rebooked" in codes,
        patient=reference(there.get("Patient")).removeprefix("Patient/"),
        made=moment(appointment.get("created")),
    )


def next_bookings(appointments: Iterable[Resource], now: datetime) -> list[Booking]:
    """Those that are to come, the nearest first."""
    found = [one for one in map(read, appointments) if one.is_coming(now)]
    return sorted(found, key=lambda one: (_order(one), one.id))


def earlier(appointments: Iterable[Resource], now: datetime) -> list[Booking]:
    """Those that are over, missed or called off, the latest first; a wait that became a booking is not one of them."""
    found = [one for one in map(read, appointments) if not one.is_coming(now) and one.status in _STATES]
    found = [one for one in found if not one.waits and not (one.moved and one.at is None)]
    return sorted(found, key=lambda one: (_order(one), one.id), reverse=True)


def waiting(appointments: Iterable[Resource]) -> list[Booking]:
    """Places in queues, the longest wait first."""
    found = [one for one in map(read, appointments) if one.waits]
    return sorted(found, key=lambda one: (one.made.at.timestamp() if one.made else float("-inf"), one.id))


def _parts(appointment: Resource) -> list[Resource]:
    return [part for part in appointment.get("participant", ()) if isinstance(part, Mapping)]


def _order(one: Booking) -> float:
    return one.at.at.timestamp() if one.at else float("-inf")
