"""A dose, written in words from its parts so that the two never differ, and taken apart again (spec applications §5.2; pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from application_platform.portal.swedish import NBSP
from application_platform.portal.swedish import dose as number

Resource = Mapping[str, Any]

# Units of one dose, as one and as many.
UNITS = {
    "tablett": "tabletter",
    "kapsel": "kapslar",
    "ml": "ml",
    "mg": "mg",
    "g": "g",
    "mikrogram": "mikrogram",
    "enheter": "enheter",
    "droppe": "droppar",
    "inhalation": "inhalationer",
    "sprayning": "sprayningar",
    "dospåse": "dospåsar",
    "plåster": "plåster",
    "stolpiller": "stolpiller",
}
# How it is taken, where the form of the medicine does not say it (NLL-07).
ROUTES = ("via munnen", "under huden", "i muskel", "i ven", "på huden", "i ögat", "i örat", "i näsan", "som inhalation",
          "i ändtarmen", "i slidan")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dose:
    """`amount` of `unit` so many `times` a day, or as needed with at most `most` a day; `more`: the rest in words. `route` is
    one of ROUTES, "" where the form says it."""

    amount: str = ""
    unit: str = ""
    times: str = ""
    needed: bool = False
    most: str = ""
    more: str = ""
    route: str = ""

    @property
    def structured(self) -> bool:
        return bool(self.amount)


def wrong(dose: Dose) -> dict[str, str]:
    """What is to be written otherwise, by the name of the field."""
    found: dict[str, str] = {}
    if dose.amount:
        if _decimal(dose.amount) is None:
            found["amount"] = "Skriv dosen som ett tal, till exempel 1 eller 0,5."
        if dose.unit not in UNITS:
            found["unit"] = "Välj enhet."
        if not dose.needed and not (dose.times.isdecimal() and 1 <= int(dose.times) <= 24):
            found["times"] = "Ange hur många gånger per dag, eller välj vid behov."
        if dose.needed and _decimal(dose.most) is None:
            found["most"] = "Ange högsta antal per dygn när läkemedlet tas vid behov."
        if dose.route and dose.route not in ROUTES:
            found["route"] = "Välj hur läkemedlet tas."
    elif not dose.more.strip():
        found["amount"] = "Ange dos."
    return found


def words(dose: Dose) -> str:
    """1 tablett 2 gånger per dag, kl. 08:00 och 20:00 · 1 tablett vid behov, högst 3 tabletter per dygn."""
    more = " ".join(dose.more.split())
    if not dose.structured:
        return more
    often = f"vid behov, högst {_of(dose.most, dose.unit)} per dygn" if dose.needed else _often(dose.times)
    said = " ".join(one for one in (_of(dose.amount, dose.unit), dose.route, often) if one)
    return f"{said}, {more}" if more else said


def instruction(dose: Dose) -> dict[str, Any]:
    """The Dosage of FHIR (http://hl7.org/fhir/R4/dosage.html): the words, and the same in parts where they are known."""
    found: dict[str, Any] = {"text": words(dose).replace(NBSP, " ")}
    if not dose.structured:
        return found
    if more := " ".join(dose.more.split()):
        found["additionalInstruction"] = [{"text": more}]
    if dose.route:
        found["route"] = {"text": dose.route}
    found["doseAndRate"] = [{"doseQuantity": {"value": _plain(dose.amount), "unit": dose.unit}}]
    if dose.needed:
        per = {"value": 1, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}
        most = {"numerator": {"value": _plain(dose.most), "unit": dose.unit}, "denominator": per}
        return {**found, "asNeededBoolean": True, "maxDosePerPeriod": most}
    return {**found, "timing": {"repeat": {"frequency": int(dose.times), "period": 1, "periodUnit": "d"}}}


def taken_apart(dosage: Resource) -> Dose:
    """The parts of a dose that was written here; of another one its words alone, which are left as they are."""
    rates: list[Resource] = dosage.get("doseAndRate", [])
    given: Resource = rates[0].get("doseQuantity", {}) if rates else {}
    repeat = dosage.get("timing", {}).get("repeat", {})
    needed = dosage.get("asNeededBoolean") is True
    more = " ".join(str(one.get("text", "")) for one in dosage.get("additionalInstruction", ())).strip()
    dose = Dose(
        amount=number(given.get("value", "")) if given else "",
        unit=str(given.get("unit", "")),
        times="" if needed else str(repeat.get("frequency", "")),
        needed=needed,
        most=number(dosage.get("maxDosePerPeriod", {}).get("numerator", {}).get("value", "")) if needed else "",
        more=more,
        route=str(dosage.get("route", {}).get("text", "")),
    )
    said = str(dosage.get("text", ""))
    return dose if given and not wrong(dose) and words(dose).replace(NBSP, " ") == said else Dose(more=said)


def _often(times: str) -> str:
    return f"{times}{NBSP}gång per dag" if times == "1" else f"{times}{NBSP}gånger per dag"


def _of(amount: str, unit: str) -> str:
    value = _decimal(amount)
    one = value is not None and value <= 1
    return f"{number(_plain(amount))}{NBSP}{unit if one else UNITS.get(unit, unit)}"


def _decimal(text: str) -> Decimal | None:
    """A positive number with a decimal comma, as people write it."""
    try:
        value = Decimal(text.strip().replace(",", ".").replace(NBSP, "").replace(" ", ""))
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 < value < 1_000_000 else None


def _plain(text: str) -> int | float:
    """The number as JSON has it."""
    value = _decimal(text) or Decimal(0)
    return int(value) if value == value.to_integral_value() else float(value)
