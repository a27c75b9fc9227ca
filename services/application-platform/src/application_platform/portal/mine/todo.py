"""What needs a patient, in order of time, and the visits that are booked: from what the record and our own tables say (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from application_platform.portal.bookings.upcoming import Booking
from application_platform.portal.entry import Entry
from application_platform.portal.medication.model import Medicine
from application_platform.portal.mine.answers import FRESH
from application_platform.portal.referrals.steps import Steps
from application_platform.portal.swedish import WEEKDAYS, ZONE, short_day

_SOON = timedelta(days=14)  # a visit nearer than this is something to do
ENDING = timedelta(days=30)  # a prescription that ends within this is worth renewing now


@dataclass(frozen=True, slots=True)
class Todo:
    """A row of the start page; `action` is what its button says, `at` decides the order."""

    at: datetime
    icon: str
    title: str
    line: str
    href: str
    action: str


def greeting(now: datetime) -> str:
    """By the time of day in Sweden."""
    hour = now.astimezone(ZONE).hour
    return "God morgon" if 5 <= hour < 10 else "God kväll" if hour >= 18 or hour < 5 else "Hej"


def today_in_words(now: datetime) -> str:
    """måndag 23 november"""
    day = now.astimezone(ZONE).date()
    return f"{WEEKDAYS[day.weekday()]} {short_day(day, day)}"


def since(now: datetime) -> datetime:
    """The place in time of what has come: after the visits of today and tomorrow, before all later ones."""
    return datetime.combine(now.astimezone(ZONE).date() + timedelta(days=2), datetime.min.time(), ZONE)


def of_bookings(listed: Sequence[Booking], base: str, now: datetime) -> list[Todo]:
    """The next visit, when it is soon. `listed`: what is to come, the nearest first."""
    today = now.astimezone(ZONE).date()
    return [
        Todo(
            one.at.at,
            "calendar",
            f"{one.what or 'Besök'} {one.when(today)}",
            ", ".join(part for part in (one.who, one.place) if part),
            f"{base}/bookings/{one.id}",
            "Se tiden",
        )
        for one in listed[:1]
        if one.at is not None and one.at.at < now + _SOON
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


def of_form(base: str, now: datetime) -> list[Todo]:
    """A health form that is begun and not sent."""
    line = "Det du har svarat är sparat. Fortsätt när det passar dig."
    return [
        Todo(since(now), "clipboard-list", "Hälsoformuläret är inte skickat", line, f"{base}/forms/health", "Fortsätt")
    ]


def of_medicines(rows: Sequence[Medicine], told: Mapping[str, str], base: str, now: datetime) -> list[Todo]:
    """Answers to a wish for renewal, and prescriptions whose last day is near: when, not whether they should be renewed.

    `told`: how far a wish has come, in words, by the medicine's key.
    """
    today = now.astimezone(ZONE).date()
    listed = []
    for one in rows:
        asked = one.asked
        if asked is not None and asked.answered is not None and asked.answered.day > today - FRESH:
            title = f"Svar om att förnya {one.name}"
            words = told.get(one.key, "") or ("Receptet är förnyat." if asked.outcome == "renewed" else "")
            listed.append(Todo(since(now), "pill", title, words, f"{base}/medicines", "Läs"))
        elif one.until is not None and _ends_soon(one, today):
            title = f"Receptet på {one.name} gäller till {short_day(one.until.day, today)}"
            line = "Sedan går det inte att hämta ut mer."
            listed.append(Todo(one.until.at, "pill", title, line, f"{base}/medicines", "Förnya"))
    return listed


def _ends_soon(one: Medicine, today: date) -> bool:
    """Whether its last day is near and nobody has asked for another."""
    asked = one.asked is not None and one.asked.open
    return one.current and not asked and one.until is not None and today <= one.until.day <= today + ENDING


def of_referrals(rows: Sequence[Steps], base: str, now: datetime) -> list[Todo]:
    """Referrals whose latest time has passed: then the patient may ring."""
    late = (one for one in rows if one.late and not one.ended)
    return [
        Todo(since(now), "route", f"Försenad remiss: {one.heading}", one.line, f"{base}/referrals", "Se remissen")
        for one in late
    ]


def ordered(listed: Iterable[Todo]) -> list[Todo]:
    """What happens first, first."""
    return sorted(listed, key=lambda one: one.at)
