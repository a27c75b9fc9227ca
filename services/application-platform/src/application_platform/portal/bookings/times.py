"""Times that can be booked, by day and by who receives, from Slots and their Schedules (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from application_platform.portal import timeline
from application_platform.portal.entry import display, first, reference
from application_platform.portal.swedish import Moment, moment
from application_platform.portal.values import text_of

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one books: a HealthcareService of a unit."""

    id: str
    name: str
    line: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Book:
    """A Schedule: of whom, where, and for what."""

    id: str
    who: str
    place: str
    what: str
    service: str = ""

    @property
    def name(self) -> str:
        """Who receives; without anybody named, what it is for."""
        return self.who or self.what or self.place or "Tidbok utan namn"


_NOBODY = Book("", "", "", "")


@dataclass(frozen=True, slots=True)
class Time:
    """A Slot: from when to when, in whose book."""

    slot: str
    at: Moment
    until: Moment | None
    book: Book
    what: str
    status: str = "free"

    @property
    def clock(self) -> str:
        return "–".join(one.clock for one in (self.at, self.until) if one is not None)


@dataclass(frozen=True, slots=True)
class Day:
    """A day's times: all in their order, and the same by book."""

    day: date
    times: tuple[Time, ...]

    @property
    def books(self) -> list[tuple[Book, list[Time]]]:
        """Each book with its times, by name."""
        found: dict[Book, list[Time]] = {}
        for one in self.times:
            found.setdefault(one.book, []).append(one)
        return sorted(found.items(), key=lambda item: (item[0].name, item[0].id))


def place(service: Resource) -> Place:
    """A HealthcareService as a choice."""
    phone = next((str(one.get("value", "")) for one in service.get("telecom", ()) if one.get("system") == "phone"), "")
    return Place(str(service.get("id", "")), str(service.get("name", "")), str(service.get("comment", "")), phone)


def book(schedule: Resource) -> Book:
    """A Schedule as a heading."""
    there = {reference(one).partition("/")[0]: one for one in schedule.get("actor", ()) if isinstance(one, Mapping)}
    service = there.get("HealthcareService", {})
    who = display(there.get("Practitioner")) or display(there.get("PractitionerRole"))
    what = text_of(first(schedule.get("serviceType"))) or str(schedule.get("comment", ""))
    where = display(service) or display(there.get("Location"))
    return Book(str(schedule.get("id", "")), who, where, what, reference(service).removeprefix("HealthcareService/"))


def times(bundle: Resource) -> list[Time]:
    """The Slots of a searchset in its order, with the Schedules that it includes; a Slot without a time is left out."""
    every = timeline.resources(bundle)
    books = {str(one.get("id")): book(one) for one in every if one.get("resourceType") == "Schedule"}
    found = []
    for slot in every:
        at = moment(slot.get("start")) if slot.get("resourceType") == "Slot" else None
        if at is not None:
            of = books.get(reference(slot.get("schedule")).removeprefix("Schedule/"), _NOBODY)
            what = text_of(first(slot.get("serviceType"))) or of.what
            found.append(Time(str(slot["id"]), at, moment(slot.get("end")), of, what, str(slot.get("status", ""))))
    return found


def by_day(found: Iterable[Time]) -> list[Day]:
    """The same by the day in Sweden, the first day first."""
    days: dict[date, list[Time]] = {}
    for one in sorted(found, key=lambda one: (one.at.at, one.book.name, one.slot)):
        days.setdefault(one.at.day, []).append(one)
    return [Day(day, tuple(listed)) for day, listed in sorted(days.items())]


def once(found: Sequence[Time]) -> list[Time]:
    """One of those that begin at the same moment and are for the same thing: a patient chooses a time, not a book."""
    kept: dict[tuple[Moment, str, str], Time] = {}
    for one in found:
        kept.setdefault((one.at, one.what, one.book.who), one)
    return list(kept.values())
