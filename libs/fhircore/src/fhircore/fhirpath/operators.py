"""FHIRPath's operators on collections (http://hl7.org/fhirpath/N1/index.html#operations)."""

from collections.abc import Callable

from fhircore.fhirpath.arithmetic import ARITHMETIC, Operator, answer
from fhircore.fhirpath.equality import distinct, equal_collections, equivalent_collections, has, order
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.runtime import Items, limited_text
from fhircore.fhirpath.values import one, truth


def _equals(left: Items, right: Items) -> Items:
    return answer(equal_collections(left, right)) if left and right else []


def _differs(left: Items, right: Items) -> Items:
    found = equal_collections(left, right) if left and right else None
    return [] if found is None else [not found]


def _alike(left: Items, right: Items) -> Items:
    return [equivalent_collections(left, right)]


def _unlike(left: Items, right: Items) -> Items:
    return [not equivalent_collections(left, right)]


def _ordered(operator: str, test: Callable[[int], bool]) -> Operator:
    def compare(left: Items, right: Items) -> Items:
        a, b = one(left, operator), one(right, operator)
        if a is None or b is None:
            return []
        found = order(a, b)
        return [] if found is None else [test(found)]

    return compare


def _and(left: Items, right: Items) -> Items:
    a, b = truth(left, "and"), truth(right, "and")
    if a is False or b is False:
        return [False]
    return [] if a is None or b is None else [True]


def _or(left: Items, right: Items) -> Items:
    a, b = truth(left, "or"), truth(right, "or")
    if a or b:
        return [True]
    return [] if a is None or b is None else [False]


def _xor(left: Items, right: Items) -> Items:
    a, b = truth(left, "xor"), truth(right, "xor")
    return [] if a is None or b is None else [a is not b]


def _implies(left: Items, right: Items) -> Items:
    a, b = truth(left, "implies"), truth(right, "implies")
    if a is False or b:
        return [True]
    return [] if a is None or b is None else [False]


def _in(left: Items, right: Items) -> Items:
    if len(left) > 1:
        raise PathError("in needs a single value on its left side.")
    return [has(right, left[0])] if left else []


def _contains(left: Items, right: Items) -> Items:
    if len(right) > 1:
        raise PathError("contains needs a single value on its right side.")
    return [has(left, right[0])] if right else []


def _union(left: Items, right: Items) -> Items:
    return distinct([*left, *right])


def _joined(left: Items, right: Items) -> Items:
    parts = []
    for items in (left, right):
        value = one(items, "&")
        if value is not None and value.__class__ is not str:
            raise PathError("& needs strings.")
        parts.append(value or "")
    return [limited_text("".join(parts))]


OPERATORS: dict[str, Operator] = {
    "=": _equals,
    "!=": _differs,
    "~": _alike,
    "!~": _unlike,
    "<": _ordered("<", lambda found: found < 0),
    ">": _ordered(">", lambda found: found > 0),
    "<=": _ordered("<=", lambda found: found <= 0),
    ">=": _ordered(">=", lambda found: found >= 0),
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
    "in": _in,
    "contains": _contains,
    "|": _union,
    "&": _joined,
    **ARITHMETIC,
}
