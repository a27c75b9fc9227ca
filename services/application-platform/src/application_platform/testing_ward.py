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
    score = a_score(patient, id, total, hours_ago, **{name: 1 for name in values})
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
