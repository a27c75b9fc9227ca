"""Who is asking: what a verified token says about the person or system behind a request."""

from dataclasses import dataclass
from typing import Literal

CallerKind = Literal["staff", "patient", "system"]


@dataclass(frozen=True, slots=True)
class Commission:
    """A medarbetaruppdrag: for which unit of which provider a person works, and what it allows (sweden.md §6)."""

    id: str
    unit: str  # HSA-id of the care unit (PDL vårdenhet)
    unit_name: str
    provider: str  # HSA-id of the care provider (PDL vårdgivare)
    provider_name: str
    role: str  # e.g. "Läkare", "Sjuksköterska"
    purpose: str = "care"
    rights: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        return hash(self.id)  # looked up with each request; few share an id and differ


@dataclass(frozen=True, slots=True)
class Caller:
    """The verified holder of a token. `subject` is an HSA-id, a patient's id or a system's client id."""

    subject: str
    kind: CallerKind
    client: str
    name: str = ""
    scopes: frozenset[str] = frozenset()
    context_scopes: frozenset[str] = frozenset()  # of staff: those that reach only the patient in context
    commission: Commission | None = None
    patient: str | None = None  # Patient id: the patient in context, or the patient who is asking
    session: str | None = None
    expires: int = 0  # seconds since the epoch

    def __hash__(self) -> int:
        return hash((self.subject, self.session, self.expires))

    def has(self, scope: str) -> bool:
        return scope in self.scopes
