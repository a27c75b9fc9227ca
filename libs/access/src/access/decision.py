"""The decision, first cut: own provider's facts for staff with a valid commission, own facts for patients (sweden.md §11.1).

Steps 2 to 6 of the normative sketch (relations, choice, blocks, consent) come with the law; until then what they would open
stays closed: another provider's facts are DENY.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from access.labels import Label, is_register
from kit.caller import Caller

POLICY = "spine-1"  # stands in every log row, so that one can tell by which rules it was decided
ALL_SEEING = "fvm/everything"  # in a demo region only, and only for `bench` (D19)


class Decision(Enum):
    PERMIT = "permit"
    DENY = "deny"  # not even that it exists


@dataclass(frozen=True, slots=True)
class Sight:
    """What of a store one caller may see, in the store's own numbers, as a SQL predicate needs it.

    A row is seen when `everything`, or when its label is in `labels`, or when it is about one of `patients`.
    """

    everything: bool = False
    labels: frozenset[int] = frozenset()
    patients: frozenset[int] = frozenset()

    def sees(self, label: int, patient: int) -> bool:
        """The same rule for one row in hand. A register row about a patient is seen by a patient only when it is their own."""
        if self.everything or (patient != 0 and patient in self.patients):
            return True
        return label in self.labels and (patient == 0 or not self.patients)


def decide(caller: Caller, label: Label, *, own: bool) -> Decision:
    """May this caller see a fact with this label? `own` says that the fact is about the caller."""
    if caller.kind == "system":
        return _system(caller, label)
    if caller.kind == "patient":
        return Decision.PERMIT if own or is_register(label) else Decision.DENY
    if caller.commission is None or caller.commission.purpose != "care":
        return Decision.DENY
    permitted = is_register(label) or (bool(label.provider) and label.provider == caller.commission.provider)
    return Decision.PERMIT if permitted else Decision.DENY


def _system(caller: Caller, label: Label) -> Decision:
    if caller.has(ALL_SEEING) or is_register(label):
        return Decision.PERMIT
    own = caller.commission is not None and label.provider == caller.commission.provider != ""
    return Decision.PERMIT if own else Decision.DENY


def sight(caller: Caller, labels: Mapping[int, Label], own: Iterable[int] = ()) -> Sight:
    """The decision for every label of a store at once. `own` are the store's keys of the patient who is asking."""
    if caller.kind == "system" and caller.has(ALL_SEEING):
        return Sight(everything=True)
    seen = frozenset(number for number, label in labels.items() if decide(caller, label, own=False) is Decision.PERMIT)
    return Sight(labels=seen, patients=frozenset(own) if caller.kind == "patient" else frozenset())
