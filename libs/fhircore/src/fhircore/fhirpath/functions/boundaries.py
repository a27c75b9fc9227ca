"""The least and greatest value that a value of limited precision may stand for (http://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time)."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from fhircore.fhirpath.arithmetic import answer
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.functions.registry import function
from fhircore.fhirpath.moments import Moment, last_day
from fhircore.fhirpath.quantity import Quantity, comparable
from fhircore.fhirpath.runtime import Env, Items
from fhircore.fhirpath.values import as_quantity, integer, one, rounded

MAX_DIGITS = 28
DEFAULT_DIGITS = 8
# Digits of a date or time, by how many parts it has.
_DATE_DIGITS = (4, 6, 8, 10, 12, 17)
_TIME_DIGITS = (2, 4, 9)
_EAST, _WEST = 14 * 60, -12 * 60


@function("lowBoundary", 0, 1)
def low_boundary(env: Env, items: Items, precision: Items | None = None) -> Items:
    return _boundary(items, precision, -1)


@function("highBoundary", 0, 1)
def high_boundary(env: Env, items: Items, precision: Items | None = None) -> Items:
    return _boundary(items, precision, 1)


def _boundary(items: Items, precision: Items | None, side: int) -> Items:
    value, digits = one(items, "Boundary"), integer(precision or [], "Boundary")
    if value is None:
        return []
    if value.__class__ is Moment:
        return answer(_of_moment(value, digits, side))
    if value.__class__ is Quantity:
        found = _of_decimal(value.value, digits, side)
        return [] if found is None else [Quantity(found, value.unit, value.calendar)]
    if value.__class__ in (int, Decimal):
        return answer(_of_decimal(Decimal(value), digits, side))
    raise PathError("Only numbers, quantities, dates and times have boundaries.")


def _of_decimal(value: Decimal, digits: int | None, side: int) -> Decimal | None:
    digits = DEFAULT_DIGITS if digits is None else digits
    if not 0 <= digits <= MAX_DIGITS:
        return None
    exponent = min(0, int(value.as_tuple().exponent))
    if not rounded(value, digits) and -exponent > digits:
        # too small to be seen at this precision
        return rounded(value, digits).copy_sign(value)
    exact = value + side * Decimal(5).scaleb(exponent - 1)
    return exact.quantize(Decimal(1).scaleb(-digits), ROUND_CEILING if side > 0 else ROUND_FLOOR)


def _of_moment(value: Moment, digits: int | None, side: int) -> Moment | None:
    is_time = value.kind == "Time"
    known = _TIME_DIGITS if is_time else _DATE_DIGITS
    digits = (8 if value.kind == "Date" else known[-1]) if digits is None else digits
    if digits not in known or (value.kind == "Date" and digits > 8):
        return None
    parts = (2000, 1, 1, *value.parts) if is_time else value.parts
    if len(parts) == 4:
        # FHIR has no time of hours only: the hour is its first minute
        parts = (*parts, 0)
    full = _filled(parts, side)[3 if is_time else 0 :][: known.index(digits) + 1]
    if is_time:
        return Moment("Time", full)
    if len(full) <= 3:
        return Moment("Date" if value.kind == "Date" or digits <= 8 else "DateTime", full)
    zone = value.zone if value.zone is not None else _EAST if side < 0 else _WEST
    return Moment("DateTime", full, zone)


def _filled(parts: tuple[Any, ...], side: int) -> tuple[Any, ...]:
    """To the millisecond, with the least or greatest of each part that is missing."""
    if side < 0:
        found = (*parts, *(1, 1, 1, 0, 0, Decimal("0.000"))[len(parts) :])
    else:
        year, month = parts[0], parts[1] if len(parts) > 1 else 12
        found = (*parts, *(1, 12, last_day(year, month), 23, 59, Decimal("59.999"))[len(parts) :])
    seconds = Decimal(found[5])
    if len(parts) == 6 and int(seconds.as_tuple().exponent) == 0 and side > 0:
        seconds += Decimal("0.999")
    return (*found[:5], seconds if int(seconds.as_tuple().exponent) <= -3 else seconds.quantize(Decimal("0.001")))


@function("precision")
def precision_of(env: Env, items: Items) -> Items:
    value = one(items, "precision()")
    if value.__class__ in (int, Decimal):
        return [max(0, -int(Decimal(value).as_tuple().exponent))]
    if value.__class__ is Moment:
        known = _TIME_DIGITS if value.kind == "Time" else _DATE_DIGITS
        return [known[len(value.parts) - 1]]
    return []


@function("comparable", 1)
def are_comparable(env: Env, items: Items, other: Items) -> Items:
    left, right = as_quantity(one(items, "comparable()")), as_quantity(one(other, "comparable()"))
    if left is None or right is None:
        return []
    return [left.__class__ is Quantity and right.__class__ is Quantity and comparable(left, right)]
