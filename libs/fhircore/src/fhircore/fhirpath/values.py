"""FHIR elements as System values, and collections as the one value that is needed (http://hl7.org/fhir/R4/fhirpath.html#types)."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from fhircore.fhirpath import moments
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.hierarchy import QUANTITIES
from fhircore.fhirpath.model import Node
from fhircore.fhirpath.moments import Moment
from fhircore.fhirpath.quantity import Quantity

NUMBERS = (int, Decimal)
UCUM = "http://unitsofmeasure.org"
# UCUM codes of FHIR quantities that mean calendar durations (http://hl7.org/fhir/R4/fhirpath.html#quantity).
_CALENDAR = {"a": "year", "mo": "month", "d": "day", "h": "hour", "min": "minute", "s": "second"}


def _decimal(value: Any) -> Any:
    return value if value.__class__ is Decimal else Decimal(str(value))


_FROM_TYPE: dict[str, Callable[[Any], Any]] = {
    "date": lambda value: moments.date(value) or value,
    "dateTime": lambda value: moments.datetime_of(value) or value,
    "instant": lambda value: moments.datetime_of(value) or value,
    "time": lambda value: moments.time(value) or value,
}
_PLAIN_FLOAT = float  # JSON read without Decimal


def system(item: Any) -> Any:
    """The System value of an item; a node without value, or of a complex type that has none, stays what it is."""
    if item.__class__ is not Node:
        return item
    value = item.value
    kind = value.__class__
    if kind is str:
        convert = _FROM_TYPE.get(item.type)
        return value if convert is None else convert(value)
    if kind is dict:
        return _quantity_of(item) if item.type in QUANTITIES else item
    if kind is int:
        return _decimal(value) if item.type == "decimal" else value
    return _decimal(value) if kind is _PLAIN_FLOAT else item if value is None else value


def _quantity_of(item: Node) -> Any:
    value = item.value.get("value")
    if value.__class__ not in (int, Decimal, _PLAIN_FLOAT) or "comparator" in item.value:
        return item
    system_name, code = item.value.get("system"), item.value.get("code")
    if code.__class__ is not str or system_name is None:
        unit = item.value.get("unit") or code
        return Quantity(_decimal(value), unit if unit.__class__ is str else "1")
    if system_name != UCUM:
        return Quantity(_decimal(value), f"{system_name}|{code}")
    word = _CALENDAR.get(code)
    return Quantity(_decimal(value), word or code, word is not None)


def plain(item: Any) -> Any:
    """What a caller gets: the JSON of a node, else the System value itself."""
    return item.value if item.__class__ is Node else item


def one(items: list[Any], what: str) -> Any:
    """The System value of a collection of at most one item; None when it has none. Raises PathError for several."""
    if not items:
        return None
    if len(items) > 1:
        raise PathError(f"{what} needs a single value but got {len(items)}.")
    value = system(items[0])
    return None if value.__class__ is Node and value.value is None else value


def truth(items: list[Any], what: str) -> bool | None:
    """A collection as a boolean: a single item that is no boolean counts as true, none as unknown."""
    value = one(items, what)
    return value if value is None or value.__class__ is bool else True


def text(items: list[Any], what: str) -> str | None:
    """A single string, or None. Raises PathError for anything else."""
    value = one(items, what)
    if value is None or value.__class__ is str:
        return value
    if value.__class__ is Moment and items[0].__class__ is Node:
        return str(items[0].value)
    raise PathError(f"{what} needs a string.")


def integer(items: list[Any], what: str) -> int | None:
    """A single integer, or None. Raises PathError for anything else."""
    value = one(items, what)
    if value is None or value.__class__ is int:
        return value
    raise PathError(f"{what} needs an integer.")


def number(items: list[Any], what: str) -> int | Decimal | None:
    """A single integer or decimal, or None. Raises PathError for anything else."""
    value = one(items, what)
    if value is None or value.__class__ in NUMBERS:
        return value
    raise PathError(f"{what} needs a number.")


def as_quantity(value: Any) -> Any:
    """A number as a quantity of unit 1; anything else as it is."""
    return Quantity(Decimal(value)) if value.__class__ in NUMBERS else value


def rounded(value: Decimal, digits: int) -> Decimal:
    """Half away from zero, to so many digits after the point."""
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
