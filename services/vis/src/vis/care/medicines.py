"""Prescriptions: what one must say, and renewed, paused and ended in its own row (NLL-02, NLL-07; HSLF-FS 2017:37; pure).

A prescription is a MedicationRequest (http://hl7.org/fhir/R4/medicationrequest.html). What was signed is never written over:
a renewal is a new one that names the one before it, and that one ends.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kit.caller import Caller
from vis.care.asking import NotNow, NotYours, person
from vis.care.dosing import dose_faults, has_strength, misreadable

Resource = dict[str, Any]

PRESCRIBERS = frozenset(
    ("Läkare",)
)  # roles of a commission; others' limited rights to prescribe are not told apart yet
ENDED = "urn:fvm:medicine-ended"  # a code system: why a prescription is not in force any more
SIGNED = "urn:fvm:signed"  # an extension: when it was signed here; the requester signed it
OVERRIDDEN = "urn:fvm:overridden"  # an extension: which check was answered, about what, with which reason
STOPS: Mapping[str, str] = {
    "finished": "Behandlingen är klar",
    "side-effect": "Biverkning",
    "no-effect": "Utebliven effekt",
    "replaced": "Ersatt av annat läkemedel",
    "wish": "Patientens önskan",
    "wrong": "Felaktig ordination",
    "other": "Annan orsak",
}
RENEWED = "renewed"
_RENEWABLE = ("active", "on-hold", "completed")
_COPIED = ("medicationCodeableConcept", "medicationReference", "dosageInstruction", "reasonCode", "reasonReference",
           "category", "courseOfTherapyType", "dispenseRequest", "substitution")  # fmt: skip

_SIGNED_FOR = (*_COPIED, "subject", "requester", "authoredOn", "intent", "priorPrescription", "extension")


def may_prescribe(caller: Caller) -> None:
    """Raises NotYours for whoever has no right to prescribe."""
    if caller.commission is None or caller.commission.role not in PRESCRIBERS:
        raise NotYours("Läkemedel ordineras, pausas och sätts ut av läkare. Lämna över till en läkare på enheten")


def must_live(patient: Mapping[str, Any]) -> None:
    """Raises NotNow where nothing is prescribed any more."""
    if patient.get("deceasedBoolean") is True or patient.get("deceasedDateTime"):
        raise NotNow("Patienten är avliden. Inget ordineras")
    if patient.get("active") is False:
        raise NotNow("Patientens journal är inaktiv. Kontrollera vilken person det gäller")


def name_of(medicine: Mapping[str, Any]) -> str:
    """The medicine with form and strength, as it is written."""
    concept = medicine.get("medicationCodeableConcept", {})
    said = [concept.get("text"), *(one.get("display") for one in concept.get("coding", ()))]
    said.append(medicine.get("medicationReference", {}).get("display"))
    return next((str(one).strip() for one in said if one), "")


def faults(draft: Mapping[str, Any], patient: str) -> list[tuple[str, str]]:
    """What a draft lacks before it can be signed: (element, what to do in Swedish); empty when it is whole."""
    found: list[tuple[str, str]] = []
    if draft.get("subject", {}).get("reference") != f"Patient/{patient}":
        found.append(("subject", "Ordinationen gäller en annan patient"))
    if draft.get("status") not in ("draft", "active"):
        found.append(("status", "En ny ordination är ett utkast"))
    name = name_of(draft)
    if not name:
        found.append(("medication", "Ange läkemedel"))
    elif not has_strength(name):
        found.append(("medication", "Ange styrka, till exempel 5 mg"))
    found += [("medication", say) for say in misreadable(name)]
    doses = draft.get("dosageInstruction") or []
    if not doses:
        found.append(("dosageInstruction", "Ange dos"))
    found += [("dosageInstruction", say) for one in doses for say in dose_faults(one)]
    if not _has_cause(draft):
        found.append(("reasonCode", "Ange ordinationsorsak"))
    return list(dict.fromkeys(found))


def _has_cause(draft: Mapping[str, Any]) -> bool:
    said = any(one.get("text") or one.get("coding") for one in draft.get("reasonCode", ()))
    return said or any(one.get("reference") for one in draft.get("reasonReference", ()))


def signed(draft: Resource, caller: Caller, at: datetime, answers: list[Resource]) -> Resource:
    """The draft as a prescription of the caller's. `answers`: extensions that say how its checks were answered."""
    kept = [one for one in draft.get("extension", ()) if one.get("url") not in (OVERRIDDEN, SIGNED)]
    made = {name: value for name, value in draft.items() if name not in ("meta", "text", "extension")}
    made |= {"status": "active", "intent": "order", "authoredOn": _moment(at)}
    made |= {"requester": person(caller), "recorder": person(caller)}
    return made | {"extension": [*kept, {"url": SIGNED, "valueDateTime": _moment(at)}, *answers]}


