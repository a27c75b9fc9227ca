"""What a client wants done, as values: one action per interaction or bundle entry, and what became of it."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from access import Label
from fhirserver.conditions import Condition, Match
from fhirserver.intake import Draft
from fhirserver.subscribing.model import Wanted
from fhirserver.wishes import Written


class Changes(Protocol):
    """What makes a new version of the one that stands: a patch, or a rule of care."""

    def on(self, body: bytes, type_name: str, id: str, at: str) -> Draft:
        """The resource as it shall be, checked; raises the Problem of why it cannot."""


@dataclass(slots=True)
class Action:
    """One wish as the client wrote it. `raw` may still hold placeholders and conditional references."""

    method: str  # POST, PUT, PATCH, DELETE
    type_name: str
    at: str  # where it stands, for errors: Bundle.entry[3]
    id: str | None = None
    raw: bytes = b""
    data: dict[str, Any] | None = None
    unread: bool = False  # `raw` is looked at when its references are final
    full_url: str | None = None
    condition: Condition | None = None  # If-None-Exist of a POST; `Type?query` of a PUT, PATCH or DELETE
    if_match: int | None = None
    must_be_new: bool = False  # If-None-Match: *
    patch: Changes | None = None
    patient: str | None = None  # the patient in context
    patient_at: int | None = None  # or: the place of the action that creates that patient
    lab: int = 0  # set by perform
    by: str = ""  # the service's own operation that wants it (see guarding)
    label: Label | None = (
        None  # its label, where a rule of the service says another than the caller's unit, or than stood
    )
    house: bool = False  # a rule of the service changes it: also where the caller may not see what stands
    hook: Wanted | None = None  # what a Subscription asks for; set by perform


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an action: written now, or found standing already (a conditional create that matched).

    Neither: a conditional delete that matched nothing. `more` is what a conditional delete took beyond the first.
    """

    action: Action
    written: Written | None = None
    found: Match | None = None
    more: list[Written] = field(default_factory=list)
