"""When a patient was born, as the record says it: what the rules for children and their guardians depend on (PAT-03 to -06)."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from typing import Any

from fhircore.identifiers import birth_date


def born(patient: Mapping[str, Any]) -> date | None:
    """The birth date of a Patient; the last day it can be where only a year or a month is known, so that nobody is taken for
    older than they are. Without one, the date of a personnummer; None when there is neither."""
    told = patient.get("birthDate")
    if isinstance(told, str):
        return _latest(told)
    found = (
        birth_date(one["system"], one["value"])
        for one in patient.get("identifier", ())
        if isinstance(one.get("system"), str) and isinstance(one.get("value"), str)
    )
    return next((one for one in found if one is not None), None)


def _latest(text: str) -> date | None:
    parts = [int(part) for part in text.split("-")]
    year, month = parts[0], parts[1] if len(parts) > 1 else 12
    return date(year, month, parts[2] if len(parts) > 2 else monthrange(year, month)[1])
