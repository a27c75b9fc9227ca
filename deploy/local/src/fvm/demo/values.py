"""Parts of resources that several kinds share: codings, texts, quantities and how they are judged (pure)."""

import base64
from datetime import date, timedelta
from typing import Any

from fvm.demo import codes

Resource = dict[str, Any]


def weekday(day: date) -> date:
    """The day itself, or the Friday before a weekend."""
    return day - timedelta(days=max(0, day.weekday() - 4))


def coding(system: str, code: str, text: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"coding": [{"system": system, "code": code}]}
    return found | ({"text": text} if text else {})


def plain(text: str) -> dict[str, str]:
    """A note's words as an attachment."""
    return {
        "contentType": "text/plain; charset=utf-8",
        "language": "sv",
        "data": base64.b64encode(text.strip().encode()).decode(),
    }


def ends(ended: date | None) -> dict[str, str]:
    """The end of a Period, where there is one."""
    return {"end": ended.isoformat()} if ended else {}


def reference_to(resource: Resource) -> dict[str, str]:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def measured(analysis: codes.Analysis, value: float) -> Resource:
    """Code, value, limits and judgement of one quantity."""
    found: Resource = {
        "code": codes.concept(analysis.system, analysis.code, analysis.name),
        "valueQuantity": quantity(analysis, value),
    }
    if analysis.low is not None or analysis.high is not None:
        limits = {"low": analysis.low, "high": analysis.high}
        found["referenceRange"] = [
            {side: quantity(analysis, limit) for side, limit in limits.items() if limit is not None}
        ]
        found["interpretation"] = [coding(f"{codes.HL7}v3-ObservationInterpretation", judged(analysis, value))]
    return found


def judged(analysis: codes.Analysis, value: float) -> str:
    """H above the interval, L below it, N within."""
    if analysis.high is not None and value > analysis.high:
        return "H"
    return "L" if analysis.low is not None and value < analysis.low else "N"


def quantity(analysis: codes.Analysis, value: float) -> dict[str, Any]:
    amount = round(value, analysis.decimals) if analysis.decimals else round(value)
    return {"value": amount, "unit": analysis.unit, "system": codes.UCUM, "code": analysis.unit}


def pressure(systolic: float, diastolic: float) -> Resource:
    """Blood pressure as LOINC's panel with its two parts."""
    parts = (("8480-6", "Systoliskt blodtryck", systolic), ("8462-4", "Diastoliskt blodtryck", diastolic))
    return {
        "code": codes.concept(codes.LOINC, "85354-9", "Blodtryck"),
        "component": [
            {
                "code": codes.concept(codes.LOINC, code, name),
                "valueQuantity": {"value": round(value), "unit": "mmHg", "system": codes.UCUM, "code": "mm[Hg]"},
            }
            for code, name, value in parts
        ],
    }
