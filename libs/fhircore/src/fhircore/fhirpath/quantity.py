"""Quantities: UCUM units and calendar durations (http://hl7.org/fhirpath/N1/index.html#quantity)."""

import re
from decimal import Decimal
from fractions import Fraction

import msgspec

from fhircore.fhirpath.ucum import measure

_UNITS = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
WORDS = {**{unit: unit for unit in _UNITS}, **{unit + "s": unit for unit in _UNITS}}
_TO_UCUM = dict(zip(_UNITS[2:], ("wk", "d", "h", "min", "s", "ms"), strict=True))
_FROM_UCUM = {code: word for word, code in _TO_UCUM.items()}
_LONG = {"year": 12, "month": 1}
_ALIKE = {"a": "year", "mo": "month"}
_TEXT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:'([^']+)'|([a-z]+))?")


class Quantity(msgspec.Struct, frozen=True, eq=False):
    """A number with a UCUM unit, or with a calendar word (`4 days`: calendar is true)."""

    value: Decimal
    unit: str = "1"
    calendar: bool = False

    def __str__(self) -> str:
        return f"{self.value:f} {self.unit}" if self.calendar else f"{self.value:f} '{self.unit}'"


def parse(text: str) -> Quantity | None:
    """`4.5 'mg'`, `4 days` or `4`; None for anything else."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        return None
    number, unit, word = found.groups()
    if word:
        return Quantity(Decimal(number), word, True) if word in WORDS else None
    return Quantity(Decimal(number), unit or "1")


def calendar_unit(quantity: Quantity) -> str | None:
    """The calendar word that may be added to a date: also for `'d'` and `'wk'`, never for `'a'` and `'mo'`."""
    return WORDS.get(quantity.unit) or _FROM_UCUM.get(quantity.unit)


def _canonical(quantity: Quantity) -> tuple[Fraction, object] | None:
    """(size, kind): two quantities of the same kind can be compared by size."""
    value = Fraction(quantity.value)
    word = WORDS.get(quantity.unit) if quantity.calendar else None
    if word in _LONG:
        return value * _LONG[word], "calendar"
    found = measure(_TO_UCUM[word] if word else quantity.unit)
    return None if found is None else (value * found[0], found[1])


def _pair(one: Quantity, other: Quantity) -> tuple[Fraction, Fraction] | None:
    left, right = _canonical(one), _canonical(other)
    if left is None or right is None:
        return (Fraction(one.value), Fraction(other.value)) if one.unit == other.unit else None
    return (left[0], right[0]) if left[1] == right[1] else None


def key(quantity: Quantity) -> object:
    """Hashable, and the same for equal quantities."""
    return _canonical(quantity) or (Fraction(quantity.value), quantity.unit)


def comparable(one: Quantity, other: Quantity) -> bool:
    """Whether their units measure the same."""
    return _pair(one, other) is not None


def compare(one: Quantity, other: Quantity) -> int | None:
    """-1, 0 or 1; None when their units do not measure the same."""
    pair = _pair(one, other)
    return None if pair is None else (pair[0] > pair[1]) - (pair[0] < pair[1])


def equivalent(one: Quantity, other: Quantity) -> bool:
    """Equal when rounded to the less precise of the two; a year is then like `'a'`, a month like `'mo'`."""
    one, other = _alike(one), _alike(other)
    pair = _pair(one, other)
    if pair is None:
        return False
    # compared in the unit of the less precise operand
    rough, size, other_size = (one, *pair) if _digits(one) <= _digits(other) else (other, *pair[::-1])
    scale = size / Fraction(rough.value) if rough.value else Fraction(1)
    step = Fraction(10) ** -_digits(rough)
    return round(other_size / scale / step) == round(Fraction(rough.value) / step)


def _alike(quantity: Quantity) -> Quantity:
    word = None if quantity.calendar else _ALIKE.get(quantity.unit)
    return Quantity(quantity.value, word, True) if word else quantity


def _digits(quantity: Quantity) -> int:
    return max(0, -int(quantity.value.normalize().as_tuple().exponent))


def in_unit(quantity: Quantity, unit: str) -> Quantity | None:
    """The same amount in another unit; None when it does not measure the same."""
    pair = _pair(quantity, Quantity(Decimal(1), unit, unit in WORDS))
    if pair is None:
        return None
    found = pair[0] / pair[1]
    return Quantity(Decimal(found.numerator) / Decimal(found.denominator), unit, unit in WORDS)


def times(one: Quantity, other: Quantity) -> Quantity:
    """The product; `'1'` disappears from its unit."""
    if one.unit == "1" or other.unit == "1":
        return Quantity(one.value * other.value, other.unit if one.unit == "1" else one.unit)
    return Quantity(one.value * other.value, f"{_code(one)}.{_code(other)}")


def over(one: Quantity, other: Quantity) -> Quantity | None:
    """The quotient; None when divided by zero."""
    if not other.value:
        return None
    unit = "1" if one.unit == other.unit else one.unit if other.unit == "1" else f"{_code(one)}/({_code(other)})"
    return Quantity(one.value / other.value, unit)


def _code(quantity: Quantity) -> str:
    return _TO_UCUM.get(WORDS.get(quantity.unit, ""), quantity.unit)
