"""A set of vital signs as FHIR: what may be measured, and the Observations it becomes, with NEWS2 (pure).

Vital signs as the profiles of R4 have them (http://hl7.org/fhir/R4/observation-vitalsigns.html), one Observation each; NEWS2
is one more, which has the others as members and the points of each as components.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from fhircore import vitals as terms
from fhircore.news2 import CALM, CALM_HYPERCAPNIC, CONSCIOUSNESS, PARAMETERS, YOUNGEST, Score, Vitals, score
from fhircore.vitals import LEVELS, LOINC, OWN, POINTS, QUANTITIES, SNOMED, UCUM, Quantity
from fhirserver.problems import Invalid
from vis.care.asking import NotNow

Resource = dict[str, Any]

NEWS2 = {"system": SNOMED, "code": terms.NEWS2, "display": "NEWS2 total score"}
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_JUDGED = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


@dataclass(frozen=True, slots=True)
class Taken:
    """One set of vital signs that was measured: the panel's id, of whom, when, by whom, and what is known of it."""

    id: str
    patient: str
    at: datetime
    by: Resource
    values: Vitals
    diastolic: int | None = None
    encounter: str = ""  # the stay's id
    child: bool = False  # under 16: NEWS2 is not made for them

    @property
    def score(self) -> Score:
        return score(self.values)


def vitals(found: Mapping[str, Any]) -> tuple[Vitals, int | None]:
    """The values of the parameters, and the diastolic pressure. Raises Invalid at the field of what cannot be."""
    amounts = {one.name: _amount(one, found[one.name]) for one in QUANTITIES.values() if one.name in found}
    level, scale = found.get("consciousness"), found.get("scale", 1)
    if level is not None and level not in CONSCIOUSNESS:
        raise Invalid("Medvetandegrad är A, C, V, P eller U", at="consciousness")
    if scale not in (1, 2) or isinstance(scale, bool):
        raise Invalid("Skalan för syremättnad är 1 eller 2", at="scale")
    oxygen = found.get("oxygen")
    if oxygen is not None and not isinstance(oxygen, bool):
        raise Invalid("Syrgas är ja eller nej", at="oxygen")
    diastolic = amounts.pop("diastolic", None)
    systolic = amounts.get("systolic")
    if diastolic is not None and systolic is None:
        raise Invalid("Det systoliska trycket saknas", at="systolic")
    if diastolic is not None and systolic is not None and diastolic >= systolic:
        raise Invalid("Det diastoliska trycket är lägre än det systoliska", at="diastolic")
    whole: Any = {name: int(value) for name, value in amounts.items() if name != "temperature"}
    held = Vitals(
        **whole,
        temperature=amounts.get("temperature"),
        oxygen=oxygen,
        consciousness=level,
        scale=1 if scale == 1 else 2,
    )
    return held, None if diastolic is None else int(diastolic)


def _amount(kind: Quantity, value: Any) -> Decimal:
    amount = Decimal(str(value)) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None
    if amount is None or not amount.is_finite():
        raise Invalid(f"{kind.text} är ett tal", at=kind.name)
    if fault := kind.fault(amount):
        raise Invalid(fault, at=kind.name)
    return amount


def too_young(born: str, on: date) -> bool:
    """Whether NEWS2 is not made for somebody born then; an unknown date is an adult's."""
    try:
        day = date.fromisoformat(born) if len(born) == 10 else date(int(born[:4]), 1, 1)
    except ValueError:
        return False
    return (on.year - day.year) - ((on.month, on.day) < (day.month, day.day)) < YOUNGEST


def member(panel: str, name: str) -> str:
    """The id of the Observation of one parameter of a panel: the same panel sent again is the same Observations."""
    return str(uuid.uuid5(uuid.UUID(panel), name))


def observations(taken: Taken) -> list[Resource]:
    """Those of what was measured, and NEWS2 last. A parameter that was not measured has none."""
    values = taken.values
    found = [
        _observed(taken, one.name, _quantity(one, getattr(values, one.name)) | _judged(taken, one.name))
        for one in QUANTITIES.values()
        if one.name not in ("systolic", "diastolic") and getattr(values, one.name) is not None
    ]
    if values.systolic is not None:
        found.append(
            _observed(taken, "pressure", _pressure(values.systolic, taken.diastolic) | _judged(taken, "systolic"))
        )
    if values.oxygen is not None:
        code = {"coding": [{"system": OWN, "code": "oxygen", "display": "Syrgas"}], "text": "Syrgas"}
        found.append(_observed(taken, "oxygen", {"code": code, "valueBoolean": values.oxygen}))
    if values.consciousness is not None:
        level = {"system": LEVELS, "code": values.consciousness, "display": terms.LEVEL_TEXTS[values.consciousness]}
        value = {"coding": [level], "text": terms.LEVEL_TEXTS[values.consciousness]}
        code = {"coding": [{"system": LOINC, "code": terms.CONSCIOUSNESS}], "text": "Medvetandegrad"}
        found.append(
            _observed(
                taken, "consciousness", {"code": code, "valueCodeableConcept": value} | _judged(taken, "consciousness")
            )
        )
    return [*found, _news2(taken, [one["id"] for one in found])]


