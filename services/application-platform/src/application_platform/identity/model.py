"""A person, the commissions they may work under, and the session that holds exactly one of them (IDN-01)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kit.caller import Commission
from kit.problems import Kind, Problem

PersonKind = Literal["staff", "patient"]


class NoCommission(Problem):
    """Staff work under a commission; this person has none that is valid now."""

    kind = Kind.FORBIDDEN
    code = "application/no-commission"
    title = "The person has no valid commission"


class CommissionNotValid(Problem):
    """The commission is somebody else's, has not begun or has ended."""

    kind = Kind.FORBIDDEN
    code = "application/commission-not-valid"
    title = "The commission is not valid for this person now"


class CommissionToChoose(Problem):
    """Several commissions are valid and none was named."""

    kind = Kind.INVALID
    code = "application/commission-to-choose"
    title = "The person has several commissions: name one"


@dataclass(frozen=True, slots=True)
class Person:
    """`id` is an employeeHsaId for staff and the FHIR Patient id for a patient."""

    id: str
    kind: PersonKind
    name: str
    title: str = ""
    short_name: str | None = None  # what one may type in a demo region: `fvm token anna`

    @property
    def initials(self) -> str:
        words = self.name.split()
        return "".join(word[0] for word in (words[0], words[-1]) if word).upper() if len(words) > 1 else self.name[:2]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A commission together with the time it is valid; `valid_to` is exclusive."""

    commission: Commission
    valid_from: datetime
    valid_to: datetime | None = None

    def active(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


def choose(assignments: list[Assignment], wanted: str | None, at: datetime) -> Commission:
    """The one commission to work under. `wanted` is its id; without it there must be exactly one that is valid.

    Raises CommissionNotValid, NoCommission or CommissionToChoose (which names the valid ones).
    """
    active = [assignment.commission for assignment in assignments if assignment.active(at)]
    if wanted is not None:
        for commission in active:
            if commission.id == wanted:
                return commission
        raise CommissionNotValid(at="commission")
    if not active:
        raise NoCommission
    if len(active) > 1:
        named = ", ".join(f"{commission.id} ({commission.unit_name})" for commission in active)
        raise CommissionToChoose(f"Several commissions are valid: {named}", at="commission")
    return active[0]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lives: without use, and at all."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `commission` is None for a patient, and for staff who have not chosen yet."""

    id: str  # public: travels as `sid`; the cookie carries another secret
    person: Person
    commission: Commission | None
    csrf: str
    created_at: datetime
    expires_at: datetime

    @property
    def complete(self) -> bool:
        return self.person.kind == "patient" or self.commission is not None
