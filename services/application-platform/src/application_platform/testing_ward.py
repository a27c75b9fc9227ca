"""For tests of the portal: a ward with its beds, stays and scores, as VIS holds them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fhircore.news2 import PARAMETERS
from fhircore.vitals import NEWS2

CODES = {
    "respirations": ("9279-1", "/min"), "spo2": ("59408-5", "%"), "pulse": ("8867-4", "/min"), "temperature": ("8310-5", "Cel"),
}  # fmt: skip


def a_score(patient: str, id: str, total: int | None, hours_ago: float = 1.0, **points: int | None) -> dict[str, Any]:
    """The NEWS2 Observation alone; the points that are not named are 0, a total of None is incomplete."""
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    parts: list[dict[str, Any]] = []
    for name in PARAMETERS:
        value = points.get(name, 0)
        code = {"coding": [{"system": "urn:fvm:news2", "code": name}]}
        parts.append({"code": code} | ({} if value is None else {"valueInteger": value}))
    found: dict[str, Any] = {
        "resourceType": "Observation", "id": id, "status": "final",
        "category": [{"coding": [{"code": "survey"}]}],
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": NEWS2}], "text": "NEWS2"},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": at.isoformat(timespec="seconds"),
        "performer": [{"display": "Nora Berg"}],
        "component": parts,
        "hasMember": [],
    }  # fmt: skip
    if total is None:
        return found | {"dataAbsentReason": {"coding": [{"code": "not-performed"}], "text": "Ofullständig"}}
    return found | {"valueInteger": total}


def a_panel(patient: str, id: str, total: int | None, hours_ago: float = 1.0, **values: Any) -> list[dict[str, Any]]:
    """A score with the Observations of `values` by their names in `CODES`; points of 1 for each of them."""
    score = a_score(patient, id, total, hours_ago, **dict.fromkeys(values, 1))
    members = []
    for name, amount in values.items():
        code, unit = CODES[name]
        members.append(
            {"resourceType": "Observation", "id": f"{id}-{name}", "status": "final",
             "category": [{"coding": [{"code": "vital-signs"}]}], "subject": score["subject"],
             "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": name},
             "effectiveDateTime": score["effectiveDateTime"], "valueQuantity": {"value": amount, "unit": unit}}
        )  # fmt: skip
    score["hasMember"] = [{"reference": f"Observation/{one['id']}"} for one in members]
    return [*members, score]


UNIT = "SE0000000001-1001"


def a_bed(number: int, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Location", "id": f"b{number}", "status": "active", "name": f"Avd 52, sal {number}, säng 1",
        "physicalType": {"coding": [{"code": "bd"}]}, "managingOrganization": {"reference": f"Organization/{UNIT}"}, **more,
    }  # fmt: skip


def a_stay(
    patient: str, bed: int | None, days: float = 1.5, status: str = "in-progress", **more: Any
) -> dict[str, Any]:
    """A stay of the unit, its id "stay-" and the patient's; without `bed` in none."""
    start = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    place = {"location": {"reference": f"Location/b{bed}", "display": f"Avd 52, sal {bed}, säng 1"}, "status": "active"}
    return {
        "resourceType": "Encounter", "id": f"stay-{patient}", "status": status, "class": {"code": "IMP"},
        "subject": {"reference": f"Patient/{patient}"}, "period": {"start": start} if status != "planned" else {},
        "location": [place] if bed is not None else [], "reasonCode": [{"text": "Hjärtsvikt"}],
        "serviceProvider": {"reference": f"Organization/{UNIT}", "display": "Avdelning 52"},
        "participant": [{"individual": {"display": "Samir Haddad, sjuksköterska"}}], **more,
    }  # fmt: skip
