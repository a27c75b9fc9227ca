"""Arithmetic on numbers, quantities, dates and strings (http://hl7.org/fhirpath/N1/index.html#math)."""

from collections.abc import Callable
from decimal import Context, Decimal, DecimalException
from typing import Any

from fhircore.fhirpath import moments, quantity
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.moments import Moment
from fhircore.fhirpath.quantity import Quantity
from fhircore.fhirpath.runtime import Items, limited_text
from fhircore.fhirpath.values import NUMBERS, as_quantity, one

CONTEXT = Context(prec=28, Emax=400, Emin=-400)
MAX_INTEGER = 2**63 - 1
Operator = Callable[[Items, Items], Items]


def answer(value: Any) -> Items:
    """A value as a collection; None is empty."""
    return [] if value is None else [value]


def _arithmetic(operator: str, compute: Callable[[Any, Any], Any]) -> Operator:
    def calculate(left: Items, right: Items) -> Items:
        a, b = one(left, operator), one(right, operator)
        if a is None or b is None:
            return []
        try:
            found = compute(a, b)
        except DecimalException:
            return []
        if found is NotImplemented:
            raise PathError(f"{operator} is not defined for these types.")
        return answer(bounded(found))

    return calculate


def bounded(value: Any) -> Any:
    """None instead of an integer that overflows."""
    return None if value.__class__ is int and abs(value) > MAX_INTEGER else value


def _numbers(a: Any, b: Any) -> bool:
    return a.__class__ in NUMBERS and b.__class__ in NUMBERS


def decimal(value: Any) -> Decimal:
    """An integer or decimal as a decimal."""
    return value if value.__class__ is Decimal else Decimal(value)


def _plus(a: Any, b: Any) -> Any:
    if _numbers(a, b):
        return a + b if a.__class__ is int and b.__class__ is int else CONTEXT.add(decimal(a), decimal(b))
    if a.__class__ is str and b.__class__ is str:
        return limited_text(a + b)
    if a.__class__ is Moment and b.__class__ is Quantity:
        return _moved(a, b, 1)
    return _quantities(a, b, 1)


def _minus(a: Any, b: Any) -> Any:
    if _numbers(a, b):
        return a - b if a.__class__ is int and b.__class__ is int else CONTEXT.subtract(decimal(a), decimal(b))
    if a.__class__ is Moment and b.__class__ is Quantity:
        return _moved(a, b, -1)
    return _quantities(a, b, -1)


def _quantities(a: Any, b: Any, sign: int) -> Any:
    if a.__class__ is not Quantity or b.__class__ is not Quantity:
        return NotImplemented
    other = b if b.unit == a.unit else quantity.in_unit(b, a.unit)
    return None if other is None else Quantity(CONTEXT.add(a.value, sign * other.value), a.unit, a.calendar)


def _moved(moment: Moment, by: Quantity, sign: int) -> Moment | None:
    unit = quantity.calendar_unit(by)
    if unit is None:
        raise PathError("A date or time can only be moved by a calendar duration.")
    if moment.kind == "Time" and unit not in ("hour", "minute", "second", "millisecond"):
        raise PathError("A time can only be moved by hours, minutes, seconds and milliseconds.")
    # a definite duration in UCUM moves by whole units, as the official tests have it
    amount = by.value if by.calendar and unit == "second" else Decimal(int(by.value))
    return moments.add(moment, sign * amount, unit)


def _times(a: Any, b: Any) -> Any:
    if _numbers(a, b):
        return a * b if a.__class__ is int and b.__class__ is int else CONTEXT.multiply(decimal(a), decimal(b))
    a, b = as_quantity(a), as_quantity(b)
    if a.__class__ is not Quantity or b.__class__ is not Quantity:
        return NotImplemented
    return quantity.times(a, b)


def _over(a: Any, b: Any) -> Any:
    if _numbers(a, b):
        return CONTEXT.divide(decimal(a), decimal(b)) if b else None
    a, b = as_quantity(a), as_quantity(b)
    if a.__class__ is not Quantity or b.__class__ is not Quantity:
        return NotImplemented
    return quantity.over(a, b)


def _div(a: Any, b: Any) -> Any:
    if not _numbers(a, b):
        return NotImplemented
    return int(CONTEXT.divide_int(decimal(a), decimal(b))) if b else None


def _mod(a: Any, b: Any) -> Any:
    if not _numbers(a, b):
        return NotImplemented
    if not b:
        return None
    found = CONTEXT.remainder(decimal(a), decimal(b))
    return int(found) if a.__class__ is int and b.__class__ is int else found


ARITHMETIC: dict[str, Operator] = {
    "+": _arithmetic("+", _plus),
    "-": _arithmetic("-", _minus),
    "*": _arithmetic("*", _times),
    "/": _arithmetic("/", _over),
    "div": _arithmetic("div", _div),
    "mod": _arithmetic("mod", _mod),
}


def negative(items: Items) -> Items:
    """Unary minus."""
    value = one(items, "-")
    if value is None:
        return []
    if value.__class__ is Quantity:
        return [Quantity(-value.value, value.unit, value.calendar)]
    if value.__class__ in NUMBERS:
        return [-value]
    raise PathError("- needs a number or a quantity.")


def positive(items: Items) -> Items:
    """Unary plus."""
    value = one(items, "+")
    if value is not None and value.__class__ not in (*NUMBERS, Quantity):
        raise PathError("+ needs a number or a quantity.")
    return answer(value)
