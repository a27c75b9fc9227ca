"""Who acts, as the law sees it: made from the verified caller once per request."""

from dataclasses import dataclass

from kit.caller import Caller

ALL_SEEING = (
    "fvm/everything"  # in a demo region only, and only for `bench` (D19); our own services by their own clients
)
POPULATION = "record.population"  # the right to search over more than one's current relations (ACC-09)
# What a commission may be for beside care (PDL 2:4, ACC-10): each reads its own provider's facts only, never others'.
FOLLOWING_UP = frozenset(("quality", "administration", "planning", "statistics"))


@dataclass(frozen=True, slots=True)
class Actor:
    """`unit` and `provider` are those of the commission; a patient's `subject` is a Patient id."""

    kind: str  # staff, patient, system
    subject: str
    unit: str = ""
    provider: str = ""
    purpose: str = ""
    session: str = ""
    patient: str = ""  # the patient whose record a patient's token opens; their own, or somebody they act for
    population: bool = False
    everything: bool = False

    @classmethod
    def of(cls, caller: Caller) -> "Actor":
        commission, session = caller.commission, caller.session or ""
        everything = caller.kind == "system" and caller.has(ALL_SEEING)
        if commission is None:
            patient = (caller.patient or "") if caller.kind == "patient" else ""
            return cls(caller.kind, caller.subject, session=session, patient=patient, everything=everything)
        return cls(
            caller.kind,
            caller.subject,
            unit=commission.unit,
            provider=commission.provider,
            purpose=commission.purpose,
            session=session,
            population=POPULATION in commission.rights,
            everything=everything,
        )

    @property
    def cares(self) -> bool:
        """Whether the rules of care apply: zones, relations, choices, consents."""
        return self.kind == "staff" and self.purpose == "care"
