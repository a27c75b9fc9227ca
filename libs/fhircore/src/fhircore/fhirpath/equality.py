"""When two values are equal, alike, or in order (http://hl7.org/fhirpath/N1/index.html#equality)."""

from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from fhircore.fhirpath import moments, quantity
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.model import Node
from fhircore.fhirpath.moments import Moment
from fhircore.fhirpath.quantity import Quantity
from fhircore.fhirpath.values import NUMBERS, as_quantity, rounded, system


def equal(left: Any, right: Any) -> bool | None:
    """`=` of two items; None when precision leaves it open."""
    a, b = system(left), system(right)
    kind, other = a.__class__, b.__class__
    if kind in NUMBERS and other in NUMBERS:
        return bool(a == b)
    if kind is not other:
        return _mixed(a, b)
    if kind is Moment:
        return _moments_equal(a, b)
    if kind is Quantity:
        order = quantity.compare(a, b)
        return None if order is None else order == 0
    if kind is Node:
        return _plain_equal(a.value, b.value) and a.extra == b.extra
    return bool(a == b)


def _moments_equal(a: Moment, b: Moment) -> bool | None:
    if (a.kind == "Time") != (b.kind == "Time"):
        return False
    order = moments.compare(a, b)
    return None if order is None else order == 0


def _mixed(a: Any, b: Any) -> bool | None:
    """Items of different types: numbers are quantities of unit 1, anything else differs."""
    a, b = as_quantity(a), as_quantity(b)
    if a.__class__ is Quantity and b.__class__ is Quantity:
        return equal(a, b)
    return False


def _plain_equal(a: Any, b: Any) -> bool:
    """JSON equality in which true is not 1."""
    if a.__class__ is dict and b.__class__ is dict:
        return a.keys() == b.keys() and all(_plain_equal(value, b[key]) for key, value in a.items())
    if a.__class__ is list and b.__class__ is list:
        return len(a) == len(b) and all(map(_plain_equal, a, b))
    return (a.__class__ is bool) == (b.__class__ is bool) and bool(a == b)


def equal_collections(left: list[Any], right: list[Any]) -> bool | None:
    """`=` of two collections that are not empty: same length, item by item in order."""
    if len(left) != len(right):
        return False
    found: bool | None = True
    for a, b in zip(left, right, strict=True):
        same = equal(a, b)
        if same is False:
            return False
        if same is None:
            found = None
    return found


def same(left: Any, right: Any) -> bool:
    """Whether two items are duplicates of each other."""
    return equal(left, right) is True


def bucket_of(item: Any) -> int:
    """A number that equal items share; items that share it need not be equal."""
    value = system(item)
    kind = value.__class__
    if kind is Moment:
        return hash(moments.key(value))
    if kind is Quantity:
        return hash(quantity.key(value))
    return _hash(value.value if kind is Node else value)


def _hash(value: Any) -> int:
    if value.__class__ is dict:
        return hash(frozenset((key, _hash(part)) for key, part in value.items()))
    if value.__class__ is list:
        return hash(tuple(map(_hash, value)))
    return hash(value)


class Seen:
    """Items met so far, by equality."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._buckets: dict[int, list[Any]] = {}
        for item in items:
            self.add(item)

    def __contains__(self, item: Any) -> bool:
        return any(same(item, other) for other in self._buckets.get(bucket_of(item), ()))

    def add(self, item: Any) -> bool:
        """Remember the item; False when an equal one was known."""
        bucket = self._buckets.setdefault(bucket_of(item), [])
        if any(same(item, other) for other in bucket):
            return False
        bucket.append(item)
        return True


def equivalent(left: Any, right: Any) -> bool:
    """`~` of two items."""
    a, b = system(left), system(right)
    kind, other = a.__class__, b.__class__
    if kind in NUMBERS and other in NUMBERS:
        return _about(a, b)
    if kind is not other:
        a, b = as_quantity(a), as_quantity(b)
        return a.__class__ is Quantity and b.__class__ is Quantity and quantity.equivalent(a, b)
    if kind is str:
        return _folded(a) == _folded(b)
    if kind is Quantity:
        return quantity.equivalent(a, b)
    if kind is Node:
        return _plain_alike(a.value, b.value)
    return equal(a, b) is True


def _folded(value: str) -> str:
    return " ".join(value.split()).casefold()


def _about(a: int | Decimal, b: int | Decimal) -> bool:
    """Equal when rounded to the less precise of the two; trailing zeros do not count."""
    step = max(_exponent(a), _exponent(b))
    try:
        return rounded(Decimal(a), -step) == rounded(Decimal(b), -step)
    except InvalidOperation:
        return a == b


def _exponent(value: int | Decimal) -> int:
    return 0 if value.__class__ is int else min(0, int(Decimal(value).normalize().as_tuple().exponent))


def _plain_alike(a: Any, b: Any) -> bool:
    if a.__class__ is dict and b.__class__ is dict:
        return a.keys() - {"id"} == b.keys() - {"id"} and all(_plain_alike(a[key], b[key]) for key in a if key != "id")
    if a.__class__ is list and b.__class__ is list:
        return _matched(a, b, _plain_alike)
    if a.__class__ is str and b.__class__ is str:
        return _folded(a) == _folded(b)
    return (a.__class__ is bool) == (b.__class__ is bool) and bool(a == b)


def _matched(left: list[Any], right: list[Any], alike: Callable[[Any, Any], bool]) -> bool:
    """Whether both lists have the same items in whatever order."""
    rest = list(right)
    for item in left:
        at = next((at for at, other in enumerate(rest) if alike(item, other)), None)
        if at is None:
            return False
        del rest[at]
    return not rest


def equivalent_collections(left: list[Any], right: list[Any]) -> bool:
    """`~` of two collections: the same items in whatever order."""
    return len(left) == len(right) and _matched(left, right, equivalent)


def order(left: Any, right: Any) -> int | None:
    """-1, 0 or 1; None when precision or units leave it open. Raises PathError for what has no order."""
    a, b = system(left), system(right)
    kind, other = a.__class__, b.__class__
    if (kind in NUMBERS and other in NUMBERS) or (kind is str and other is str):
        return int(a > b) - int(a < b)
    if kind is Moment and other is Moment and (a.kind == "Time") == (b.kind == "Time"):
        return moments.compare(a, b)
    a, b = as_quantity(a), as_quantity(b)
    if a.__class__ is Quantity and b.__class__ is Quantity:
        return quantity.compare(a, b)
    raise PathError("<, >, <= and >= need two values of one type that has an order.")


def distinct(items: list[Any]) -> list[Any]:
    """The items without later duplicates."""
    seen = Seen()
    return [item for item in items if seen.add(item)]


def has(items: list[Any], item: Any) -> bool:
    """Whether an equal item is among them."""
    return any(same(other, item) for other in items)
