"""What is asked for, and the act it becomes when who asks may take it: blocks, their lifts, consents, ends (BLK, CON, EMG)."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from access import Block
from access.acts import Act
from fhirserver.taking import NotYours, Reason, Taken, caring, confirmed, ends, staff_act
from information_platform.access.model import (
    MANAGE,
    GuardiansDoNotBlock,
    NoSuchAct,
    Person,
    WrongBlock,
    grown,
    revealed,
    role_of,
    whole_block,
)
from kit.caller import Caller, Commission

HsaId = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}\d{10}-[A-Z0-9]{1,20}$")]
Who = Literal["patient", "guardian", "representative"]
WRITE = "write"


def writing(caller: Caller) -> Commission:
    """The commission of somebody in care who may write. Raises NotYours."""
    commission = caring(caller)
    if WRITE not in commission.rights:
        raise NotYours("The commission gives no right to register this")
    return commission


def manages(caller: Caller) -> bool:
    return caller.kind == "staff" and caller.commission is not None and MANAGE in caller.commission.rights


def own(person: Person, caller: Caller, now: datetime) -> None:
    """The patient, grown enough to decide alone. Raises NotYours."""
    if role_of(person, caller, now) != "self" or not grown(person, now):
        raise NotYours("Only the patient, from 16 years, may do this alone; staff register it for who is younger")


def by_patient(kind: Any, person: Person, caller: Caller, now: datetime, body: "Simple", **more: Any) -> Act:
    return Act(
        id=str(body.id), kind=kind, patient=person.patient, at=now, by=caller.subject, reason=body.reason, **more
    )


class Simple(BaseModel):
    """An act for which a patient need give no reason."""

    id: UUID
    reason: str = Field(default="", max_length=1000)


class BlockIn(Simple):
    """A spärr: what one unit (inner) or one care provider (outer) has written is closed to the others (BLK-01, -02, -07)."""

    kind: Literal["inner", "outer"]
    provider: HsaId
    unit: HsaId | None = None
    start: AwareDatetime | None = Field(default=None, description="of the information; empty: from the beginning")
    end: AwareDatetime | None = None
    excluded: list[str] = Field(default=[], max_length=2, description="information types that stay open: lak, upp")
    requested_by: Who = "patient"

    def act(self, person: Person, caller: Caller, now: datetime) -> Act:
        """Raises GuardiansDoNotBlock (BLK-03), NotYours, WrongBlock."""
        if self.requested_by == "guardian" or role_of(person, caller, now) == "guardian":
            raise GuardiansDoNotBlock
        more: dict[str, Any] = {"block": self._block(), "requested_by": self.requested_by}
        if caller.kind == "patient":
            own(person, caller, now)
            return by_patient("block", person, caller, now, self, **more)
        commission = writing(caller)
        if commission.provider != self.provider:
            raise NotYours("A block is registered by the care provider whose information it closes", at="provider")
        return by_patient("block", person, caller, now, self, commission=commission.id, **more)

    def _block(self) -> Block:
        start, end = _micros(self.start), _micros(self.end)
        return whole_block(Block(str(self.id), self.kind, self.provider, self.unit, start, end, tuple(self.excluded)))


class LiftIn(Taken):
    """A block lifted for a while, for one's own unit or oneself: with consent, or in an emergency (BLK-11, EMG-01b, EMG-02)."""

    ground: Literal["consent", "emergency"]
    confirmed: bool = Field(default=False, description="the second confirmation, of an emergency")
    hours: int = Field(default=24, ge=1, description="how long; 168 at most")
    personal: bool = False
    requested_by: Who = Field(default="patient", description="who consented")

    def act(self, person: Person, caller: Caller, now: datetime, target: str, alone: bool) -> Act:
        """A lift where the block is of the caller's own provider or policy lets them do it alone (`alone`), else a request to
        its owner, who must have been revealed. Raises NoSuchAct, NotYours, NotConfirmed, TooLong."""
        commission = caring(caller)
        block = person.act(target, now, "block").block
        assert block is not None
        if self.ground == "emergency":
            confirmed(self.confirmed)
        until = ends(now, timedelta(hours=self.hours), "lift")
        theirs = block.provider != commission.provider
        if theirs and not revealed(person, commission.unit, now):
            raise NoSuchAct
        kind: Any = "request" if theirs and not (alone and self.ground == "emergency") else "lift"
        more = {"ground": self.ground, "target": target, "until": until, "requested_by": self.requested_by}
        return staff_act(kind, person.patient, caller, now, self, personal=self.personal, **more)