def same(stands: Mapping[str, Any], draft: Mapping[str, Any]) -> bool:
    """Whether what stands is what this draft became: another dose under the same id is another prescription. A draft without a
    medicine is a renewal of which only what was changed is said."""
    names = _COPIED if any(name.startswith("medication") for name in draft) else tuple(set(_COPIED) & set(draft))
    return all(stands.get(name) == draft.get(name) for name in (*names, "priorPrescription"))


def plain_write(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
    """Raises NotNow for a write, by none of the acts, that changes what was signed here. It may be marked as entered in error."""
    if old is None or not any(one.get("url") == SIGNED for one in old.get("extension", ())):
        return
    if new is None or any(old.get(name) != new.get(name) for name in _SIGNED_FOR):
        raise NotNow("Ordinationen är signerad. Förnya den, eller sätt ut den och ordinera på nytt")
    if old.get("status") != new.get("status") and new.get("status") != "entered-in-error":
        raise NotNow("Ordinationen pausas, återinsätts och sätts ut med $hold, $release och $stop")


def renewal_of(old: Resource, id: str, patient: str) -> Resource:
    """A draft of the same, that renews it. Raises NotNow where it cannot be renewed."""
    must_be_renewable(old)
    kept = {name: old[name] for name in _COPIED if name in old}
    draft = {"resourceType": "MedicationRequest", "id": id, "status": "draft", "intent": "order"}
    prior = {"reference": f"MedicationRequest/{old['id']}"}
    return draft | {"subject": {"reference": f"Patient/{patient}"}, **kept, "priorPrescription": prior}


def must_be_renewable(old: Mapping[str, Any]) -> None:
    """Raises NotNow with what to do instead."""
    if ended_as(old) == RENEWED:
        raise NotNow("Läkemedlet är redan förnyat. Läs om sidan")
    if old.get("status") not in _RENEWABLE:
        raise NotNow("Läkemedlet är utsatt. Ordinera det på nytt om det ska tas igen")


def ended_as(medicine: Mapping[str, Any]) -> str:
    """The code of why it is not in force any more, "" where it has none."""
    codings = medicine.get("statusReason", {}).get("coding", ())
    return next((str(one.get("code", "")) for one in codings if one.get("system") == ENDED), "")


def renewed(old: Resource) -> Resource:
    """The prescription that another one takes over from."""
    must_be_renewable(old)
    return old | {"status": "completed", "statusReason": _why(RENEWED, "Förnyad")}


def stopped(medicine: Resource, caller: Caller, reason: str, said: str, at: datetime) -> Resource:
    """The prescription, ended before its time; `reason` is a code of STOPS."""
    if medicine.get("status") not in ("active", "on-hold", "draft", "unknown"):
        raise NotNow("Läkemedlet är redan avslutat. Läs om sidan")
    text = f"{STOPS[reason]}. {said}" if said else STOPS[reason]
    return _noted(medicine, caller, f"Utsatt: {text}", at) | {"status": "stopped", "statusReason": _why(reason, text)}


def held(medicine: Resource, caller: Caller, said: str, at: datetime) -> Resource:
    """The prescription, paused."""
    if medicine.get("status") != "active":
        raise NotNow("Bara ett pågående läkemedel kan pausas. Läs om sidan")
    return _noted(medicine, caller, f"Pausad: {said}", at) | {"status": "on-hold", "statusReason": {"text": said}}


def released(medicine: Resource, caller: Caller, said: str, at: datetime) -> Resource:
    """The prescription, in force again."""
    if medicine.get("status") != "on-hold":
        raise NotNow("Läkemedlet är inte pausat. Läs om sidan")
    back = {name: value for name, value in medicine.items() if name != "statusReason"}
    return _noted(back, caller, f"Återinsatt: {said}" if said else "Återinsatt", at) | {"status": "active"}


def last_by(medicine: Mapping[str, Any], caller: Caller) -> bool:
    """Whether the last note about it is this person's: the same act again by the same person writes nothing."""
    notes = medicine.get("note") or [{}]
    return bool(notes[-1].get("authorReference", {}).get("identifier") == person(caller)["identifier"])


def _why(code: str, text: str) -> Resource:
    return {"coding": [{"system": ENDED, "code": code}], "text": text}


def _noted(medicine: Resource, caller: Caller, text: str, at: datetime) -> Resource:
    note = {"authorReference": person(caller), "time": _moment(at), "text": text}
    return medicine | {"note": [*medicine.get("note", ()), note]}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
