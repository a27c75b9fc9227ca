"""`is`, `as` and `ofType()` (http://hl7.org/fhirpath/N1/index.html#types-and-reflection)."""

from collections.abc import Callable
from functools import cache
from typing import Any

from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.functions.tree import system_type
from fhircore.fhirpath.hierarchy import is_a, known_types
from fhircore.fhirpath.model import Node
from fhircore.fhirpath.runtime import Env, Items, StepFunction
from fhircore.validation.definitions import primitive_types

_SYSTEM = frozenset(("Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity", "Any"))


@cache
def type_test(name: str, exact: bool) -> Callable[[Any], bool]:
    """Whether an item is of the type; `exact` takes primitives literally: a code is then no string.

    Raises PathError for a type that neither FHIR nor System has.
    """
    space, _, plain = name.rpartition(".")
    in_fhir = space in ("", "FHIR") and plain in known_types()
    in_system = space in ("", "System") and plain in _SYSTEM
    if not in_fhir and not in_system:
        if space in ("FHIR", "System"):
            return lambda item: False
        raise PathError(f"{name} is not a type.")
    literal = exact and plain in primitive_types()

    def test(item: Any) -> bool:
        if item.__class__ is not Node:
            return in_system and (plain == "Any" or system_type(item) == plain)
        return in_fhir and (item.type == plain if literal else is_a(item.type, plain))

    return test


def _is(name: str) -> StepFunction:
    test = type_test(name, exact=False)

    def step(env: Env, items: Items) -> Items:
        if len(items) > 1:
            raise PathError("is needs a single value.")
        return [test(items[0])] if items else []

    return step


def _as(name: str) -> StepFunction:
    test = type_test(name, exact=True)

    def step(env: Env, items: Items) -> Items:
        if len(items) > 1:
            raise PathError("as needs a single value; ofType() takes several.")
        return [item for item in items if test(item)]

    return step


def _of_type(name: str) -> StepFunction:
    test = type_test(name, exact=True)
    return lambda env, items: [item for item in items if test(item)]


TYPE_STEPS: dict[str, Callable[[str], StepFunction]] = {"is": _is, "as": _as, "ofType": _of_type}
