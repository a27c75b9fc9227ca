"""What needs a patient, in order of time, and the visits that are booked: from what the record and our own tables say (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from application_platform.portal.entry import Entry, display, first, reference
from application_platform.portal.mine.answers import FRESH
from application_platform.portal.swedish import WEEKDAYS, ZONE, Moment, moment, short_day
from application_platform.portal.values import codes_of, text_of

Resource = Mapping[str, Any]

_COMING = {"booked", "pending", "arrived"}
_SOON = timedelta(days=14)  # a visit nearer than this is something to do
ENDING = timedelta(days=30)  # a prescription that ends within this is worth renewing now
VIDEO = {"VR", "video", "448337001"}  # ActCode VR; SNOMED CT telemedicine consultation


@dataclass(frozen=True, slots=True)
class Todo:
    """A row of the start page; `action` is what its button says, `at` decides the order."""

    at: datetime
    icon: str
    title: str
    line: str
    href: str
    action: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A booked visit: `when` in words to a patient, `where` and `who` as they are known."""

    at: Moment
    title: str
    when: str
    where: str
    key: str
    video: bool = False

    @property
    def id(self) -> str:
        return self.key.partition("/")[2]


def greeting(now: datetime) -> str:
    """By the time of day in Sweden."""
    hour = now.astimezone(ZONE).hour
    return "God morgon" if 5 <= hour < 10 else "God kväll" if hour >= 18 or hour < 5 else "Hej"


def today_in_words(now: datetime) -> str:
    """måndag 23 november"""
    day = now.astimezone(ZONE).date()
    return f"{WEEKDAYS[day.weekday()]} {short_day(day, day)}"


def near(day: date, today: date) -> str:
    """i dag, i morgon, onsdag 9 december."""
    if day == today:
        return "i dag"
    if day == today + timedelta(days=1):
        return "i morgon"
    return f"{WEEKDAYS[day.weekday()]} {short_day(day, today)}"


def visits(found: Iterable[Resource], now: datetime) -> list[Visit]:
    """Appointments that are booked and not over, the next one first."""
    coming = [(moment(one.get("start")), one) for one in found if one.get("status") in _COMING]
    rest = [(at, one) for at, one in coming if at is not None and _ends(one, at) > now]
    return [_visit(at, one, now) for at, one in sorted(rest, key=lambda pair: pair[0].at)]


def _ends(one: Resource, begins: Moment) -> datetime:
    end = moment(one.get("end"))
    return end.at if end else begins.at + timedelta(hours=1)


def _visit(at: Moment, one: Resource, now: datetime) -> Visit:
    actors = [(reference(part.get("actor")), display(part.get("actor"))) for part in one.get("participant", ())]
    people = [name for key, name in actors if key.startswith(("Practitioner", "PractitionerRole")) and name]
    places = [
        name for key, name in actors if key.startswith(("Location", "HealthcareService", "Organization")) and name
    ]
    kinds = (
        codes_of(one.get("serviceType")) | codes_of(one.get("appointmentType")) | codes_of(one.get("serviceCategory"))
    )
    video = bool(kinds & VIDEO)
    title = text_of(first(one.get("serviceType"))) or text_of(one.get("appointmentType")) or "Besök"
    return Visit(
        at=at,
        title=title,
        when=f"{near(at.day, now.astimezone(ZONE).date())} {at.clock}".strip(),
        where=", ".join(dict.fromkeys([*people, *places])),
        key=f"Appointment/{one.get('id')}",
        video=video,
    )


def since(now: datetime) -> datetime:
    """The place in time of what has come: after the visits of today and tomorrow, before all later ones."""
    return datetime.combine(now.astimezone(ZONE).date() + timedelta(days=2), datetime.min.time(), ZONE)


def of_visits(listed: Sequence[Visit], base: str, now: datetime) -> list[Todo]:
    """The next visit, when it is soon."""
    soon = [one for one in listed if one.at.at < now + _SOON][:1]
    return [
        Todo(one.at.at, "calendar", f"{one.title} {one.when}", one.where, f"{base}/bookings", "Se tiden")
        for one in soon
    ]


def of_answers(entries: Iterable[Entry], base: str, now: datetime) -> list[Todo]:
    """Final answers of the last two weeks, the newest first."""
    today = now.astimezone(ZONE).date()
    return [
        Todo(
            since(now),
            entry.icon,
            f"Nytt svar: {entry.title}",
            short_day(entry.at.day, today) + (f", {entry.source}" if entry.source else ""),
            f"{base}/results/{entry.key.partition('/')[2]}",
            "Läs svaret",
        )
        for entry in entries
        if entry.key.startswith("DiagnosticReport/")
        and entry.at is not None
        and entry.at.day > today - FRESH
        and not entry.struck
        and (entry.state is None or entry.state.word in ("Rättat", "Kompletterat"))
    ]


def of_messages(unread: int, base: str, now: datetime) -> list[Todo]:
    """Threads with something new from a clinic."""
    if not unread:
        return []
    title = "Nytt meddelande" if unread == 1 else f"{unread} nya meddelanden"
    return [Todo(since(now), "messages-square", title, "Från din mottagning.", f"{base}/messages", "Läs")]


def of_medicines(found: Iterable[Resource], base: str, today: date) -> list[Todo]:
    """Prescriptions in force whose last day is near: when, not whether they should be renewed."""
    listed = []
    for one in found:
        ends = moment(one.get("dispenseRequest", {}).get("validityPeriod", {}).get("end"))
        if one.get("status") != "active" or ends is None or not today <= ends.day <= today + ENDING:
            continue
        name = (
            text_of(one.get("medicationCodeableConcept")) or display(one.get("medicationReference")) or "Ett läkemedel"
        )
        title = f"Receptet på {name} gäller till {short_day(ends.day, today)}"
        listed.append(
            Todo(ends.at, "pill", title, "Sedan går det inte att hämta ut mer.", f"{base}/medicines", "Förnya")
        )
    return listed


def ordered(listed: Iterable[Todo]) -> list[Todo]:
    """What happens first, first."""
    return sorted(listed, key=lambda one: one.at)
