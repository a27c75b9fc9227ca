"""Deterministic identity: which person a source's Patient is, decided from links and person identifiers alone (D1)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhircore.identifiers import PERSONNUMMER, Identifier, NotAnIdentifier, canonical, is_person_system
from kit.problems import Kind, Problem


class DifferentPersons(Problem):
    """Two valid personnummer would become one person; a human must look (the message is parked)."""

    kind = Kind.CONFLICT
    code = "persons/different-persons"
    title = "Two different personnummer would become one person"


@dataclass(frozen=True, slots=True)
class Identity:
    """The person a Patient is, and those who turn out to be the same and are to be joined with it."""

    person: str
    new: bool
    joined: tuple[str, ...] = ()


def person_identifiers(patient: Mapping[str, Any]) -> tuple[Identifier, ...]:
    """The identifiers of a Patient that say who it is, canonical, each once; values that break their rules say nothing."""
    found: dict[Identifier, None] = {}
    for identifier in patient.get("identifier", ()):
        system, value = identifier.get("system"), identifier.get("value")
        if not system or not value or identifier.get("use") == "old" or not is_person_system(system):
            continue
        try:
            found[canonical(system, value)] = None
        except NotAnIdentifier:
            continue
    return tuple(found)


def identify(
    patient_id: str,
    identifiers: Sequence[Identifier],
    linked: str | None,
    holders: Mapping[Identifier, str],
    numbers: Mapping[str, Collection[str]],
) -> Identity:
    """Who this is. `linked`: the person this Patient id is known as; `holders`: who holds each identifier already;
    `numbers`: the personnummer of each person met here. Raises DifferentPersons.

    The person who holds the strongest identifier stays; the others are joined with them.
    """
    order = [holders[one] for one in identifiers if one in holders]
    candidates = list(dict.fromkeys([*order, *([linked] if linked else [])]))
    own = {one.value for one in identifiers if one.system == PERSONNUMMER}
    known = own.union(*(numbers.get(person, ()) for person in candidates))
    if len(known) > 1:
        raise DifferentPersons(at="Patient.identifier")
    if not candidates:
        return Identity(patient_id, new=True)
    return Identity(candidates[0], new=False, joined=tuple(candidates[1:]))
