"""Who acts for the patient, and what patients object to: guardians, mandates, teenagers, other uses (PAT-04 to -11, BLK-17)."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from access.acts import Act
from fhirserver.taking import NotYours, PatientId, Taken
from information_platform.access.asked import Simple, by_patient, managing, own, writing
from information_platform.access.model import ADULT, CHILD, NotGuardians, Person, role_of
from kit.caller import Caller

Objection = Annotated[str, StringConstraints(pattern=r"^(secondary-use|quality-register:[a-zA-Z0-9-]{1,40})$")]


class GuardianIn(Taken):
    """Who has custody of a child, as the population register says (PAT-04)."""

    who: PatientId = Field(description="the guardian's own Patient id")
    until: AwareDatetime | None = None

    def act(self, person: Person, caller: Caller, now: datetime) -> Act:
        """Raises NotYours, NotGuardians."""
        commission = managing(caller)
        years = person.years(now)
        if years is None or years >= 18 or self.who in person.ids:
            raise NotGuardians(at="who")
        return _act("guardian", person, caller, now, self, commission=commission, who=self.who, until=self.until)


class GuardianBlockIn(Taken):
    """A guardian is shut out at once when the child may be harmed (PAT-07); ended when it is judged again."""

    who: PatientId

    def act(self, person: Person, caller: Caller, now: datetime) -> Act:
        """Raises NotYours."""
        return _act("guardian-block", person, caller, now, self, commission=managing(caller), who=self.who)


class MandateIn(Simple):
    """An ombud: who may see for an adult, how far, how long, and by what (PAT-11)."""

    who: PatientId
    scope: list[str] = Field(default=["read"], max_length=10)
    until: AwareDatetime | None = None
    source: Literal["patient", "framtidsfullmakt", "god-man", "forvaltare"] = "patient"

    def act(self, person: Person, caller: Caller, now: datetime) -> Act:
        """Raises NotYours, NotGuardians."""
        commission = ""
        if caller.kind == "patient":
            own(person, caller, now)
            if self.source != "patient":
                raise NotYours("Only a manager of care registers this", at="source")
        else:
            commission = managing(caller)
        years = person.years(now)
        if years is None or years < ADULT or self.who in person.ids:
            raise NotGuardians(at="who")
        more: dict[str, Any] = {"scope": tuple(self.scope), "requested_by": self.source, "until": self.until}
        return by_patient("mandate", person, caller, now, self, commission=commission, who=self.who, **more)


class OpenIn(Taken):
    """After assessment a unit opens what it wrote about somebody of 13 to 15, to them or to a guardian (PAT-05, PAT-06)."""

    to: list[Literal["child", "guardian"]] = Field(min_length=1, max_length=2)

    def act(self, person: Person, caller: Caller, now: datetime) -> Act:
        """Raises NotYours, NotGuardians."""
        commission = writing(caller)
        years = person.years(now)
        if years is None or not CHILD <= years < ADULT or person.born is None:
            raise NotGuardians("Only the record of somebody of 13 to 15 is opened so")
        ends = _birthday(person.born, ADULT, now)
        more: dict[str, Any] = {"unit": commission.unit, "provider": commission.provider, "until": ends}
        return _act("open", person, caller, now, self, commission=commission.id, scope=tuple(self.to), **more)


class ObjectionIn(Simple):
    """The patient is against a use beside care: a quality register (BLK-17), or every secondary use."""

    to: Objection

    def act(self, person: Person, caller: Caller, now: datetime) -> Act:
        """Raises NotYours."""
        commission = ""
        if caller.kind != "patient":
            commission = writing(caller).id
        elif role_of(person, caller, now) != "guardian":
            own(person, caller, now)
        return by_patient("objection", person, caller, now, self, commission=commission, scope=(self.to,))


class InformedIn(Simple):
    """The patient was told that others can read, and may object (CON-01)."""

    def act(self, person: Person, caller: Caller, now: datetime) -> Act:
        """Raises NotYours."""
        commission = writing(caller)
        more = {"unit": commission.unit, "provider": commission.provider}
        return by_patient("informed", person, caller, now, self, commission=commission.id, **more)


def _act(kind: Any, person: Person, caller: Caller, now: datetime, body: Taken, **more: Any) -> Act:
    return Act(
        id=str(body.id), kind=kind, patient=person.patient, at=now, by=caller.subject, reason=body.reason, **more
    )


def _birthday(born: date, years: int, now: datetime) -> datetime:
    """The day somebody turns so old; who was born on 29 February does on 1 March."""
    day = (born.month, born.day) if (born.month, born.day) != (2, 29) else (3, 1)
    return datetime(born.year + years, *day, tzinfo=now.tzinfo)
