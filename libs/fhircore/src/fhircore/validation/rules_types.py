"""Invariants of the data types that need more than presence (http://hl7.org/fhir/R4/datatypes.html)."""

from decimal import Decimal
from typing import Any

from fhircore.validation.moments import definitely_after
from fhircore.validation.rules import Rule, has

UCUM = "http://unitsofmeasure.org"
CURRENCY = "urn:iso:std:iso:4217"

Json = dict[str, Any]


def ext_1(v: Json) -> bool:
    """Either nested extensions or a value."""
    if len(v) == 2 and "url" in v and "id" not in v:
        return True  # url and one other field that is known: the common case
    valued = any(key.startswith(("value", "_value")) for key in v)
    return valued != ("extension" in v)


def per_1(v: Json) -> bool:
    """The start is not after the end."""
    return "start" not in v or "end" not in v or not definitely_after(v["start"], v["end"])


def rng_2(v: Json) -> bool:
    """Low is not above high, where both are in the same unit."""
    low, high = v.get("low"), v.get("high")
    if not low or not high or "value" not in low or "value" not in high:
        return True
    if any(low.get(name) != high.get(name) for name in ("system", "code", "unit")):
        return True
    return bool(low["value"] <= high["value"])


def rat_1(v: Json) -> bool:
    """Numerator and denominator together, or neither and an extension."""
    if "numerator" in v:
        return "denominator" in v
    return "denominator" not in v and "extension" in v


def _unit(v: Json, system: str) -> bool:
    return (has(v, "code") or not has(v, "value")) and v.get("system", system) == system


def age_1(v: Json) -> bool:
    """A UCUM unit, and a value above zero."""
    return _unit(v, UCUM) and v.get("value", 1) > 0


def cnt_3(v: Json) -> bool:
    """A whole number with the UCUM unit 1."""
    value = v.get("value", 0)
    whole = value.__class__ is int or (
        isinstance(value, Decimal) and value == value.to_integral_value() and "." not in str(value)
    )
    return _unit(v, UCUM) and v.get("code", "1") == "1" and whole


def dis_1(v: Json) -> bool:
    """A UCUM unit."""
    return _unit(v, UCUM)


def drt_1(v: Json) -> bool:
    """A code needs the UCUM system and a value."""
    return not has(v, "code") or (v.get("system") == UCUM and has(v, "value"))


def tim_4(v: Json) -> bool:
    """The duration is not negative."""
    return bool(v.get("duration", 0) >= 0)


def tim_5(v: Json) -> bool:
    """The period is not negative."""
    return bool(v.get("period", 0) >= 0)


def tim_9(v: Json) -> bool:
    """An offset needs a `when` that is not a meal itself."""
    return not has(v, "offset") or (has(v, "when") and not {"C", "CM", "CD", "CV"} & set(v.get("when", ())))


def trd_3(v: Json) -> bool:
    """A named event needs a name, a periodic event a timing, a data event its data."""
    kind = v.get("type", "")
    if kind == "named-event":
        return has(v, "name")
    if kind == "periodic":
        return any(key.startswith(("timing", "_timing")) for key in v)
    return not kind.startswith("data-") or "data" in v


def mqty_1(v: Json) -> bool:
    """Money as a quantity has a currency as its unit."""
    return _unit(v, CURRENCY)


TYPE_RULES: dict[str, dict[str, Rule]] = {
    "Age": {"age-1": age_1},
    "Count": {"cnt-3": cnt_3},
    "Distance": {"dis-1": dis_1},
    "Duration": {"drt-1": drt_1},
    "Extension": {"ext-1": ext_1},
    "MoneyQuantity": {"mqty-1": mqty_1},
    "Period": {"per-1": per_1},
    "Range": {"rng-2": rng_2},
    "Ratio": {"rat-1": rat_1},
    "Timing.repeat": {"tim-4": tim_4, "tim-5": tim_5, "tim-9": tim_9},
    "TriggerDefinition": {"trd-3": trd_3},
}
