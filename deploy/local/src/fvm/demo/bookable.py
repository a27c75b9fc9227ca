"""What can be booked in the demo region: each reception's books, and times on the working days of four weeks ahead."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from application_platform.demo import cast
from fvm.demo.chart import Chart
from fvm.demo.doors import Doors
from fvm.demo.facts import SWEDEN
from fvm.demo.staff import Colleague, Resource, colleagues, organization

AHEAD = 28  # days from today
OPEN = {"system": "urn:fvm:slot", "code": "open-to-patients"}
_AT_ONCE = 300  # resources of one transaction
_DAY = ((8, 30), (9, 30), (10, 30), (13, 0), (14, 30))  # when a book's times begin; each book some minutes later
Span = tuple[datetime, datetime]


class Book(NamedTuple):
    """Whose times, where, for what, how long; and whether patients book them themselves."""

    unit: str
    who: str
    what: str
    minutes: int
    open: bool = True


BOOKS = (
    Book("norrby", "Anna Lind", "Läkarbesök", 30),
    Book("norrby", "Björn Ek", "Sjuksköterskebesök", 20),
    Book("norrby", "Gunilla Sjödin", "Diabetesmottagning", 45),
    Book("norrby", "Henrik Aldén", "Hjärtmottagning", 40, open=False),
    Book("almvik", "Ida Månsson", "Läkarbesök", 20),
    Book("almvik", "Kristina Boman", "Distriktssköterska", 20),
    Book("almvik", "Leila Haddad", "Kurator", 45, open=False),
    Book("sjovik", "Farid Nouri", "Läkarbesök", 20),
    Book("sjovik", "Jonna Wester", "Distriktssköterska", 20),
    Book("barn", "Fanny Öst", "Sjuksköterskebesök för barn", 30),
    Book("kvinno", "Cecilia Frisk", "Barnmorska", 30),
    Book("kirort", "Yngve Rask", "Återbesök ortopedi", 20, open=False),
)


def fill(doors: Doors, today: date, charts: Iterable[Chart] = ()) -> int:
    """Writes the books and the times that are not there yet; how many times. `charts`: whose bookings are kept free of them.

    Raises Trouble. A time that stands is left as it is: somebody may have it.
    """
    token = doors.token("bench")
    latest = _slots(doors, token, "_sort=-start&_count=1")
    first = max((_day(one) for one in latest), default=today)
    standing = {one["id"] for one in _slots(doors, token, f"start=ge{first}&_count=1000")}
    made = [one for one in times(today, max(first, today), taken(charts)) if one["id"] not in standing]
    made.sort(key=lambda one: str(one["start"]))  # what is interrupted is gone on with from its last day
    if made:
        doors.transaction(books(today), token)
    for place in range(0, len(made), _AT_ONCE):
        doors.transaction(made[place : place + _AT_ONCE], token)
    return len(made)


def _slots(doors: Doors, token: str, asked: str) -> list[Resource]:
    _, found = doors.ask("GET", f"/vis/fhir/Slot?{asked}&_elements=start", token)
    return [one["resource"] for one in found.get("entry", ()) if "start" in one.get("resource", {})]


def _day(slot: Resource) -> date:
    return datetime.fromisoformat(str(slot["start"])).astimezone(SWEDEN).date()


def books(today: date) -> list[Resource]:
    """A HealthcareService for each unit, and a Schedule for each book."""
    found: list[Resource] = []
    for unit in dict.fromkeys(one.unit for one in BOOKS):
        place, mine = cast.place(unit), [one for one in BOOKS if one.unit == unit]
        found.append({
            "resourceType": "HealthcareService",
            "id": _service(unit),
            **({"meta": {"tag": [OPEN]}} if any(one.open for one in mine) else {}),
            "active": True,
            "providedBy": organization(unit),
            "name": place["unit_name"],
            "comment": ", ".join(dict.fromkeys(one.what for one in mine if one.open)) or "Bokas av mottagningen",
            "telecom": [{"system": "phone", "value": cast.data()["units"][unit]["phone"]}],
            "appointmentRequired": True,
        })  # fmt: skip
    return [*found, *(_schedule(one, today) for one in BOOKS)]


def times(today: date, first: date, taken: dict[str, list[Span]]) -> Iterator[Resource]:
    """The Slots of every book from `first` until AHEAD days from today, but for those that meet what is `taken`."""
    for nth, one in enumerate(BOOKS):
        who = _colleague(one, today)
        for ahead in range((first - today).days, AHEAD + 1):
            day = today + timedelta(days=ahead)
            for hour, minute in _DAY if day.weekday() < 5 else ():
                start = datetime.combine(day, time(hour, minute), SWEDEN) + timedelta(minutes=5 * (nth % 4))
                end = start + timedelta(minutes=one.minutes)
                if not any(since < end and start < until for since, until in taken.get(who.id, ())):
                    yield _slot(one, who, start, end)


def taken(charts: Iterable[Chart]) -> dict[str, list[Span]]:
    """When the practitioners of the region have bookings that name no time of a book."""
    found: dict[str, list[Span]] = {}
    for chart in charts:
        for fact in chart.facts:
            if fact.resource["resourceType"] == "Appointment":
                span = tuple(datetime.fromisoformat(fact.resource[name]) for name in ("start", "end"))
                for who in _practitioners(fact.resource["participant"]):
                    found.setdefault(who, []).append((span[0], span[1]))
    return found


def _practitioners(participants: Sequence[Resource]) -> Iterator[str]:
    for one in participants:
        kind, _, id = str(one["actor"].get("reference", "")).partition("/")
        if kind == "Practitioner":
            yield id


def _schedule(one: Book, today: date) -> Resource:
    who = _colleague(one, today)
    place = {"reference": f"HealthcareService/{_service(one.unit)}", "display": cast.place(one.unit)["unit_name"]}
    return {
        "resourceType": "Schedule",
        "id": _book(who),
        "active": True,
        "serviceType": [{"text": one.what}],
        "actor": [place, who.reference],
    }


def _slot(one: Book, who: Colleague, start: datetime, end: datetime) -> Resource:
    return {
        "resourceType": "Slot",
        "id": f"{_book(who)}-{start:%Y%m%d-%H%M}",
        **({"meta": {"tag": [OPEN]}} if one.open else {}),
        "serviceType": [{"text": one.what}],
        "schedule": {"reference": f"Schedule/{_book(who)}"},
        "status": "free",
        "start": start.isoformat(),
        "end": end.isoformat(),
    }


def _colleague(one: Book, today: date) -> Colleague:
    return next(found for found in colleagues(one.unit, today) if found.name == one.who)


def _service(unit: str) -> str:
    return f"{cast.place(unit)['unit']}-bokning"


def _book(who: Colleague) -> str:
    return f"{who.commission}-tider"
