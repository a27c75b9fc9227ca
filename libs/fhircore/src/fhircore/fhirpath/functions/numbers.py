"""Functions of numbers (http://hl7.org/fhirpath/N1/index.html#math)."""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, DecimalException
from typing import Any

from fhircore.fhirpath.arithmetic import CONTEXT, answer, bounded, decimal
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.functions.registry import function
from fhircore.fhirpath.quantity import Quantity
from fhircore.fhirpath.runtime import Env, Items
from fhircore.fhirpath.values import integer, number, one, rounded


def _safely(compute: Callable[[], Any]) -> Items:
    """Empty instead of a result that does not exist or is too large."""
    try:
        found = compute()
    except (DecimalException, OverflowError, ValueError):
        return []
    if found.__class__ is Decimal and not found.is_finite():
        return []
    return answer(bounded(found))


@function("abs")
def absolute(env: Env, items: Items) -> Items:
    value = one(items, "abs()")
    if value.__class__ is Quantity:
        return [Quantity(abs(value.value), value.unit, value.calendar)]
    found = number(items, "abs()")
    return answer(None if found is None else abs(found))


def _whole(items: Items, what: str, rounding: str) -> Items:
    found = number(items, what)
    return [] if found is None else _safely(lambda: int(decimal(found).to_integral_value(rounding)))


@function("ceiling")
def ceiling(env: Env, items: Items) -> Items:
    return _whole(items, "ceiling()", ROUND_CEILING)


@function("floor")
def floor(env: Env, items: Items) -> Items:
    return _whole(items, "floor()", ROUND_FLOOR)


@function("truncate")
def truncate(env: Env, items: Items) -> Items:
    return _whole(items, "truncate()", "ROUND_DOWN")


@function("exp")
def exponential(env: Env, items: Items) -> Items:
    found = number(items, "exp()")
    return [] if found is None else _safely(lambda: CONTEXT.exp(decimal(found)))


@function("ln")
def natural_logarithm(env: Env, items: Items) -> Items:
    found = number(items, "ln()")
    return [] if found is None or found <= 0 else _safely(lambda: CONTEXT.ln(decimal(found)))


@function("log", 1)
def logarithm(env: Env, items: Items, base: Items) -> Items:
    found, to = number(items, "log()"), number(base, "log()")
    if found is None or to is None or found <= 0 or to <= 0 or to == 1:
        return []
    # one digit less than is carried, so that 16.log(2) is 4 and not 3.999…
    exact = CONTEXT.divide(CONTEXT.ln(decimal(found)), CONTEXT.ln(decimal(to)))
    return _safely(lambda: exact.quantize(Decimal("1e-20")).normalize() + Decimal("0.0"))


@function("power", 1)
def power(env: Env, items: Items, exponent: Items) -> Items:
    base, to = number(items, "power()"), number(exponent, "power()")
    if base is None or to is None:
        return []
    if base.__class__ is int and to.__class__ is int and 0 <= to <= 64:
        return _safely(lambda: base**to)
    return _safely(lambda: CONTEXT.power(decimal(base), decimal(to)))


@function("round", 0, 1)
def round_to(env: Env, items: Items, precision: Items | None = None) -> Items:
    value, digits = number(items, "round()"), integer(precision, "round()") if precision else 0
    if value is None:
        return []
    if digits is None or not 0 <= digits <= 28:
        raise PathError("round() keeps 0 to 28 digits.")
    return _safely(lambda: rounded(decimal(value), digits))


@function("sqrt")
def square_root(env: Env, items: Items) -> Items:
    found = number(items, "sqrt()")
    return [] if found is None or found < 0 else _safely(lambda: CONTEXT.sqrt(decimal(found)))
