"""A working day from the record's answers: patients who are here, bookings of the day, and what waits for somebody (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from application_platform.portal import timeline
from application_platform.portal.entry import display, first, reference
from application_platform.portal.person import Person, person
from application_platform.portal.shell.desk import (
    NOBODY,
    PLACES,
    Desk,
    Offer,
    Whose,
    code,
    of_others,
    offer,
    resting,
    whose,
)
from application_platform.portal.swedish import NBSP, Moment, moment
from application_platform.portal.timeline import Answer, Source
from application_platform.portal.values import text_of

Resource = Mapping[str, Any]

_NONE: frozenset[str] = frozenset()
MOST = 100
OPEN = "requested,received,accepted,ready,in-progress,on-hold"
HERE = Source(
    "Encounter", "", _NONE, "patienter som är här", MOST,
    (("status", "arrived,triaged,in-progress,onleave"), ("_include", "Encounter:patient")),
)  # fmt: skip
WAITING = Source("Task", "", _NONE, "inkorgen", MOST, (("status", OPEN), ("_include", "Task:patient")))
_URGENT = {"asap", "stat", "urgent"}


def booked(today: date) -> Source:
    """The bookings of one day."""
    only = (("date", today.isoformat()), ("status", "booked,arrived,checked-in,pending"))
    return Source("Appointment", "", _NONE, "dagens bokningar", MOST, (*only, ("_include", "Appointment:patient")))


@dataclass(frozen=True, slots=True)
class Visit:
    """A patient who is here, or who comes today; `at` is since when, or at what time."""

    person: Person
    at: Moment | None
    place: str
    cause: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that somebody must act on: of which patient, since when, and until when."""

    key: str
    kind: str
    person: Person | None
    since: Moment | None
    due: Moment | None
    urgent: bool
    late: bool
    about: str = ""
    owner: str = ""
    focus: str = ""  # "Type/id" of what it is about
    code: str = ""  # of urn:fvm:task (vis.care.tasks)
    whose: Whose = "unit"
    offer: Offer | None = None

    @property
    def address(self) -> str:
        """Where it is done, in the patient's own chart; "" where it is about none."""
        if self.person is None or not self.person.id:
            return ""
        type, _, id = self.focus.partition("/")
        within, _ = PLACES.get(type, ("", ""))
        if self.code == "countersign":
            within = "/notes/{id}"
        return f"/portal/patients/{self.person.id}{within.format(id=id)}"

    @property
    def action(self) -> str:
        """What the button to that place says."""
        return PLACES.get(self.focus.partition("/")[0], ("", "Öppna journalen"))[1]


@dataclass(frozen=True, slots=True)
class Pile:
    """What waits of one kind: how many, how many are late, and how old the oldest is."""

    kind: str
    rows: tuple[Waiting, ...] = field(default_factory=tuple)
    oldest: str = ""

    @property
    def late(self) -> int:
        return sum(row.late for row in self.rows)


def visits(answer: Answer, today: date) -> list[Visit]:
    """One row for each patient, those who came first on top; a patient whose name is not shown stays in the list."""
    people = _people(answer, today)
    rows: dict[str, Visit] = {}
    for found in _matches(answer):
        at = moment(found.get("period", {}).get("start") or found.get("start"))
        key = _patient(found)
        place = display(first([part.get("location") for part in found.get("location", ())]))
        cause = text_of(first(found.get("reasonCode"))) or str(found.get("description", ""))
        row = Visit(people.get(key) or _nameless(key), at, place or display(found.get("serviceProvider")), cause)
        if key not in rows or _order(row.at) < _order(rows[key].at):
            rows[key] = row
    return sorted(rows.values(), key=lambda row: (_order(row.at), row.person.family))


def waiting(answer: Answer, now: datetime, today: date, desk: Desk = NOBODY) -> list[Waiting]:
    """Late first, then urgent, then the longest wait. Without what waits for other units, which an active choice shows too,
    unless it is offered to the reader."""
    people = _people(answer, today)
    rows = [
        _waiting(found, people, now, desk)
        for found in _matches(answer)
        if not (desk.unit and of_others(found, desk)) and not resting(found, now)
    ]
    return ordered(rows)


def ordered(rows: Iterable[Waiting]) -> list[Waiting]:
    """Late first, then urgent, then the longest wait."""
    return sorted(rows, key=lambda row: (not row.late, not row.urgent, _order(row.since), row.key))


def piles(rows: Iterable[Waiting], now: datetime) -> list[Pile]:
    """What waits, by kind: the largest wait of each in words."""
    kinds: dict[str, list[Waiting]] = {}
    for row in rows:
        kinds.setdefault(row.kind, []).append(row)
    return [Pile(kind, tuple(listed), _oldest(listed, now)) for kind, listed in sorted(kinds.items())]


def ago(since: datetime, now: datetime) -> str:
    """12 min · 4 timmar · 3 dygn."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes}{NBSP}min"
    hours = minutes // 60
    if hours < 48:
        return f"{hours}{NBSP}{'timme' if hours == 1 else 'timmar'}"
    return f"{hours // 24}{NBSP}dygn"


def _oldest(rows: Sequence[Waiting], now: datetime) -> str:
    times = [row.since.at for row in rows if row.since is not None]
    return ago(min(times), now) if times else ""


def _waiting(found: Resource, people: Mapping[str, Person], now: datetime, desk: Desk) -> Waiting:
    key = _patient(found)
    due = moment(found.get("restriction", {}).get("period", {}).get("end"))
    return Waiting(
        key=f"Task/{found.get('id')}",
        kind=text_of(found.get("code")) or str(found.get("description", "")) or "Uppgift utan namn",
        person=(people.get(key) or _nameless(key)) if key else None,
        since=moment(found.get("authoredOn")),
        due=due,
        urgent=found.get("priority") in _URGENT,
        late=due is not None and due.at < now,
        about=display(found.get("focus")) or str(found.get("description", "")),
        owner=display(found.get("owner")),
        focus=reference(found.get("focus")),
        code=code(found),
        whose=whose(found, desk),
        offer=offer(found, desk),
    )


def _matches(answer: Answer) -> list[Resource]:
    return timeline.matches(answer.bundle) if answer.bundle is not None else []


def _people(answer: Answer, today: date) -> dict[str, Person]:
    every = timeline.resources(answer.bundle) if answer.bundle is not None else []
    return {f"Patient/{one['id']}": person(one, today) for one in every if one.get("resourceType") == "Patient"}


def _patient(found: Resource) -> str:
    """ "Patient/id" of what is about one, "" where it is about none."""
    named = [reference(found.get("subject")), reference(found.get("for"))]
    named += [reference(part.get("actor")) for part in found.get("participant", ()) if isinstance(part, Mapping)]
    return next((name for name in named if name.startswith("Patient/")), "")


def _nameless(key: str) -> Person:
    return Person(key.removeprefix("Patient/"), "", "", "Personnummer", "", "", "", "ej angivet")


def _order(at: Moment | None) -> float:
    return at.at.timestamp() if at else float("inf")
