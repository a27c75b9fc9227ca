"""Whose a task is, to whom it is offered, and where in the chart it is done (pure; vis.care.tasks, vis.care.offers)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from application_platform.portal.entry import display, reference
from application_platform.portal.swedish import moment

Resource = Mapping[str, Any]

_TASK, _OFFERED = "urn:fvm:task", "urn:fvm:offered"
Whose = Literal["mine", "unit", "others"]
# What a task may be about: where in the chart it is done, and what the button there says.
PLACES = {
    "DiagnosticReport": ("/answers?svar={id}", "Öppna svar"),
    "DocumentReference": ("/notes/{id}/edit", "Öppna anteckning"),
    "ServiceRequest": ("/orders/{id}", "Öppna remiss"),
    "MedicationRequest": ("/medicines?fornya={id}#basket", "Öppna läkemedel"),
    "Communication": ("/messages/{id}", "Öppna meddelande"),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """To whom a task is offered, by whom and with what words; it stays where it is until they take it (vis.care.offers)."""

    to: str
    by: str
    said: str
    mine: bool  # whether it is offered to the reader, or to the reader's unit


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose inbox it is: the HSA-id of the reader, and the unit of the reader's commission."""

    person: str = ""
    unit: str = ""


NOBODY = Desk()


def of_others(task: Resource, desk: Desk) -> bool:
    """Whether it waits for another unit, and is not offered to the reader."""
    owner, offered = reference(task.get("owner")), offer(task, desk)
    elsewhere = owner.startswith("Organization/") and owner != f"Organization/{desk.unit}"
    return elsewhere and not (offered is not None and offered.mine)


def resting(task: Resource, now: datetime) -> bool:
    """Whether it waits for somebody else until its latest time: a referral that is sent, or that waits for a time."""
    due = moment(task.get("restriction", {}).get("period", {}).get("end"))
    return task.get("status") == "on-hold" and "referral" in code(task) and (due is None or due.at >= now)


def whose(task: Resource, desk: Desk) -> Whose:
    """A person's is mine or a colleague's; what no person has, is the unit's."""
    person = task.get("owner", {}).get("identifier", {}).get("value", "")
    if not person:
        return "unit"
    return "mine" if person == desk.person else "others"


def offer(task: Resource, desk: Desk) -> Offer | None:
    """The offer that stands, if any."""
    for one in task.get("extension", ()):
        if one.get("url") == _OFFERED:
            parts = {part.get("url"): part for part in one.get("extension", ())}
            to, by = (parts.get(name, {}).get("valueReference", {}) for name in ("to", "by"))
            mine = to.get("identifier", {}).get("value", "-") == desk.person
            mine = mine or reference(to) == f"Organization/{desk.unit}"
            said = str(parts.get("said", {}).get("valueString", ""))
            return Offer(display(to) or "en annan enhet", display(by), said, mine)
    return None


def code(task: Resource) -> str:
    """What kind of task it is (vis.care.tasks), "" where that is not said."""
    coded = task.get("code", {}).get("coding", ())
    return next((str(one.get("code", "")) for one in coded if one.get("system") == _TASK), "")
