"""Sets of vital signs as rows: what was measured together stands together, and what was not measured is a word (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from application_platform.portal.entry import display
from application_platform.portal.swedish import Moment, moment
from application_platform.portal.values import Value, codes_of, result
from application_platform.portal.vitals.score import News2, news2
from fhircore import vitals as terms
from fhircore.vitals import QUANTITIES

Resource = Mapping[str, Any]

_BY_CODE = {code: one.name for one in QUANTITIES.values() for code in one.codes}
_BY_CODE |= {terms.PRESSURE: "pressure", terms.CONSCIOUSNESS: "consciousness", "oxygen": "oxygen"}
COLUMNS = {
    "respirations": "Andning /min",
    "spo2": "SpO2 %",
    "oxygen": "Syrgas",
    "pressure": "Blodtryck mmHg",
    "pulse": "Puls /min",
    "consciousness": "Medvetande",
    "temperature": "Temp °C",
}


@dataclass(slots=True)
class Panel:
    """What was measured at one time: values by column, the score where there is one, and by whom."""

    at: Moment
    by: str = ""
    score: News2 | None = None
    values: dict[str, Value] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)  # as it would be typed, to correct from
    withdrawn: bool = False

    @property
    def id(self) -> str:
        """Of the panel that can be corrected; "" for loose values."""
        return self.score.id if self.score else ""


def panels(observations: Iterable[Resource], now: datetime) -> list[Panel]:
    """Newest first. Members of a NEWS2 stand in its row; loose values with those of the same minute."""
    held = {f"Observation/{one.get('id')}": one for one in observations}
    rows: list[Panel] = []
    loose: dict[str, Panel] = {}
    for key in [key for key, one in held.items() if terms.NEWS2 in codes_of(one.get("code"))]:
        one = held.pop(key)
        at = moment(one.get("effectiveDateTime"))
        if at is None:
            continue
        row = Panel(at, _by(one), news2(one, now), withdrawn=one.get("status") == "entered-in-error")
        for member in one.get("hasMember", ()):
            found = held.pop(str(member.get("reference", "")), None)
            if found is not None:
                _into(row, found)
        rows.append(row)
    for one in held.values():
        at = moment(one.get("effectiveDateTime"))
        if at is None or _column(one) is None:
            continue
        withdrawn = one.get("status") == "entered-in-error"
        row = loose.setdefault(f"{at.iso[:16]} {withdrawn}", Panel(at, _by(one), withdrawn=withdrawn))
        _into(row, one)
    return sorted([*rows, *loose.values()], key=lambda row: row.at.at, reverse=True)


def merged(*lists: Sequence[Resource]) -> list[Resource]:
    """The same resource from several records once, in its newest version."""
    found: dict[str, Resource] = {}
    for one in (one for listed in lists for one in listed):
        key, stamp = f"{one.get('resourceType')}/{one.get('id')}", str(one.get("meta", {}).get("lastUpdated", ""))
        if key not in found or stamp >= str(found[key].get("meta", {}).get("lastUpdated", "")):
            found[key] = one
    return list(found.values())


def _column(one: Resource) -> str | None:
    return next((_BY_CODE[code] for code in codes_of(one.get("code")) if code in _BY_CODE), None)


def _into(row: Panel, one: Resource) -> None:
    column = _column(one)
    if column is None:
        return
    row.values.setdefault(column, result(one).value)
    row.by = row.by or _by(one)
    if column == "pressure":
        for part in one.get("component", ()):
            name = next((_BY_CODE.get(code, "") for code in codes_of(part.get("code"))), "")
            amount = part.get("valueQuantity", {}).get("value")
            if name and amount is not None:
                row.raw[name] = _typed(amount)
    elif column == "oxygen":
        row.raw[column] = "ja" if one.get("valueBoolean") else "nej"
    elif column == "consciousness":
        row.raw[column] = next(iter(codes_of(one.get("valueCodeableConcept")) & set(terms.LEVEL_TEXTS)), "")
    else:
        amount = one.get("valueQuantity", {}).get("value")
        row.raw[column] = _typed(amount) if amount is not None else ""


def _typed(amount: object) -> str:
    return str(amount).replace(".", ",")


def _by(one: Resource) -> str:
    return next((name for each in one.get("performer", ()) if (name := display(each))), "")
