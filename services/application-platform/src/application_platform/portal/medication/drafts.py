"""A prescription while it is written: the form's fields, the draft they become, the basket that the page carries (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from application_platform.portal.entry import display, first, reference
from application_platform.portal.medication import dosing
from application_platform.portal.medication.commons import concept
from application_platform.portal.medication.dosing import Dose
from application_platform.portal.swedish import moment
from application_platform.portal.values import text_of

Resource = Mapping[str, Any]
_SHAPES: Mapping[str, type] = {
    "medicationCodeableConcept": dict, "medicationReference": dict, "dosageInstruction": list, "reasonCode": list,
    "reasonReference": list, "dispenseRequest": dict, "priorPrescription": dict, "extension": list,
}  # fmt: skip
OTHER = "other"  # the cause that is written and not among the patient's problems
MOST = 30  # drafts of one signature, as VIS takes them
LARGEST = 200_000  # characters of a basket
# What a renewal takes over from the prescription that it renews (vis.care.medicines).
_COPIED = ("medicationCodeableConcept", "medicationReference", "dosageInstruction", "reasonCode", "reasonReference",
           "category", "courseOfTherapyType", "dispenseRequest", "substitution")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fields:
    """The form as it is filled. `prior` is the id of the prescription that this one renews."""

    id: str = ""
    prior: str = ""
    medicine: str = ""
    dose: Dose = field(default_factory=Dose)
    cause: str = ""
    cause_text: str = ""
    until: str = ""

    @property
    def empty(self) -> bool:
        return not (self.medicine or self.cause_text or self.dose != Dose())


def filled(form: Mapping[str, str]) -> Fields:
    """The fields of a form that was sent, without blanks around them."""
    said = {name: " ".join(form.get(name, "").split())[:500] for name in (
        "id", "prior", "medicine", "amount", "unit", "times", "most", "more", "route", "cause", "cause_text", "until",
    )}  # fmt: skip
    dose = Dose(
        said["amount"],
        said["unit"],
        said["times"],
        form.get("needed") == "1",
        said["most"],
        said["more"],
        said["route"],
    )
    return Fields(said["id"], said["prior"], said["medicine"], dose, said["cause"], said["cause_text"], said["until"])


def wrong(fields: Fields, causes: Mapping[str, str]) -> dict[str, str]:
    """What is to be written otherwise, by the name of the field; VIS says the rest of what a draft lacks."""
    found = {} if fields.medicine else {"medicine": "Ange läkemedel, form och styrka."}
    found |= dosing.wrong(fields.dose)
    if fields.cause == OTHER and not fields.cause_text:
        found["cause_text"] = "Skriv ordinationsorsaken."
    elif fields.cause != OTHER and fields.cause not in causes:
        found["cause"] = "Välj ordinationsorsak."
    if fields.until and moment(fields.until) is None:
        found["until"] = "Skriv datumet som 2027-02-23."
    return found


def draft(fields: Fields, patient: str, causes: Mapping[str, str]) -> dict[str, Any]:
    """The MedicationRequest of fields that have nothing wrong."""
    made: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": fields.id,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": concept(fields.medicine),
        "dosageInstruction": [dosing.instruction(fields.dose)],
    }
    if fields.cause == OTHER:
        made["reasonCode"] = [{"text": fields.cause_text}]
    else:
        made["reasonReference"] = [{"reference": fields.cause, "display": causes[fields.cause]}]
    if fields.until:
        made["dispenseRequest"] = {"validityPeriod": {"end": fields.until}}
    if fields.prior:
        made["priorPrescription"] = {"reference": f"MedicationRequest/{fields.prior}"}
    return made


def renewal(old: Resource, id: str, patient: str) -> dict[str, Any]:
    """A draft of the same, that renews it."""
    kept = {name: old[name] for name in _COPIED if name in old}
    if "dispenseRequest" in kept:  # how long the old one was good for says nothing of the new one
        kept["dispenseRequest"] = {
            name: value for name, value in kept["dispenseRequest"].items() if name != "validityPeriod"
        }
    prior = {"reference": f"MedicationRequest/{old['id']}"}
    head = {"resourceType": "MedicationRequest", "id": id, "status": "draft", "intent": "order"}
    about = {"subject": {"reference": f"Patient/{patient}"}, "priorPrescription": prior}
    return {**head, **about, **{name: value for name, value in kept.items() if value}}


def fields_of(draft: Resource, causes: Mapping[str, str]) -> Fields:
    """The form that gives this draft, as far as it was written in one."""
    cause = reference(first(draft.get("reasonReference")))
    text = cause_of(draft)
    return Fields(
        id=str(draft.get("id", "")),
        prior=prior_of(draft),
        medicine=text_of(draft.get("medicationCodeableConcept")) or display(draft.get("medicationReference")),
        dose=dosing.taken_apart(first(draft.get("dosageInstruction"))),
        cause=cause if cause in causes else OTHER if text else "",
        cause_text="" if cause in causes else text,
        until=str(draft.get("dispenseRequest", {}).get("validityPeriod", {}).get("end", ""))[:10],
    )


def cause_of(draft: Resource) -> str:
    return text_of(first(draft.get("reasonCode"))) or display(first(draft.get("reasonReference")))


def prior_of(draft: Resource) -> str:
    return reference(draft.get("priorPrescription")).removeprefix("MedicationRequest/")


def packed(drafts: Sequence[Resource]) -> str:
    """The basket as the page carries it from one press to the next: it is kept nowhere else."""
    return msgspec.json.encode(list(drafts)).decode()


def unpacked(text: str, patient: str) -> list[dict[str, Any]]:
    """The drafts of a form, those about this patient and no others; none where it cannot be read."""
    if not text or len(text) > LARGEST:
        return []
    try:
        found = msgspec.json.decode(text.encode(), type=list[dict[str, Any]])
    except msgspec.DecodeError:
        return []
    about = {"reference": f"Patient/{patient}"}
    return [one for one in found if one.get("subject") == about and _shaped(one)][:MOST]


def _shaped(one: Resource) -> bool:
    """Whether it has the shape of a draft; VIS looks at all of it before anything is signed."""
    plain = all(isinstance(one.get(name, kind()), kind) for name, kind in _SHAPES.items())
    listed = [part for name, kind in _SHAPES.items() if kind is list for part in one.get(name, ())] if plain else []
    return plain and isinstance(one.get("id"), str) and all(isinstance(part, dict) for part in listed)


def put(drafts: Iterable[dict[str, Any]], one: dict[str, Any]) -> list[dict[str, Any]]:
    """The basket with this draft in it, in the place of one with the same id, or of one that renews the same."""
    prior = prior_of(one)
    others = [other for other in drafts if other["id"] != one["id"] and not (prior and prior_of(other) == prior)]
    return [*others, one]


def without(drafts: Iterable[dict[str, Any]], id: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The basket without this draft, and the draft."""
    listed = list(drafts)
    return [one for one in listed if one["id"] != id], next((one for one in listed if one["id"] == id), None)


def fresh(fields: Fields, id: str) -> Fields:
    """With an id, where the form had none."""
    return fields if fields.id else replace(fields, id=id)
