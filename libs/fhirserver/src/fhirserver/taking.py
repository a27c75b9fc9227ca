"""The acts that staff take where they work, at the region's door and at VIS: relation, active choice, emergency (EMG-05)."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from access.acts import LONGEST, Act
from access.acts import Kind as ActKind
from kit.caller import Caller, Commission
from kit.problems import Kind, Problem

Reason = Annotated[str, StringConstraints(min_length=3, max_length=1000, strip_whitespace=True)]
InformationType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{1,29}$")]
PatientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]


class NotYours(Problem):
    """Who asks may not take this act: wrong kind of caller, commission, purpose, unit or right."""

    kind = Kind.FORBIDDEN
    code = "access/not-yours"
    title = "This act is not yours to take"


class TooLong(Problem):
    """What was asked for lasts longer than the law or the house lets it."""

    kind = Kind.RULE_BROKEN
    code = "access/too-long"
    title = "It may not last that long"


class NotConfirmed(Problem):
    """An emergency opening is confirmed a second time by whoever takes it (EMG-04)."""

    kind = Kind.RULE_BROKEN
    code = "access/not-confirmed"
    title = "An emergency opening must be confirmed a second time"


class Taken(BaseModel):
    """`id` is a UUID made by the client: sent twice, the act is taken once."""

    id: UUID
    reason: Reason


class RelationIn(Taken):
    """A patient relation that the user answers for (ACC-01)."""

    days: int = Field(default=1, ge=1, description="how long; 30 at most")
    personal: bool = Field(default=False, description="for the user alone, not for the whole unit")

    def act(self, patient: str, caller: Caller, now: datetime) -> Act:
        """Raises NotYours, TooLong."""
        until = ends(now, timedelta(days=self.days), "relation")
        return staff_act("relation", patient, caller, now, self, personal=self.personal, until=until)


class ChoiceIn(Taken):
    """A deliberate step to read what other units of one's own care provider wrote (ACC-05)."""

    reason: Reason = "Behövs för vården av patienten"
    hours: int = Field(default=8, ge=1, description="how long, within the session; 12 at most")

    def act(self, patient: str, caller: Caller, now: datetime) -> Act:
        """Raises NotYours where the token has no session, TooLong."""
        if not caller.session:
            raise NotYours("An active choice is made within a session of a person")
        until = ends(now, timedelta(hours=self.hours), "choice")
        return staff_act("choice", patient, caller, now, self, session=caller.session, until=until)


class EmergencyIn(Taken):
    """Others' unblocked data when consent cannot be had and life or health is in danger (EMG-01a, EMG-03, EMG-04)."""

    ground: Literal["life", "health"] = Field(description="danger to life, or serious risk to health")
    confirmed: bool = Field(description="the second confirmation")
    hours: int = Field(default=4, ge=1, description="how long; 24 at most")
    personal: bool = False
    matters: list[InformationType] = Field(
        default=[], max_length=20, description="only these kinds of information are opened (EMG-03); empty: all"
    )

    def act(self, patient: str, caller: Caller, now: datetime) -> Act:
        """Raises NotYours, NotConfirmed, TooLong. The ground stands in the reason, for who reviews it."""
        confirmed(self.confirmed)
        until = ends(now, timedelta(hours=self.hours), "emergency")
        more = {"ground": "emergency", "scope": (self.ground, *self.matters)}
        return staff_act("consent", patient, caller, now, self, personal=self.personal, until=until, **more)


def confirmed(twice: bool) -> None:
    """Raises NotConfirmed."""
    if not twice:
        raise NotConfirmed(at="confirmed")


def ends(now: datetime, wanted: timedelta, kind: str) -> datetime:
    """When it ends. Raises TooLong."""
    if wanted > LONGEST[kind]:
        raise TooLong(f"At most {LONGEST[kind].total_seconds() / 3600:.0f} hours", at="until")
    return now + wanted


def caring(caller: Caller) -> Commission:
    """The commission of somebody at work in care. Raises NotYours."""
    commission = caller.commission
    if caller.kind != "staff" or commission is None or commission.purpose != "care":
        raise NotYours("Only staff with a commission for care may do this")
    return commission


def staff_act(
    kind: ActKind, patient: str, caller: Caller, now: datetime, body: Taken, *, personal: bool = False, **more: Any
) -> Act:
    """An act for the caller's own unit; `more` are further fields of it. Raises NotYours."""
    commission = caring(caller)
    return Act(
        id=str(body.id),
        kind=kind,
        patient=patient,
        at=now,
        by=caller.subject,
        commission=commission.id,
        unit=commission.unit,
        provider=commission.provider,
        employee=caller.subject if personal else None,
        reason=body.reason,
        **more,
    )
