"""Stays on a ward: a patient is admitted to a bed, moved, on leave, back and discharged (pure).

A stay is an Encounter of class IMP. Its beds stand in `location`, each with its time, the last one active; every status it had
stands in `statusHistory` (http://hl7.org/fhir/R4/encounter.html).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from vis.care.asking import NotNow

Resource = dict[str, Any]

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PHYSICAL = "http://terminology.hl7.org/CodeSystem/location-physical-type"
DISPOSITION = "http://terminology.hl7.org/CodeSystem/discharge-disposition"
# R5 has an element of its own for the planned end; this is how R4 says it.
PLANNED_END = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate"
DISPOSITIONS = {
    "home": "Hemmet",
    "alt-home": "Särskilt boende",
    "rehab": "Rehabilitering",
    "other-hcf": "Annan vårdenhet",
    "hosp": "Palliativ vård",
    "aadvice": "Hem mot vårdens råd",
    "exp": "Avliden",
}
AWAITED = ("planned", "arrived", "triaged")
STAYING = ("in-progress", "onleave")
ONGOING = ("arrived", "triaged", *STAYING)  # where an active bed is taken


@dataclass(frozen=True, slots=True)
class Bed:
    """A bed: its Location's id, what it is called, and whose it is ("Organization/id", "" where it is nobody's)."""

    id: str
    name: str
    unit: str

    @property
    def reference(self) -> Resource:
        return {"reference": f"Location/{self.id}", "display": self.name}


def new(id: str, patient: str, unit: Resource, cause: str, by: Resource) -> Resource:
    """A stay that is waited for at `unit`."""
    why = {"reasonCode": [{"text": cause}]} if cause else {}
    return {
        "resourceType": "Encounter",
        "id": id,
        "status": "planned",
        "class": {"system": ACT, "code": "IMP", "display": "inpatient encounter"},
        "subject": {"reference": f"Patient/{patient}"},
        "participant": [{"individual": by}],
        **why,
        "serviceProvider": unit,
    }


def is_stay(encounter: Mapping[str, Any]) -> bool:
    return bool(encounter.get("class", {}).get("code") == "IMP")


def bed_of(encounter: Mapping[str, Any]) -> str:
    """The Location's id of the bed that is taken now, "" where there is none."""
    active = [one for one in encounter.get("location", ()) if one.get("status", "active") == "active"]
    reference = str(active[-1].get("location", {}).get("reference", "")) if active else ""
    return reference.removeprefix("Location/") if encounter.get("status") in ONGOING else ""


def admitted(stay: Resource, bed: Bed, at: datetime) -> Resource:
    """The stay in its bed. Raises NotNow unless it is waited for."""
    _a_stay(stay)
    if stay["status"] not in AWAITED:
        raise NotNow("Patienten är redan inskriven. Läs om sidan")
    begun = stay.get("period", {}) | {"start": _moment(at)}
    return _in_bed(_now(stay, "in-progress", at), bed, at) | {"period": begun}


def moved(stay: Resource, bed: Bed, at: datetime, was: str = "") -> Resource:
    """The stay in another bed of its ward. Raises NotNow unless the patient is here, and lies in `was` where that is said."""
    _here(stay)
    now = bed_of(stay)
    if was and now != was:
        raise NotNow("Patienten har flyttats sedan du öppnade sidan. Läs om den")
    whose = stay.get("serviceProvider", {}).get("reference", "")
    if bed.unit and whose and bed.unit != whose:
        raise NotNow(f"{bed.name} hör till en annan enhet. Skriv ut patienten dit; den avdelningen skriver in")
    return _in_bed(stay, bed, at)


def left(stay: Resource, at: datetime) -> Resource:
    """The patient is on leave; the bed is kept."""
    _here(stay)
    if stay["status"] == "onleave":
        raise NotNow("Patienten har redan permission")
    return _now(stay, "onleave", at)


def returned(stay: Resource, at: datetime) -> Resource:
    if stay.get("status") != "onleave":
        raise NotNow("Patienten har ingen permission")
    return _now(stay, "in-progress", at)


def discharged(stay: Resource, to: str, at: datetime) -> Resource:
    """The stay is over, the bed free. `to` is one of DISPOSITIONS."""
    _here(stay)
    over = _now(stay, "finished", at)
    places = [_closed(one, at) for one in stay.get("location", ())]
    way = {"coding": [{"system": DISPOSITION, "code": to}], "text": DISPOSITIONS[to]}
    over |= {"period": stay.get("period", {}) | {"end": _moment(at)}} | ({"location": places} if places else {})
    return over | {"hospitalization": stay.get("hospitalization", {}) | {"dischargeDisposition": way}}


def discharged_to(stay: Mapping[str, Any]) -> str:
    """Where a stay that is over led; "" where it is not said."""
    way = stay.get("hospitalization", {}).get("dischargeDisposition", {})
    return next((str(one.get("code", "")) for one in way.get("coding", ()) if one.get("system") == DISPOSITION), "")


def planned(stay: Resource, end: date | None) -> Resource:
    """The day the patient is thought to leave; None: not known."""
    if stay.get("status") not in (*AWAITED, *STAYING):
        raise NotNow("Vårdtillfället är avslutat")
    others = [one for one in stay.get("extension", ()) if one.get("url") != PLANNED_END]
    mine = [{"url": PLANNED_END, "valueDateTime": end.isoformat()}] if end else []
    rest = {name: value for name, value in stay.items() if name != "extension"}
    return rest | ({"extension": [*others, *mine]} if others or mine else {})


def cancelled(stay: Resource, at: datetime) -> Resource:
    """The patient is not waited for any more."""
    _a_stay(stay)
    if stay["status"] not in AWAITED:
        raise NotNow("Patienten är redan inskriven. Skriv ut i stället")
    return _now(stay, "cancelled", at)


def _a_stay(stay: Mapping[str, Any]) -> None:
    if not is_stay(stay):
        raise NotNow("Det här är inget vårdtillfälle i slutenvård")


def _here(stay: Mapping[str, Any]) -> None:
    _a_stay(stay)
    if stay.get("status") in AWAITED:
        raise NotNow("Patienten är inte inskriven än. Skriv in först")
    if stay.get("status") not in STAYING:
        raise NotNow("Vårdtillfället är avslutat. Läs om sidan")


def _now(stay: Resource, status: str, at: datetime) -> Resource:
    """The stay with another status; the one it had is kept with its time."""
    history = list(stay.get("statusHistory", ()))
    since = history[-1].get("period", {}).get("end") if history else stay.get("period", {}).get("start")
    period = ({"start": since} if since else {}) | {"end": _moment(at)}
    return stay | {"status": status, "statusHistory": [*history, {"status": stay["status"], "period": period}]}


def _in_bed(stay: Resource, bed: Bed, at: datetime) -> Resource:
    kind = {"coding": [{"system": PHYSICAL, "code": "bd"}]}
    place = {"location": bed.reference, "status": "active", "physicalType": kind, "period": {"start": _moment(at)}}
    return stay | {"location": [*(_closed(one, at) for one in stay.get("location", ())), place]}


def _closed(place: Resource, at: datetime) -> Resource:
    if place.get("status", "active") != "active":
        return place
    return place | {"status": "completed", "period": place.get("period", {}) | {"end": _moment(at)}}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
