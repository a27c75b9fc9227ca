"""What the law withholds, as refusals that say the next step (architecture D10); of what may not exist nothing is said."""

from collections.abc import Iterable

from access import Decision
from fhircore.outcome import Issue, operation_outcome
from fhirserver.bodies import plain
from fhirserver.problems import NotFound
from kit.problems import Kind, Problem


class Withheld(Problem):
    """What is there and not shown: the name of the reason stands in the OperationOutcome, for programs."""

    kind = Kind.FORBIDDEN
    code = "law/withheld"
    title = "The law does not let this be shown"

    def __init__(self, *, at: str) -> None:
        super().__init__(at=at, issues=(Issue("suppressed", self.title, at, reason=self.code),))


class NeedsRelation(Withheld):
    """The reader's unit has no patient relation; it can be attested with a reason (ACC-01)."""

    code = "law/need-relation"
    title = "Your unit has no current relation to this patient; attest one with its reason"


class NeedsActiveChoice(Withheld):
    """Another unit of the same provider wrote it: it is opened by an active choice (ACC-05)."""

    code = "law/need-active-choice"
    title = "Another unit wrote this; make an active choice to read it"


class NeedsConsent(Withheld):
    """Another provider wrote it: the patient's consent, or the emergency door, opens it (CON-02, EMG-01a)."""

    code = "law/need-consent"
    title = "Another care provider wrote this; the patient's consent is needed to read it"


class Blocked(Withheld):
    """The patient has blocked it, or whether they have cannot be told (BLK-04, BLK-14); only the emergency doors open it."""

    code = "law/blocked"
    title = "The patient has blocked this"


_OF: dict[Decision, type[Withheld]] = {
    Decision.NEED_RELATION: NeedsRelation,
    Decision.NEED_ACTIVE_CHOICE: NeedsActiveChoice,
    Decision.NEED_CONSENT: NeedsConsent,
    Decision.BLOCKED: Blocked,
}


def notice(reasons: Iterable[Decision]) -> bytes:
    """The entry of a searchset that says that something of the patient is not shown, and which step would open it."""
    found = set(reasons)
    issues = [
        Issue("suppressed", kind.title, severity="information", reason=kind.code)
        for decision, kind in _OF.items()
        if decision in found
    ]
    return b'{"resource":' + plain(operation_outcome(issues)) + b',"search":{"mode":"outcome"}}'


def withheld(decision: Decision, missing: str, at: str) -> Problem:
    """The refusal of a resource; `missing` is what is said where not even its existence may be told."""
    kind = _OF.get(decision)
    return NotFound(missing, at=at) if kind is None else kind(at=at)
