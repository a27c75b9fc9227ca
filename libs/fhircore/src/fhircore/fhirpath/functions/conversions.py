"""Conversion between System types (http://hl7.org/fhirpath/N1/index.html#conversion)."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhircore.fhirpath import moments, quantity
from fhircore.fhirpath.arithmetic import MAX_INTEGER, answer
from fhircore.fhirpath.functions.registry import function
from fhircore.fhirpath.model import Node
from fhircore.fhirpath.moments import Moment
from fhircore.fhirpath.quantity import WORDS, Quantity
from fhircore.fhirpath.runtime import Env, Items
from fhircore.fhirpath.values import NUMBERS, one, text

_INTEGER = re.compile(r"[+-]?\d{1,19}")
_DECIMAL = re.compile(r"[+-]?\d{1,400}(?:\.\d{1,400})?")
_TRUE = ("true", "t", "yes", "y", "1", "1.0")
_FALSE = ("false", "f", "no", "n", "0", "0.0")


def to_boolean(value: Any) -> bool | None:
    if value.__class__ is bool:
        return bool(value)
    if value.__class__ in NUMBERS:
        return bool(value) if value in (0, 1) else None
    if value.__class__ is str:
        folded = value.lower()
        return True if folded in _TRUE else False if folded in _FALSE else None
    return None


def to_integer(value: Any) -> int | None:
    if value.__class__ in (int, bool):
        return int(value)
    if value.__class__ is str and _INTEGER.fullmatch(value):
        found = int(value)
        return found if abs(found) <= MAX_INTEGER else None
    return None


def to_decimal(value: Any) -> Decimal | None:
    if value.__class__ is Decimal:
        return Decimal(value)
    if value.__class__ in (int, bool):
        return Decimal(int(value))
    return Decimal(value) if value.__class__ is str and _DECIMAL.fullmatch(value) else None


def to_string(value: Any) -> str | None:
    if value.__class__ is bool:
        return "true" if value else "false"
    if value.__class__ is Decimal:
        return f"{value:f}"
    return str(value) if value.__class__ in (int, str, Moment, Quantity) else None


def to_date(value: Any) -> Moment | None:
    if value.__class__ is str:
        found = moments.datetime_of(value)
        return None if found is None else to_date(found)
    if value.__class__ is Moment and value.kind != "Time":
        return Moment("Date", value.parts[:3])
    return None


def to_datetime(value: Any) -> Moment | None:
    if value.__class__ is str:
        return moments.datetime_of(value)
    if value.__class__ is Moment and value.kind != "Time":
        return Moment("DateTime", value.parts, value.zone)
    return None


def to_time(value: Any) -> Moment | None:
    if value.__class__ is str:
        return moments.time(value.removeprefix("T"))
    return value if value.__class__ is Moment and value.kind == "Time" else None


def to_quantity(value: Any) -> Quantity | None:
    if value.__class__ is Quantity:
        return value
    if value.__class__ in (int, Decimal, bool):
        return Quantity(Decimal(value))
    return quantity.parse(value) if value.__class__ is str else None


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "Boolean": to_boolean,
    "Integer": to_integer,
    "Decimal": to_decimal,
    "String": to_string,
    "Date": to_date,
    "DateTime": to_datetime,
    "Time": to_time,
}


def _enter(name: str, convert: Callable[[Any], Any]) -> None:
    def to(env: Env, items: Items) -> Items:
        value = one(items, f"to{name}()")
        return [] if value is None or value.__class__ is Node else answer(convert(value))

    def converts(env: Env, items: Items) -> Items:
        value = one(items, f"convertsTo{name}()")
        return [] if value is None else [value.__class__ is not Node and convert(value) is not None]

    function(f"to{name}")(to)
    function(f"convertsTo{name}")(converts)


for _name, _convert in _CONVERTERS.items():
    _enter(_name, _convert)


@function("toQuantity", 0, 1)
def quantity_of(env: Env, items: Items, unit: Items | None = None) -> Items:
    found = to_quantity(one(items, "toQuantity()"))
    wanted = text(unit, "toQuantity()") if unit else None
    wanted = None if wanted is None else wanted.strip("'")
    if found is None or wanted is None:
        return answer(found)
    same_unit = found.unit == wanted and found.calendar == (wanted in WORDS)
    return answer(found if same_unit else quantity.in_unit(found, wanted))


@function("convertsToQuantity", 0, 1)
def converts_to_quantity(env: Env, items: Items, unit: Items | None = None) -> Items:
    return [bool(quantity_of(env, items, unit))] if items else []
