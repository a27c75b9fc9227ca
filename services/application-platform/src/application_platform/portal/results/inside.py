"""Whether an answer is wholly inside its reference intervals, so that it may be acknowledged together with others (pure).

Strict: what is not a plain final number with limits in its own unit, or what says anything in words, is read one by one.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from application_platform.portal.entry import reference
from application_platform.portal.values import codes_of

Resource = Mapping[str, Any]

_WORDS = ("note", "component", "dataAbsentReason", "hasMember")


def all_inside(report: Resource, held: Mapping[str, Resource]) -> bool:
    """`held`: what came with the report, by "Type/id". A corrected report, one with words or without values is never inside."""
    if report.get("status") != "final" or any(
        report.get(word) for word in ("conclusion", "conclusionCode", "presentedForm")
    ):
        return False
    named = [reference(one) for one in report.get("result", ())]
    return bool(named) and all(name in held and inside(held[name]) for name in named)


def inside(observation: Resource) -> bool:
    """One final number, without comparator, component or comment, within the only limits it is given with."""
    if observation.get("status") != "final" or any(observation.get(word) for word in _WORDS):
        return False
    marks = {coding.get("code") for one in observation.get("interpretation", ()) for coding in one.get("coding", ())}
    ranges = observation.get("referenceRange", ())
    value = observation.get("valueQuantity", {})
    if marks - {"N"} or len(ranges) != 1 or value.get("comparator") or codes_of(ranges[0].get("type")) - {"normal"}:
        return False
    limits = [ranges[0][name] for name in ("low", "high") if name in ranges[0]]
    number = _number(value)
    if number is None or not limits or any(_unit(one) != _unit(value) or _number(one) is None for one in limits):
        return False
    low, high = _number(ranges[0].get("low", {})), _number(ranges[0].get("high", {}))
    return (low is None or number >= low) and (high is None or number <= high)


def _unit(quantity: Resource) -> str:
    return str(quantity.get("code") or quantity.get("unit") or "")


def _number(quantity: Resource) -> Decimal | None:
    try:
        found = Decimal(str(quantity["value"]))
    except (KeyError, InvalidOperation):
        return None
    return found if found.is_finite() else None
