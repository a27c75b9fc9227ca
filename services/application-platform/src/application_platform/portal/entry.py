"""One event of the timeline as it is shown, and how every kind of resource fills the same parts of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from application_platform.portal.look.remarks import remarks
from application_platform.portal.swedish import Moment, moment
from application_platform.portal.values import Result, key_of

Resource = Mapping[str, Any]
Held = Mapping[str, Resource]  # what came with the answer, by "Type/id"


@dataclass(frozen=True, slots=True)
class State:
    """A state that differs from the normal end: the word and its look ("" plain, "amber", "red")."""

    word: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. `kind` is the filter it belongs to; `keys` every resource that it shows ("Type/id")."""

    key: str
    at: Moment | None
    kind: str
    icon: str
    title: str
    line: str = ""
    source: str = ""
    state: State | None = None
    results: tuple[Result, ...] = ()
    text: str = ""  # a note's own words, as they were written
    struck: bool = False  # entered in error: shown, struck through and labelled
    keys: frozenset[str] = field(default_factory=frozenset)
    arrived: Moment | None = None  # when the region learnt it
    remarks: tuple[str, ...] = ()  # the patient's opinion of it, and that it was moved

    @property
    def outside(self) -> tuple[Result, ...]:
        return tuple(found for found in self.results if found.value.look)

    @property
    def summary(self) -> str:
        """The one line of content under the title of an answer with many analyses."""
        many = self.outside
        if not self.results:
            return ""
        if not many:
            return "Inget markerat som avvikande."
        names = ", ".join(found.name for found in many[:4])
        more = f" och {len(many) - 4} till" if len(many) > 4 else ""
        return f"{len(many)} utanför referens: {names}{more}."


STATES = {
    "registered": State("Väntar på svar"),
    "preliminary": State("Preliminärt"),
    "partial": State("Delsvar"),
    "unsigned": State("Osignerad", "amber"),
    "superseded": State("Rättad: ersatt av en ny"),
    "amended": State("Rättat"),
    "corrected": State("Rättat"),
    "appended": State("Kompletterat"),
    "cancelled": State("Avbrutet"),
    "not-done": State("Ej genomfört"),
    "stopped": State("Utsatt"),
    "on-hold": State("Pausat"),
    "draft": State("Utkast"),
    "planned": State("Planerat"),
    "arrived": State("Ankommen"),
    "in-progress": State("Pågår"),
    "onleave": State("På permission"),
    "preparation": State("Förbereds"),
    "resolved": State("Avslutad"),
    "inactive": State("Inte aktuell"),
    "remission": State("I remission"),
    "recurrence": State("Återfall"),
    "entered-in-error": State("Makulerad"),
}


def state(resource: Resource, status: object) -> dict[str, Any]:
    word = str(status or "")
    return {"state": STATES.get(word), "struck": word == "entered-in-error"}


def base(resource: Resource, at: object) -> dict[str, Any]:
    arrived = moment(resource.get("meta", {}).get("lastUpdated"))
    return {"key": key_of(resource), "keys": frozenset({key_of(resource)}), "at": moment(at), "arrived": arrived,
            "remarks": remarks(resource)}  # fmt: skip


def joined(*parts: str) -> str:
    return " · ".join(dict.fromkeys(part for part in parts if part))


def display(reference: object) -> str:
    return str(reference.get("display", "")) if isinstance(reference, Mapping) else ""


def first(listed: object) -> Resource:
    found = listed[0] if isinstance(listed, list) and listed else {}
    return found if isinstance(found, Mapping) else {}


def start(found: Resource) -> str:
    return str(found.get("effectivePeriod", {}).get("start", ""))


def reference(found: object) -> str:
    """ "Type/id" of a reference, also of an absolute one and one with a version."""
    text = str(found.get("reference", "")) if isinstance(found, Mapping) else ""
    parts = text.split("/_history/")[0].rsplit("/", 2)
    return "/".join(parts[-2:])
