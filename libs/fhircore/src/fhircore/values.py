"""FHIR data types as the plain values that a search index keeps (http://hl7.org/fhir/R4/search.html#table).

Numbers become (lo, hi) in floats. A number in a resource is a point (lo == hi): the implicit precision of FHIR belongs
to the value that is asked for (`gt100` is "greater than exactly 100"). Ranges, sampled data and comparators (`<5`) are
real ranges, with infinities for open ends; a point excluded by `<` or `>` is approached to the next float.
"""

from collections.abc import Iterator, Mapping
from math import inf, isfinite, nextafter
from typing import Any

Quantity = tuple[str | None, str | None, float, float]
"""system, code (or unit), lo, hi."""

CURRENCY = "urn:iso:std:iso:4217"
HUMAN_NAME = ("text", "family", "given", "prefix", "suffix")
ADDRESS = ("text", "line", "city", "district", "state", "postalCode", "country")


def number(value: Any) -> float:
    """An integer or decimal as a float. Raises TypeError for what is no number."""
    if value.__class__ is bool or value.__class__ is str:
        raise TypeError("not a number")
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def quantity(value: Mapping[str, Any]) -> list[Quantity]:
    """A Quantity (Age, Duration …) under its code, and under its unit too where that reads differently."""
    if value.get("value") is None:
        return []
    point, comparator = number(value["value"]), value.get("comparator")
    if comparator is None and value.get("unit") == (code := value.get("code")):
        return [(value.get("system"), code, point, point)]
    lo, hi = _compared(point, comparator)
    return [(system, unit, lo, hi) for system, unit in _units(value)]


def money(value: Mapping[str, Any]) -> list[Quantity]:
    """A Money as a quantity of its currency."""
    if value.get("value") is None:
        return []
    amount = number(value["value"])
    currency = value.get("currency")
    return [(None if currency is None else CURRENCY, currency, amount, amount)]


def span(value: Mapping[str, Any]) -> list[Quantity]:
    """A Range under the unit of its limits; open where one is missing."""
    low, high = value.get("low"), value.get("high")
    if low is None and high is None:
        return []
    lo = -inf if low is None or low.get("value") is None else number(low["value"])
    hi = inf if high is None or high.get("value") is None else number(high["value"])
    return [(system, code, lo, hi) for system, code in _units(low or high or {})]


def samples(value: Mapping[str, Any]) -> list[Quantity]:
    """SampledData from its lowest to its highest sample, in the unit of its origin; none when it has no samples."""
    origin = value.get("origin", {})
    zero, factor = number(origin.get("value", 0)), number(value.get("factor", 1))
    found = [zero + factor * float(sample) for sample in value.get("data", "").split() if sample not in ("E", "U", "L")]
    if not found:
        return []
    lo, hi = min(found), max(found)
    if not (isfinite(lo) and isfinite(hi)):
        raise ValueError("not samples")
    return [(system, code, lo, hi) for system, code in _units(origin)]


def _compared(value: float, comparator: str | None) -> tuple[float, float]:
    match comparator:
        case None:
            return value, value
        case "<":
            return -inf, nextafter(value, -inf)
        case "<=":
            return -inf, value
        case ">":
            return nextafter(value, inf), inf
        case ">=":
            return value, inf
    raise ValueError("not a comparator")


def _units(value: Mapping[str, Any]) -> list[tuple[str | None, str | None]]:
    system, code, unit = value.get("system"), value.get("code"), value.get("unit")
    if code is None:
        return [(None, unit)]
    return [(system, code)] if unit is None or unit == code else [(system, code), (None, unit)]


def parts(value: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    """The texts of a HumanName or Address, part by part."""
    for name in names:
        found = value.get(name)
        if found.__class__ is str:
            yield found
        elif found is not None:
            if found.__class__ is not list:
                raise TypeError("neither text nor a list of texts")
            yield from (text for text in found if text is not None)


def reference(value: Any) -> str | None:
    """What a reference names, without its version; None for what stays inside the resource (`#…`)."""
    if value.__class__ is not str:
        raise TypeError("not a reference")
    if value[:1] == "#":
        return None
    return value.partition("/_history/")[0]


def refers_to(value: Mapping[str, Any], type_name: str) -> bool:
    """Whether a Reference points at this type, as far as its text tells (`[base/]Type/id`), or else its `type`."""
    text = value.get("reference") or ""
    owner = text.partition("/_history/")[0].rpartition("/")[0].rpartition("/")[2]
    return bool((owner or value.get("type")) == type_name)
