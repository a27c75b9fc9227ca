"""Who may take which act of the law, and what it must say: pure rules (sweden.md §4.2–4.4, §4.7)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from access import Block, Facts, age
from access.acts import Act, in_force
from kit.caller import Caller
from kit.problems import Kind, Problem

MANAGE = "access.manage"  # the right of a verksamhetschef: guardians, teenagers, reviews
MAY_STAY_OPEN = frozenset(("lak", "upp"))  # BLK-08
ADULT, CHILD = 16, 13  # PAT-03, PAT-04

Role = Literal["self", "guardian", "mandate"]


class NoSuchPatient(Problem):
    """The region's record knows nobody by this id, or nobody whom the caller may ask about."""

    kind = Kind.NOT_FOUND
    code = "access/no-such-patient"
    title = "There is no such patient"


class NoSuchAct(Problem):
    """There is no such act of this patient that is in force, or it is another's to change."""

    kind = Kind.NOT_FOUND
    code = "access/no-such-act"
    title = "There is no such block, consent or mandate in force"


class IdTaken(Problem):
    """The id belongs to another act."""

    kind = Kind.CONFLICT
    code = "access/id-taken"
    title = "Another act has this id; make a new one"


class WrongBlock(Problem):
    """A block that the law does not know: its unit, its period, or what it leaves open (BLK-07, BLK-08)."""

    kind = Kind.RULE_BROKEN
    code = "access/wrong-block"
    title = "The block is not whole"


class GuardiansDoNotBlock(Problem):
    """A guardian may not block a child's record (BLK-03)."""

    kind = Kind.FORBIDDEN
    code = "access/guardians-do-not-block"
    title = "A guardian may not block the record of a child"


class NotGuardians(Problem):
    """The patient is too old for a guardian, or too young for a mandate or for being opened."""

    kind = Kind.RULE_BROKEN
    code = "access/wrong-age"
    title = "The patient's age does not allow it"


@dataclass(frozen=True, slots=True)
class Person:
    """A patient as the law knows them: all ids, and everything that was ever decided."""

    patient: str  # the id that was asked for
    ids: tuple[str, ...]
    born: date | None = None
    protected: str = ""
    acts: Sequence[Act] = ()
    facts: Facts = field(default_factory=Facts)

    def act(self, id: str, now: datetime, *kinds: str) -> Act:
        """An act in force. Raises NoSuchAct."""
        for act in in_force(self.acts, now):
            if act.id == id and act.kind in kinds:
                return act
        raise NoSuchAct

    def years(self, now: datetime) -> int | None:
        return None if self.born is None else age(self.born, now.date())


def role_of(person: Person, caller: Caller, now: datetime) -> Role | None:
    """As what the holder of a patient's token acts for this person; None: as nobody."""
    if caller.kind != "patient" or caller.patient not in person.ids:
        return None
    if caller.subject in person.ids:
        return "self"
    if person.protected:
        return None
    years = person.years(now)
    for one in person.facts.acting:
        valid = one.since <= now and (one.until is None or now < one.until) and not one.blocked
        if one.who == caller.subject and valid:
            young = years is not None and years < CHILD
            return "mandate" if one.role == "mandate" else "guardian" if young else None
    return None


def grown(person: Person, now: datetime) -> bool:
    years = person.years(now)
    return years is not None and years >= ADULT


def whole_block(block: Block) -> Block:
    """Raises WrongBlock (BLK-07, BLK-08)."""
    if (block.kind == "inner") != bool(block.unit):
        raise WrongBlock("An inner block names the unit, an outer one does not", at="unit")
    if not MAY_STAY_OPEN.issuperset(block.excluded):
        raise WrongBlock("Only lak and upp may stay open", at="excluded")
    if block.start is not None and block.end is not None and block.start >= block.end:
        raise WrongBlock("The period of the information ends before it begins", at="end")
    return block


def revealed(person: Person, unit: str, now: datetime) -> bool:
    """Whether this unit has been told, in an emergency, whose blocks there are (BLK-04, EMG-02)."""
    return any(act.kind == "reveal" and act.unit == unit for act in in_force(person.acts, now))


def same(one: Act, other: Act) -> bool:
    """Whether an act that is told again is the one that stands: everything but its times agrees."""
    return (one.kind, one.by, one.unit, one.target, one.who, one.reason, one.block, one.scope) == (
        other.kind, other.by, other.unit, other.target, other.who, other.reason, other.block, other.scope,
    )  # fmt: skip


_ACTIVITIES = {
    "relation": "relation-attest", "choice": "active-choice", "consent": "consent-give", "block": "block-set",
    "lift": "block-lift", "request": "block-lift", "objection": "block-set", "informed": "consent-give",
}  # fmt: skip
_ENDS = {
    ("end", "block"): "block-end", ("cancel", "block"): "block-void", ("end", "objection"): "block-end",
    ("end", "consent"): "consent-end", ("cancel", "consent"): "consent-end",
}  # fmt: skip


def activity(act: Act, acts: Sequence[Act]) -> str:
    """What the access log calls it (fhirserver.activities); `acts` has what it ends or cancels."""
    if act.ground == "emergency" or act.kind == "reveal":
        return "emergency-consent" if act.kind == "consent" else "emergency-block"
    if act.kind in ("end", "cancel"):
        of = next((one.kind for one in acts if one.id == act.target), "")
        return _ENDS.get((act.kind, of), "mandate-set")
    return _ACTIVITIES.get(act.kind, "mandate-set")
