"""The legal label of a stored fact: who owns it, what kind of information it is (architecture D3)."""

from dataclasses import dataclass

# A security label of the house's own: who wrote it has decided that patients are not shown it online (PAT-02).
NOT_FOR_PATIENT = "not-for-patient"


@dataclass(frozen=True, slots=True)
class Label:
    """Owner provider and unit as HSA-ids, information type, security labels sorted and joined by space."""

    provider: str
    unit: str
    info: str
    security: str = ""


# Patient, Practitioner, Organization, Location and other registers: nobody's in particular.
REGISTER = Label("", "", "register")


def unlabelled(info: str) -> Label:
    """What arrived without a usable owner: kept, shown to nobody, listed for repair."""
    return Label("", "", info)


# A fact that must be about a patient and names none: withheld from everybody but who repairs it (D3, D4).
WITHHELD = unlabelled("")


def withheld_from_patient(label: Label) -> bool:
    """Whether who wrote it keeps it from patients' own reading."""
    return NOT_FOR_PATIENT in label.security.split()


def is_register(label: Label) -> bool:
    return not label.provider and label.info == "register"
