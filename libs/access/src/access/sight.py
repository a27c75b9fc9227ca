"""What one caller may see of a store, in the store's own numbers: for rows in hand, and as sets for an SQL predicate."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from access.actor import FOLLOWING_UP, Actor
from access.decision import Bond, Decision, decide, shares
from access.facts import NO_RULES, NOTHING, Facts, Rules
from access.labels import Label, is_register


@dataclass(frozen=True, slots=True)
class Zones:
    """Label numbers by what they need to be seen by this actor (sweden.md ACC-04). They do not overlap."""

    free: frozenset[int] = frozenset()  # whoever it is about
    unit: frozenset[int] = frozenset()  # a relation
    provider: frozenset[int] = frozenset()  # a relation, an active choice, no block
    shared: frozenset[int] = frozenset()  # a relation, a consent, no block


@dataclass(slots=True)
class Known:
    """What was read of one patient for one actor: their facts, and whether there is a relation now."""

    facts: Facts = NOTHING
    related: bool = False
    decided: dict[int, Decision] = field(default_factory=dict)  # by label, where time does not matter


@dataclass(slots=True)
class Sight:
    """One caller's sight during one request. Rows about patients of whom nothing was read are not seen by staff in care
    (`look` of the engine reads it); the SQL predicate asks the store itself."""

    actor: Actor
    labels: Mapping[int, Label]
    zones: Zones = Zones()
    own: frozenset[int] = frozenset()  # the keys of the patient whose token it is
    own_labels: frozenset[int] = frozenset()  # what is shown of them
    rules: Rules = NO_RULES
    known: dict[int, Known] = field(default_factory=dict)
    stale: bool = False  # the copy of the facts is too old to be decided by: what hangs on them stays closed (BLK-14)
    # The patients with a relation, where they are few: a search that names nobody is driven from them.
    around: Sequence[int] | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)

    @property
    def everything(self) -> bool:
        return self.actor.everything

    @property
    def depends(self) -> bool:
        """Whether a row in hand can only be decided when something was read of its patient."""
        return self.actor.cares

    def sees(self, label: int, patient: int, when: tuple[int, int] | None = None) -> bool:
        """`patient` is a key of the store, 0 for nobody; `when` the time the row is about, µs."""
        return self.actor.everything or self.decision(label, patient, when) is Decision.PERMIT

    def decision(self, label: int, patient: int, when: tuple[int, int] | None = None) -> Decision:
        """The same with its reason."""
        if self.actor.kind == "patient":
            return self._patients(label, patient)
        if not self.actor.cares:
            return Decision.PERMIT if self.actor.everything or label in self.zones.free else Decision.DENY
        if label in self.zones.free:
            return Decision.PERMIT
        if (
            patient and label in self.zones.unit
        ):  # neither block nor consent matters here: the relation alone, as `decide` says
            return Decision.PERMIT if self.known.get(patient, _UNKNOWN).related else Decision.NEED_RELATION
        if self.stale and patient:
            return Decision.BLOCKED if label in self.zones.provider | self.zones.shared else Decision.DENY
        known = self.known.get(patient, _UNKNOWN)
        found = known.decided.get(label)
        if found is None:
            meaning = self.labels.get(label)
            if meaning is None:
                return Decision.DENY
            bond: Bond = "nobody" if patient == 0 else "related" if known.related else "none"
            found = decide(self.actor, meaning, known.facts, now=self.now, bond=bond, when=when, rules=self.rules)
            if known is not _UNKNOWN and not known.facts.blocks:  # where there are any, the row's time decides too
                known.decided[label] = found
        return found

    def shown_of(self, patient: int) -> frozenset[int]:
        """The labels that are seen of this patient (of whom something was read), for staff in care, where no block stands: then
        all labels of a zone are decided alike, and those of other providers by their information type (EMG-03)."""
        found = set(self.zones.free)
        for zone in (self.zones.unit, self.zones.provider):
            if zone and self.sees(next(iter(zone)), patient):
                found |= zone
        kinds: dict[str, bool] = {}
        for label in self.zones.shared:
            kind = self.labels[label].info
            if kind not in kinds:
                kinds[kind] = self.sees(label, patient)
            if kinds[kind]:
                found.add(label)
        return frozenset(found)

    def _patients(self, label: int, patient: int) -> Decision:
        if patient == 0:
            return Decision.PERMIT if label in self.zones.free else Decision.DENY
        return Decision.PERMIT if patient in self.own and label in self.own_labels else Decision.DENY


_UNKNOWN = Known()


def zones(actor: Actor, labels: Mapping[int, Label], rules: Rules = NO_RULES) -> Zones:
    """Every label of a store put into its zone; labels without a zone are DENY."""
    free, unit, provider, shared = set(), set(), set(), set()
    follows = actor.kind == "system" or (actor.purpose in FOLLOWING_UP and actor.population)
    for number, label in labels.items():
        if actor.everything or is_register(label):
            free.add(number)
        elif not label.provider or not actor.provider or actor.kind == "patient":
            continue
        elif not actor.cares:
            if follows and label.provider == actor.provider:
                free.add(number)
        elif label.provider != actor.provider:
            if shares(label, rules):
                shared.add(number)
        elif label.unit != actor.unit:
            provider.add(number)
        elif actor.population:
            free.add(number)
        else:
            unit.add(number)
    return Zones(frozenset(free), frozenset(unit), frozenset(provider), frozenset(shared))


def shown_to_patient(
    actor: Actor, labels: Mapping[int, Label], facts: Facts, rules: Rules, now: datetime
) -> frozenset[int]:
    """The labels that a patient's token sees of the patient it opens."""
    return frozenset(
        number
        for number, label in labels.items()
        if decide(actor, label, facts, now=now, bond="own", rules=rules) is Decision.PERMIT
    )


def all_seeing(labels: Mapping[int, Label] | None = None) -> Sight:
    """For what the house does on its own behalf: ingestion, upkeep."""
    return Sight(Actor("system", "fvm", everything=True), labels or {})
