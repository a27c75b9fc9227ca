"""The decision: may this actor see this fact of this patient, and if not, what would open it (sweden.md §11.1).

Pure: everything it depends on is an argument. `Sight` and the SQL predicate of the engine say the same of many rows at once;
tests compare them on random worlds.
"""

from datetime import date, datetime
from enum import Enum
from typing import Literal

from access.actor import FOLLOWING_UP, Actor
from access.facts import NO_RULES, NOTHING, Block, Consent, Facts, Rules
from access.labels import Label, is_register, withheld_from_patient

POLICY = "pdl-2"  # stands in every log row, so that one can tell by which rules it was decided


# The token is this patient's · the unit, or the employee, has a relation now · neither · the fact is about no patient.
Bond = Literal["own", "related", "none", "nobody"]


class Decision(Enum):
    """What becomes of one fact. All but PERMIT and DENY may be told to the reader, with the step that opens it (D10)."""

    PERMIT = "permit"
    NEED_RELATION = "need-relation"
    NEED_ACTIVE_CHOICE = "need-active-choice"
    NEED_CONSENT = "need-consent"
    BLOCKED = "blocked"
    DENY = "deny"  # not even that it exists


def decide(
    actor: Actor,
    label: Label,
    facts: Facts = NOTHING,
    *,
    now: datetime,
    bond: Bond = "none",
    when: tuple[int, int] | None = None,
    rules: Rules = NO_RULES,
) -> Decision:
    """`bond` is what ties the actor to the patient whom the fact is about; `when` the time it is about, µs, half-open: None
    when that is not known, and then every block touches it."""
    if actor.everything or (is_register(label) and actor.kind != "patient"):
        return Decision.PERMIT
    if actor.kind == "patient":
        if bond == "own":
            return _patient(actor, label, facts, now, rules)
        return Decision.PERMIT if bond == "nobody" and is_register(label) else Decision.DENY
    if not label.provider or not actor.provider:
        return Decision.DENY  # an owner that is not known is shown to nobody (step 7)
    if actor.kind == "system" or actor.purpose in FOLLOWING_UP:
        follows = actor.kind == "system" or actor.population
        return Decision.PERMIT if follows and label.provider == actor.provider else Decision.DENY
    if not actor.cares:
        return Decision.DENY
    if bond == "nobody":  # a subscription, a group: no patient's, so its provider's
        return Decision.PERMIT if label.provider == actor.provider else Decision.DENY
    return _care(actor, label, facts, now, bond == "related", when, rules)


def _care(
    actor: Actor, label: Label, facts: Facts, now: datetime, related: bool, when: tuple[int, int] | None, rules: Rules
) -> Decision:
    """Steps 2 to 5, the zone first: of what may not exist for the reader nothing is said."""
    theirs = label.provider != actor.provider
    if theirs and not shares(label, rules):
        return Decision.DENY
    mine = not theirs and label.unit == actor.unit
    if not related:
        return Decision.PERMIT if mine and actor.population else Decision.NEED_RELATION
    if mine:
        return Decision.PERMIT
    if any(closes(block, label, actor, when) and not lifted(block, actor, now) for block in facts.blocks):
        return Decision.BLOCKED
    if theirs:
        return Decision.PERMIT if consents(actor, facts, now, label) else Decision.NEED_CONSENT
    return Decision.PERMIT if chosen(actor, facts, now) else Decision.NEED_ACTIVE_CHOICE


def shares(label: Label, rules: Rules) -> bool:
    """Whether the owner takes part in sammanhållen vård- och omsorgsdokumentation."""
    return label.provider in rules.sharing and label.unit not in rules.not_sharing


def closes(block: Block, label: Label, actor: Actor, when: tuple[int, int] | None) -> bool:
    """Whether a block touches this fact for somebody outside the unit (BLK-01, -02, -08, -09): an inner block hides from
    everyone outside the unit, an outer one from other providers."""
    if block.provider != label.provider or label.info in block.excluded:
        return False
    if block.kind == "inner":
        if block.unit != label.unit:
            return False
    elif label.provider == actor.provider:
        return False
    if when is None:
        return True
    return (block.end is None or when[0] < block.end) and (block.start is None or when[1] > block.start)


def lifted(block: Block, actor: Actor, now: datetime) -> bool:
    return any(
        one.unit == actor.unit and one.employee in (None, actor.subject) and now < one.until for one in block.revokes
    )


def consents(actor: Actor, facts: Facts, now: datetime, label: Label | None = None) -> list[Consent]:
    """Those that hold now for this reader, and for this information where it is given: a consent, or an emergency assertion,
    binds to the reading unit (CON-04) and may be about some kinds of information only (EMG-03)."""
    return [
        one
        for one in facts.consents
        if one.provider == actor.provider
        and one.unit == actor.unit
        and one.employee in (None, actor.subject)
        and one.since <= now
        and (one.until is None or now < one.until)
        and (label is None or not one.info or label.info in one.info)
    ]


def chosen(actor: Actor, facts: Facts, now: datetime) -> bool:
    return bool(actor.session) and any(one.session == actor.session and now < one.until for one in facts.choices)


def age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _patient(actor: Actor, label: Label, facts: Facts, now: datetime, rules: Rules) -> Decision:
    """Own record from 16; guardians until 13; between them what a unit opened after assessment (PAT-03 to PAT-08).

    Who acts as nothing for the patient sees nothing that is theirs, not even that they are in the register.
    """
    self_acting = actor.subject == actor.patient
    role = "self" if self_acting else _role(actor, facts, now)
    if role is None:
        return Decision.DENY
    if is_register(label):
        return Decision.PERMIT
    if not label.provider or label.unit in rules.hidden_units or label.info in rules.hidden_types:
        return Decision.DENY
    if withheld_from_patient(label) or facts.born is None:
        return Decision.DENY
    years = age(facts.born, now.date())
    if role == "mandate" or (role == "self" and years >= 16) or (role == "guardian" and years < 13):
        return Decision.PERMIT
    to = "child" if role == "self" else "guardian"
    teen = 13 <= years < 16 and any(one.unit == label.unit and one.to == to for one in facts.opened)
    return Decision.PERMIT if teen else Decision.DENY


def _role(actor: Actor, facts: Facts, now: datetime) -> str | None:
    """As what somebody else than the patient acts; protected identity breaks every such link (PAT-08)."""
    if facts.protected:
        return None
    for one in facts.acting:
        valid = one.since <= now and (one.until is None or now < one.until) and not one.blocked
        if one.who == actor.subject and valid:
            return one.role
    return None
