"""A unit's day: each book with its times, who has them, and what is done when they come. Only what the reader may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from application_platform.portal import render, timeline
from application_platform.portal.bookings import times, upcoming
from application_platform.portal.bookings.days import Window, a_day
from application_platform.portal.bookings.times import Book, Time
from application_platform.portal.bookings.upcoming import Booking
from application_platform.portal.person import Person, person
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE, day_heading
from application_platform.portal.timeline import Source

router = APIRouter(prefix="/portal/bookings", route_class=PageRoute, include_in_schema=False)

_NONE: frozenset[str] = frozenset()
_SERVICES = Source("HealthcareService", "", _NONE, "mottagningens tidböcker", 100)
_BOOKS = Source("Schedule", "", _NONE, "mottagningens tidböcker", 200)
_SLOTS = Source("Slot", "", _NONE, "dagens tider", 1000, (("_include", "Slot:schedule"), ("_sort", "start")))
_BOOKED = Source("Appointment", "", _NONE, "dagens bokningar", 500, (("_include", "Appointment:patient"),))
_WAITING = Source("Appointment", "", _NONE, "väntelistan", 500, (("_include", "Appointment:patient"),))
_DONE = {
    "arrive": "Patienten har kommit.",
    "noshow": "Uteblivet besök är noterat.",
    "fulfil": "Besöket är avslutat.",
    "cancel": "Bokningen är avbokad. Tiden är ledig igen.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One time of a day. Without `booking` it is free, closed, or somebody's who is not shown (`time.status`)."""

    time: Time | None
    booking: Booking | None = None
    person: Person | None = None

    def bookable(self, now: datetime) -> bool:
        """Free, and not begun yet."""
        return self.time is not None and self.booking is None and self.time.status == "free" and self.time.at.at > now


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of each book, those without a book, what could not be asked, and the moment that free is counted from."""

    books: list[tuple[Book, list[Row]]]
    loose: list[Row]
    unchecked: tuple[str, ...]
    now: datetime

    @property
    def free(self) -> int:
        return sum(one.bookable(self.now) for _, rows in self.books for one in rows)

    @property
    def booked(self) -> int:
        return sum(one.booking is not None for _, rows in self.books for one in rows) + len(self.loose)


@router.get("")
async def day(
    request: Request,
    portal: InPortal,
    reader: Reads,
    dag: Annotated[str, Query(max_length=10)] = "",
    klar: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The unit's day, today if nothing else is asked for."""
    if reader.kind != "staff":
        raise NotShown
    now = datetime.now(UTC)
    today = now.astimezone(ZONE).date()
    shown = a_day(dag, today)
    monday = shown - timedelta(days=shown.weekday())
    context = {
        "reader": reader,
        "place": portal,
        "here": "bookings",
        "page": await _page(portal, reader, shown, now),
        "day": shown,
        "today": today,
        "heading": day_heading(shown, today),
        "week": [monday + timedelta(days=n) for n in range(7)],
        "week_before": monday - timedelta(days=7),
        "week_after": monday + timedelta(days=7),
        "now": now,
        "csrf": reader.csrf,
        "done": _DONE.get(klar, ""),
    }
    return render.page(request, "staff/bookings.html", context)


@router.get("/waiting")
async def queue(request: Request, portal: InPortal, reader: Reads) -> Response:
    """Who waits for a time at the unit, the longest wait first."""
    if reader.kind != "staff":
        raise NotShown
    now = datetime.now(UTC)
    today = now.astimezone(ZONE).date()
    unit = reader.commission.unit if reader.commission else ""
    services, waiting = await _ask(
        portal, reader, (_SERVICES, [("organization", f"Organization/{unit}")]), (_WAITING, [("status", "waitlist")])
    )
    known = {str(one["id"]) for one in timeline.matches(services)} if services is not None else set()
    every = timeline.resources(waiting) if waiting is not None else []
    people = {one["id"]: person(one, today) for one in every if one.get("resourceType") == "Patient"}
    found = upcoming.waiting(one for one in every if one.get("resourceType") == "Appointment")
    context = {
        "reader": reader,
        "place": portal,
        "here": "bookings",
        "rows": [_row(None, one, people) for one in found if one.service in known],
        "unchecked": services is None or waiting is None,
        "now": now,
    }
    return render.page(request, "staff/booking_queue.html", context)


async def _page(portal: Portal, reader: Reader, shown: date, now: datetime) -> Page:
    span = Window(shown, shown, shown)
    since, until = span.since.isoformat(), span.until.isoformat()
    (booked,) = await _ask(portal, reader, (_BOOKED, [("date", f"ge{since}"), ("date", f"lt{until}")]))
    slots, missing = await _slots(portal, reader, since, until)
    words = missing + ((_BOOKED.word,) if booked is None else ())
    return arranged(slots, booked or {}, shown, tuple(dict.fromkeys(words)), now)


async def _slots(portal: Portal, reader: Reader, since: str, until: str) -> tuple[list[Time], tuple[str, ...]]:
    """The unit's times, whoever has them, and what could not be asked."""
    unit = reader.commission.unit if reader.commission else ""
    (services,) = await _ask(portal, reader, (_SERVICES, [("organization", f"Organization/{unit}")]))
    if services is None:
        return [], (_SERVICES.word,)
    named = ",".join(f"HealthcareService/{one['id']}" for one in timeline.matches(services))
    if not named:
        return [], ()
    (books,) = await _ask(portal, reader, (_BOOKS, [("actor", named)]))
    if books is None:
        return [], (_BOOKS.word,)
    schedules = ",".join(f"Schedule/{one['id']}" for one in timeline.matches(books))
    if not schedules:
        return [], ()
    asked = [("schedule", schedules), ("start", f"ge{since}"), ("start", f"lt{until}")]
    (slots,) = await _ask(portal, reader, (_SLOTS, asked))
    return ([], (_SLOTS.word,)) if slots is None else (times.times(slots), ())


async def _ask(
    portal: Portal, reader: Reader, *asked: tuple[Source, Sequence[tuple[str, str]]]
) -> list[Mapping[str, Any] | None]:
    full = [(source, [*pairs, ("_count", str(source.count))]) for source, pairs in asked]
    return [answer.bundle for answer in await portal.care.record.ask_all(reader.token, full)]


def arranged(
    slots: Sequence[Time], booked: Mapping[str, Any], shown: date, unchecked: tuple[str, ...], now: datetime
) -> Page:
    """The page of a day (pure): each time with the booking that has it, and bookings that name no time of ours."""
    every = timeline.resources(booked)
    people = {one["id"]: person(one, shown) for one in every if one.get("resourceType") == "Patient"}
    found = [upcoming.read(one) for one in every if one.get("resourceType") == "Appointment"]
    live = [one for one in found if one.status not in ("cancelled", "entered-in-error", "proposed", "waitlist")]
    has = {slot: one for one in live if one.status != "noshow" for slot in one.slots}
    has |= {slot: one for one in live if one.status == "noshow" for slot in one.slots if slot not in has}
    known = {one.slot for one in slots}
    days = times.by_day(slots)
    books = [
        (book, [_row(one, has.get(one.slot), people) for one in listed])
        for one_day in days
        for book, listed in one_day.books
    ]
    loose = [_row(None, one, people) for one in live if not known & set(one.slots)]
    loose.sort(key=lambda row: row.booking.at.at.timestamp() if row.booking and row.booking.at else 0.0)
    return Page(books, loose, unchecked, now)


def _row(time: Time | None, booking: Booking | None, people: Mapping[str, Person]) -> Row:
    return Row(time, booking, people.get(booking.patient) if booking is not None else None)
