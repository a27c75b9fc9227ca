"""Who there is to choose from at development sign-in: staff by unit, patients apart, and whom a typed name means; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from application_platform.identity.model import Assignment, Person

_NOWHERE = "Utan uppdrag som gäller"


@dataclass(frozen=True, slots=True)
class Choice:
    """A person as a row to press. `words` is what a search looks in, in small letters."""

    id: str
    name: str
    more: str
    initials: str
    words: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A care unit and those who work there. `open` unfolds it from the start."""

    name: str
    people: tuple[Choice, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """Everybody, or those that fit what was typed."""

    units: tuple[Unit, ...]
    patients: tuple[Choice, ...]

    @property
    def everybody(self) -> tuple[Choice, ...]:
        return (*(one for unit in self.units for one in unit.people), *self.patients)


def choices(
    people: Iterable[Person], held: Mapping[str, Sequence[Assignment]], at: datetime, typed: str = ""
) -> Choices:
    """Staff stand at the unit of their first valid commission, units by their ids; the first unit is unfolded.

    `typed` keeps those with all its words in name, role, unit or short name, and unfolds every unit.
    """
    words = typed.casefold().split()
    places: dict[str, tuple[str, list[Choice]]] = {}
    patients = []
    for person in people:
        active = [one.commission for one in held.get(person.id, ()) if one.active(at)]
        choice = _choice(person, [one.unit_name for one in active])
        if not all(word in choice.words for word in words):
            continue
        if person.kind == "patient":
            patients.append(choice)
        else:
            key, name = (active[0].unit, active[0].unit_name) if active else ("~", _NOWHERE)
            places.setdefault(key, (name, []))[1].append(choice)
    units = [
        Unit(name, tuple(found), open=bool(words) or place == 0)
        for place, (_, (name, found)) in enumerate(sorted(places.items()))
    ]
    return Choices(tuple(units), tuple(patients))


def meant(typed: str, everybody: Choices, fitting: Choices) -> str | None:
    """The id of the one person that was typed: by whole name, else the only one that fits; None when it is not one."""
    name = typed.partition(" – ")[0].strip().casefold()
    exact = [one.id for one in everybody.everybody if one.name.casefold() == name]
    found = exact or [one.id for one in fitting.everybody]
    return found[0] if len(found) == 1 else None


def _choice(person: Person, units: Sequence[str]) -> Choice:
    more = f"{person.title}, {len(units)} uppdrag" if len(units) > 1 else person.title
    said = (person.name, person.title, person.short_name or "", *units)
    return Choice(person.id, person.name, more, person.initials, " ".join(said).casefold())