def _judged(taken: Taken, name: str) -> Resource:
    """Whether the value gives points in NEWS2, and which way it lies; nothing of a child, or of what points are not known."""
    points = None if taken.child else taken.score.points.get(name)
    if points is None:
        return {}
    code = "N"
    if points:
        bands = CALM | ({"spo2": CALM_HYPERCAPNIC} if taken.values.scale == 2 else {})
        low = bands[name][0] if name in bands else None
        code = "A" if low is None else "L" if getattr(taken.values, name) < low else "H"
    return {"interpretation": [_interpretation(code)]}


def _interpretation(code: str) -> Resource:
    return {"coding": [{"system": _JUDGED, "code": code}]}


def _quantity(kind: Quantity, amount: Any) -> Resource:
    coding = [{"system": LOINC, "code": code} for code in kind.codes]
    value = {"value": amount, "unit": kind.unit, "system": UCUM, "code": kind.ucum}
    return {"code": {"coding": coding, "text": kind.text}, "valueQuantity": value}


def _pressure(systolic: int, diastolic: int | None) -> Resource:
    lower = _quantity(QUANTITIES["diastolic"], diastolic)
    if diastolic is None:
        lower = {"code": lower["code"], "dataAbsentReason": _absent("not-performed", "Ej taget")}
    code = {"coding": [{"system": LOINC, "code": terms.PRESSURE}], "text": "Blodtryck"}
    return {"code": code, "component": [_quantity(QUANTITIES["systolic"], systolic), lower]}


def _observed(taken: Taken, name: str, value: Resource, category: str = "vital-signs") -> Resource:
    stay = {"encounter": {"reference": f"Encounter/{taken.encounter}"}} if taken.encounter else {}
    return {
        "resourceType": "Observation",
        "id": taken.id if name == "news2" else member(taken.id, name),
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": category}]}],
        "subject": {"reference": f"Patient/{taken.patient}"},
        **stay,
        "effectiveDateTime": taken.at.isoformat(timespec="seconds"),
        "performer": [taken.by],
        **value,
    }


def _news2(taken: Taken, members: list[str]) -> Resource:
    """The score, or why there is none; with the points of each parameter and the scale of SpO2."""
    found = taken.score
    parts = [_part(name, found.points.get(name)) for name in PARAMETERS]
    scale = {"code": _point("scale"), "valueInteger": taken.values.scale}
    value: Resource = {"code": {"coding": [NEWS2], "text": "NEWS2"}, "component": [*parts, scale]}
    if taken.child:
        value = {"code": value["code"], "dataAbsentReason": _absent("not-applicable", "NEWS2 gäller från 16 år")}
    elif found.total is None:
        value["dataAbsentReason"] = _absent("not-performed", "Ofullständig")
    else:
        value["valueInteger"] = found.total
        judged = {"high": "AA", "medium": "A", "single": "A"}.get(found.band or "", "N")
        value["interpretation"] = [_interpretation(judged)]
    value["hasMember"] = [{"reference": f"Observation/{id}"} for id in members]
    return _observed(taken, "news2", value, "survey")


def _part(name: str, points: int | None) -> Resource:
    if points is None:
        return {"code": _point(name), "dataAbsentReason": _absent("not-performed", "Ej taget")}
    return {"code": _point(name), "valueInteger": points}


def _point(name: str) -> Resource:
    return {"coding": [{"system": POINTS, "code": name}], "text": terms.POINT_TEXTS[name]}


def _absent(code: str, text: str) -> Resource:
    return {"coding": [{"system": _ABSENT, "code": code}], "text": text}


def is_news2(observation: Resource) -> bool:
    """Whether this is the score of a panel."""
    codings = observation.get("code", {}).get("coding", ())
    return any((one.get("system"), one.get("code")) == (SNOMED, NEWS2["code"]) for one in codings)


def withdrawn(observation: Resource) -> Resource:
    """The same, entered in error. Raises NotNow when it is so already."""
    if observation.get("status") == "entered-in-error":
        raise NotNow("Kontrollen är redan rättad. Läs om sidan")
    return observation | {"status": "entered-in-error"}
