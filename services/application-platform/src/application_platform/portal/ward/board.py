"""The ward's board from what VIS holds: beds with who lies in them, those who are waited for, and what must be seen (pure)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from application_platform.portal.entry import display, reference
from application_platform.portal.person import Person
from application_platform.portal.swedish import WEEKDAYS, moment
from application_platform.portal.values import codes_of, text_of
from application_platform.portal.vitals.score import latest
from application_platform.portal.ward.flags import flags
from application_platform.portal.ward.model import Bed, Board, Stay

Resource = Mapping[str, Any]

PLANNED_END = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate"
AWAITED, HERE = frozenset(("planned", "arrived", "triaged")), frozenset(("in-progress", "onleave"))
_CLOSED = {"C": "Stängd", "H": "Städas", "K": "Inte smittstädad"}  # v2-0116


@dataclass(frozen=True, slots=True)
class Found:
    """What VIS answered. None: not answered."""

    beds: Sequence[Resource] | None = None
    encounters: Sequence[Resource] | None = None
    people: Mapping[str, Person] = field(default_factory=dict)  # by "Patient/id"
    scores: Sequence[Resource] | None = ()
    allergies: Sequence[Resource] | None = ()
    flags: Sequence[Resource] | None = ()
    tasks: Sequence[Resource] | None = ()


def board(found: Found, reader: str, now: datetime, today: date) -> Board:
    """`reader`: the HSA-id of who looks, for their own patients."""
    words = {
        "vårdplatser": found.beds,
        "inskrivna patienter": found.encounters,
        "NEWS2": found.scores,
        "överkänslighet": found.allergies,
        "annan uppmärksamhet": found.flags,
        "svar och osignerat": found.tasks,
    }
    stays = [_stay(one, found, reader, now, today) for one in found.encounters or () if _of_a_ward(one)]
    here = {stay.bed: stay for stay in stays if stay.here and stay.bed}
    locations = [one for one in found.beds or () if "bd" in codes_of(one.get("physicalType"))]
    known = {str(one["id"]) for one in locations}
    beds = [_bed(one, here.get(str(one["id"]))) for one in locations]
    unplaced = [stay for stay in stays if stay.here and stay.bed not in known]
    return Board(
        tuple(sorted(beds, key=lambda bed: natural(bed.name))),
        tuple(sorted(unplaced, key=lambda stay: stay.person.family)),
        tuple(
            sorted((stay for stay in stays if not stay.here), key=lambda stay: (stay.since is None, stay.person.family))
        ),
        tuple(word for word, answer in words.items() if answer is None),
    )


def natural(name: str) -> list[tuple[int, str]]:
    """Säng 2 before säng 10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def short(name: str) -> str:
    """A bed's name without its ward's: Sal 3, säng 1."""
    first, comma, rest = name.partition(", ")
    return (rest[0].upper() + rest[1:]) if comma and rest else first


def leaving(planned: str, today: date) -> tuple[str, bool]:
    """When the patient is thought to leave, in words, and whether that is today."""
    at = moment(planned)
    if at is None:
        return "oklart", False
    days = (at.day - today).days
    if days == 0:
        return "hem i dag", True
    if days < 0:
        return f"skulle hem {at.date}", False
    if days == 1:
        return "hem i morgon", False
    return (f"hem {WEEKDAYS[at.day.weekday()]}" if days < 7 else f"hem {at.date}"), False


def planned_end(encounter: Resource) -> str:
    urls = (one for one in encounter.get("extension", ()) if one.get("url") == PLANNED_END)
    return next((str(one.get("valueDateTime", ""))[:10] for one in urls), "")


def _of_a_ward(encounter: Resource) -> bool:
    """A stay, or an emergency visit in a bed."""
    inpatient = encounter.get("class", {}).get("code") == "IMP"
    status = encounter.get("status")
    return (inpatient and status in AWAITED | HERE) or (status in HERE and bool(_place(encounter)))


def _place(encounter: Resource) -> Resource:
    active = [one for one in encounter.get("location", ()) if one.get("status", "active") == "active"]
    place: Resource = active[-1].get("location", {}) if active else {}
    return place


def _bed(location: Resource, stay: Stay | None) -> Bed:
    closed = "" if location.get("status", "active") == "active" else "Stängd"
    closed = closed or _CLOSED.get(str(location.get("operationalStatus", {}).get("code", "")), "")
    return Bed(str(location["id"]), short(str(location.get("name") or location["id"])), stay, "" if stay else closed)


def _stay(encounter: Resource, found: Found, reader: str, now: datetime, today: date) -> Stay:
    key = reference(encounter.get("subject"))
    since, place = moment(encounter.get("period", {}).get("start")), _place(encounter)
    score = latest([one for one in found.scores or () if reference(one.get("subject")) == key], now)
    leaves, goes_today = leaving(planned_end(encounter), today)
    here = encounter.get("status") in HERE
    stay = Stay(
        id=str(encounter.get("id", "")),
        person=found.people.get(key)
        or Person(key.removeprefix("Patient/"), "", "", "Personnummer", "", "", "", "ej angivet"),
        bed=reference(place).removeprefix("Location/") if here else "",
        place=short(display(place)) if here and display(place) else "",
        cause=text_of(next(iter(encounter.get("reasonCode", ())), None)),
        since=since,
        day=(today - since.day).days + 1 if since and here else 0,
        leaves=leaves,
        today=goes_today,
        on_leave=encounter.get("status") == "onleave",
        score=score,
        scored=found.scores is not None,
        staff=" · ".join(_participants(encounter)[:2]),
        mine=bool(reader) and reader in _whose(encounter),
        here=here,
    )
    if not here:
        return stay
    return replace(stay, flags=flags(stay, key, now, found.allergies, found.flags, found.tasks))


def _participants(encounter: Resource) -> list[str]:
    names = (display(one.get("individual")).partition(",")[0] for one in encounter.get("participant", ()))
    return list(dict.fromkeys(name for name in names if name))


def _whose(encounter: Resource) -> set[str]:
    """HSA-ids of those who take part, however they are named."""
    found = set[str]()
    for one in encounter.get("participant", ()):
        individual = one.get("individual", {})
        found |= {str(individual.get("identifier", {}).get("value", "")), reference(individual).partition("/")[2]}
    return found
