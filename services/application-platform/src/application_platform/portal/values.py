"""What was measured, as it is read: value, unit, arrow and reference of an Observation (spec look §6, Value)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from application_platform.portal.swedish import moment, number, unit

Resource = Mapping[str, Any]

_HIGH = {"H", "HU", "HX", ">"}
_LOW = {"L", "LU", "LX", "<"}
_ABNORMAL = {"A", "POS", "R", "DET", "RR", "WR"}
_CRITICAL = {"HH": "up", "LL": "down", "AA": ""}
_WORDS = {"up": "högt", "down": "lågt", "": "avvikande"}
_CRITICAL_WORDS = {"up": "kritiskt högt", "down": "kritiskt lågt", "": "kritiskt avvikande"}
# data-absent-reason (HL7 terminology): said in words, never as a dash.
_ABSENT = {
    "not-performed": "ej tagen",
    "not-asked": "ej tillfrågad",
    "asked-declined": "avböjt",
    "temp-unknown": "svar väntar",
    "error": "kunde inte mätas",
    "unsupported": "stöds inte",
    "masked": "visas inte",
}
_COMPARED = {"<": "<\u00a0", ">": ">\u00a0", "<=": "högst\u00a0", ">=": "minst\u00a0"}
_SYSTOLIC, _DIASTOLIC = "8480-6", "8462-4"  # LOINC


@dataclass(frozen=True, slots=True)
class Value:
    """One value as shown. `look` is "", "abnormal" or "critical"; `arrow` is "", "up" or "down"."""

    number: str
    unit: str = ""
    look: str = ""
    arrow: str = ""
    word: str = ""
    is_text: bool = False

    @property
    def plain(self) -> str:
        """For a sentence: 5,6 mmol/L."""
        return f"{self.number}\u00a0{self.unit}" if self.unit else self.number


@dataclass(frozen=True, slots=True)
class Result:
    """One analysis with its value and reference interval."""

    name: str
    value: Value
    reference: str = ""
    key: str = ""  # "Observation/[id]"


def result(observation: Resource) -> Result:
    """The row of an Observation; a value that is missing becomes a word."""
    reference, limits = reference_of(observation)
    shown = _value(observation)
    arrow, look = _judgement(observation, limits)
    word = (_CRITICAL_WORDS if look == "critical" else _WORDS)[arrow] if look else ""
    value = Value(shown.number, shown.unit, look, arrow, word, shown.is_text)
    name = text_of(observation.get("code")) or "Namnlös analys"
    return Result(name, value, reference, key_of(observation))


def results(observation: Resource) -> tuple[Result, ...]:
    """The rows of an Observation: one, or one for each component (blood pressure is one: 108/62)."""
    parts = [part for part in observation.get("component", ()) if isinstance(part, Mapping)]
    if (
        not parts or _pressure(observation) is not None or observation.get("hasMember")
    ):  # a score says itself what it is
        return (result(observation),)
    return tuple(result({**part, "id": observation.get("id"), "resourceType": "Observation"}) for part in parts)


def text_of(concept: object) -> str:
    """What a CodeableConcept is called: its text, else a display (Swedish first), else a code."""
    if not isinstance(concept, Mapping):
        return ""
    if concept.get("text"):
        return str(concept["text"])
    codings = [coding for coding in concept.get("coding", ()) if isinstance(coding, Mapping)]
    for coding in codings:
        if coding.get("display"):
            return str(coding["display"])
    return next((str(coding["code"]) for coding in codings if coding.get("code")), "")


def codes_of(concepts: object) -> set[str]:
    """Every code in one CodeableConcept or a list of them."""
    listed = concepts if isinstance(concepts, Sequence) and not isinstance(concepts, str) else [concepts]
    return {
        str(coding.get("code"))
        for concept in listed
        if isinstance(concept, Mapping)
        for coding in concept.get("coding", ())
        if isinstance(coding, Mapping)
    }


def key_of(resource: Resource) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def quantity(found: Resource) -> tuple[str, str]:
    """Number (with its comparator) and unit."""
    amount = number(found["value"]) if "value" in found else ""
    sign = _COMPARED.get(str(found.get("comparator", "")), "")
    return sign + amount, unit(str(found.get("unit") or found.get("code") or ""))


def _value(observation: Resource) -> Value:
    pressure = _pressure(observation)
    if pressure is not None:
        return pressure
    if isinstance(observation.get("valueQuantity"), Mapping):
        amount, measure = quantity(observation["valueQuantity"])
        return Value(amount or "svar saknas", measure, is_text=not amount)
    written = _written(observation)
    if written:
        return Value(written, is_text=True)
    absent = observation.get("dataAbsentReason")
    if observation.get("hasMember") and text_of(absent):  # why a score has no sum
        return Value(text_of(absent), is_text=True)
    reason = codes_of(absent)
    return Value(next((_ABSENT[code] for code in reason if code in _ABSENT), "svar saknas"), is_text=True)


def _written(observation: Resource) -> str:
    """The value of every kind that is not a quantity, as text."""
    if "valueCodeableConcept" in observation:
        return text_of(observation["valueCodeableConcept"])
    if "valueString" in observation:
        return str(observation["valueString"])
    if "valueBoolean" in observation:
        return "ja" if observation["valueBoolean"] else "nej"
    if "valueInteger" in observation:
        return number(observation["valueInteger"])
    for name in ("valueDateTime", "valueTime"):
        if name in observation:
            found = moment(observation[name])
            return f"{found.date} {found.clock}".strip() if found else str(observation[name])
    return _written_pair(observation)


def _written_pair(observation: Resource) -> str:
    """Range and ratio."""
    low_high = observation.get("valueRange")
    if isinstance(low_high, Mapping):
        return _interval(low_high.get("low"), low_high.get("high"), with_unit=True)
    ratio = observation.get("valueRatio")
    if isinstance(ratio, Mapping):
        parts = (quantity(ratio.get("numerator", {})), quantity(ratio.get("denominator", {})))
        return ":".join(f"{amount}\u00a0{measure}".strip() for amount, measure in parts)
    return ""


def _pressure(observation: Resource) -> Value | None:
    """108/62 mmHg when both parts of a blood pressure are there."""
    found: dict[str, Resource] = {}
    for part in observation.get("component", ()):
        if isinstance(part, Mapping) and isinstance(part.get("valueQuantity"), Mapping):
            for code in codes_of(part.get("code")):
                found[code] = part["valueQuantity"]
    if _SYSTOLIC not in found or _DIASTOLIC not in found:
        return None
    upper, measure = quantity(found[_SYSTOLIC])
    lower, _ = quantity(found[_DIASTOLIC])
    return Value(f"{upper}/{lower}", measure)


def _judgement(observation: Resource, limits: tuple[Decimal | None, Decimal | None]) -> tuple[str, str]:
    """(arrow, look). What the laboratory says comes first; without its word the reference interval decides."""
    codes = codes_of(observation.get("interpretation"))
    for code, arrow in _CRITICAL.items():
        if code in codes:
            return arrow, "critical"
    for names, arrow in ((_HIGH, "up"), (_LOW, "down"), (_ABNORMAL, "")):
        if codes & names:
            return arrow, "abnormal"
    if codes:
        return "", ""
    return _outside(observation.get("valueQuantity"), limits)


def _outside(found: object, limits: tuple[Decimal | None, Decimal | None]) -> tuple[str, str]:
    amount = decimal(found.get("value")) if isinstance(found, Mapping) and not found.get("comparator") else None
    low, high = limits
    if amount is None:
        return "", ""
    if high is not None and amount > high:
        return "up", "abnormal"
    return ("down", "abnormal") if low is not None and amount < low else ("", "")


def reference_of(observation: Resource) -> tuple[str, tuple[Decimal | None, Decimal | None]]:
    """The normal reference interval as text, and its limits where they are in the value's own unit."""
    normal = [
        found
        for found in observation.get("referenceRange", ())
        if isinstance(found, Mapping) and codes_of(found.get("type")) <= {"normal", "None"}
    ]
    if len(normal) != 1:
        return "; ".join(_interval_text(found) for found in normal if _interval_text(found)), (None, None)
    found = normal[0]
    comparable = all(_same_unit(observation.get("valueQuantity"), found.get(side)) for side in ("low", "high"))
    limits = tuple(decimal((found.get(side) or {}).get("value")) if comparable else None for side in ("low", "high"))
    return _interval_text(found), (limits[0], limits[1])


def _interval_text(found: Resource) -> str:
    return _interval(found.get("low"), found.get("high")) or str(found.get("text", ""))


def _same_unit(value: object, limit: object) -> bool:
    if not isinstance(value, Mapping) or not isinstance(limit, Mapping):
        return limit is None
    named = [{found.get("code"), found.get("unit")} - {None} for found in (value, limit)]
    return not named[0] or not named[1] or bool(named[0] & named[1])


def _interval(low: object, high: object, *, with_unit: bool = False) -> str:
    """3,5–5,0 · < 450 · > 60"""
    bottom, unit_low = quantity(low) if isinstance(low, Mapping) else ("", "")
    top, unit_high = quantity(high) if isinstance(high, Mapping) else ("", "")
    tail = f"\u00a0{unit_low or unit_high}" if with_unit and (unit_low or unit_high) else ""
    if bottom and top:
        return f"{bottom}–{top}{tail}"
    if top:
        return f"<\u00a0{top}{tail}"
    return f">\u00a0{bottom}{tail}" if bottom else ""


def decimal(value: object) -> Decimal | None:
    try:
        return Decimal(str(value)) if value is not None else None
    except InvalidOperation:
        return None