class RevealIn(Taken):
    """Whose blocks there are is told, once somebody's life or health is in danger (BLK-04, EMG-02 step 1)."""

    ground: Literal["life", "health"]
    confirmed: bool

    def act(self, person: Person, caller: Caller, now: datetime) -> Act:
        """Raises NotYours, NotConfirmed."""
        confirmed(self.confirmed)
        until, scope = ends(now, timedelta(hours=24), "reveal"), (self.ground,)
        return staff_act("reveal", person.patient, caller, now, self, ground="emergency", until=until, scope=scope)


class ConsentIn(Simple):
    """A consent to read what other care providers wrote; it holds for the reading unit (CON-03, CON-04, CON-07)."""

    ground: Literal["consent", "incapable"] = "consent"
    attitude: str = Field(
        default="", max_length=1000, description="incapable: what is known of the patient's own attitude"
    )
    represented_by: Who = "patient"
    personal: bool = Field(default=False, description="for the user alone")
    until: AwareDatetime | None = None
    provider: HsaId | None = Field(default=None, description="the reader's; only where the patient gives it themselves")
    unit: HsaId | None = None

    def act(self, person: Person, caller: Caller, now: datetime) -> Act:
        """Raises NotYours, WrongBlock."""
        if self.until is not None and self.until <= now:
            raise WrongBlock("The consent ends before it begins", at="until")
        more: dict[str, Any] = {"ground": self.ground, "until": self.until, "requested_by": self.represented_by}
        if caller.kind == "patient":
            return self._by_patient(person, caller, now, more)
        if self.ground == "incapable" and len(self.attitude) < 3:
            raise WrongBlock("Say what is known of the patient's own attitude", at="attitude")
        commission = writing(caller)
        who = caller.subject if self.personal else None
        more |= {"scope": (self.attitude,) if self.attitude else (), "commission": commission.id, "employee": who}
        return by_patient(
            "consent", person, caller, now, self, provider=commission.provider, unit=commission.unit, **more
        )

    def _by_patient(self, person: Person, caller: Caller, now: datetime, more: dict[str, Any]) -> Act:
        if role_of(person, caller, now) != "guardian":  # CON-08
            own(person, caller, now)
        if self.provider is None or self.unit is None:
            raise WrongBlock("Say which care provider and unit may read", at="unit")
        return by_patient(
            "consent",
            person,
            caller,
            now,
            self,
            **{**more, "ground": "consent"},
            provider=self.provider,
            unit=self.unit,
        )


class EndIn(Simple):
    """Somebody changes their mind (end), or it was wrong from the beginning (cancel, makulera): both leave what was (BLK-10)."""

    requested_by: Who = "patient"

    def act(self, person: Person, caller: Caller, now: datetime, kind: Literal["end", "cancel"], target: str) -> Act:
        """Raises NoSuchAct, NotYours, GuardiansDoNotBlock."""
        kinds = ("block", "consent", "mandate", "objection", "guardian", "guardian-block", "open", "lift", "relation")
        known = person.act(target, now, *kinds)
        if caller.kind == "patient":
            self._patients(person, caller, now, kind, known)
            return by_patient(kind, person, caller, now, self, target=target)
        if len(self.reason) < 3:
            raise NotYours("Say why", at="reason")
        commission = self._staffs(caller, known)
        return by_patient(
            kind, person, caller, now, self, target=target, commission=commission, requested_by=self.requested_by
        )

    def _patients(self, person: Person, caller: Caller, now: datetime, kind: str, known: Act) -> None:
        role = role_of(person, caller, now)
        if role == "guardian" and known.kind in ("block", "lift"):
            raise GuardiansDoNotBlock
        if role == "guardian" and known.kind == "consent" and kind == "end":
            return
        own(person, caller, now)
        if kind == "cancel" or known.kind not in ("block", "consent", "mandate", "objection"):
            raise NotYours("Only who registered it may cancel it")

    def _staffs(self, caller: Caller, known: Act) -> str:
        if known.kind in ("mandate", "guardian", "guardian-block", "open"):
            return managing(caller)
        commission = writing(caller)
        owner = known.block.provider if known.block is not None else known.provider
        if known.kind != "objection" and owner != commission.provider:
            raise NoSuchAct
        if self.requested_by == "guardian" and known.kind == "block":
            raise GuardiansDoNotBlock
        return commission.id


def managing(caller: Caller) -> str:
    """The commission of a verksamhetschef; empty for the systems that hand over the population register. Raises NotYours."""
    if caller.kind == "system" and caller.has("system/*.cruds"):
        return ""
    if not manages(caller) or caller.commission is None:
        raise NotYours("Only a manager of care (access.manage) may do this")
    return caller.commission.id


class AnswerIn(BaseModel):
    """What became of a task: done, or of a request to lift a block: granted or refused."""

    outcome: Literal["done", "granted", "refused"]
    note: Reason


def _micros(time: datetime | None) -> int | None:
    return None if time is None else int(time.astimezone(UTC).timestamp() * 1_000_000)
