"""Existence, subsetting and combining (http://hl7.org/fhirpath/N1/index.html#existence)."""

from fhircore.fhirpath.equality import Seen, distinct
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.functions.registry import function
from fhircore.fhirpath.runtime import Env, Items, limited
from fhircore.fhirpath.values import integer, one, truth


@function("empty")
def empty(env: Env, items: Items) -> Items:
    return [not items]


@function("not")
def negated(env: Env, items: Items) -> Items:
    found = truth(items, "not()")
    return [] if found is None else [not found]


def _booleans(items: Items, what: str) -> list[bool]:
    found = [one([item], what) for item in items]
    if any(value.__class__ is not bool for value in found):
        raise PathError(f"{what} needs booleans.")
    return found


@function("allTrue")
def all_true(env: Env, items: Items) -> Items:
    return [all(_booleans(items, "allTrue()"))]


@function("anyTrue")
def any_true(env: Env, items: Items) -> Items:
    return [any(_booleans(items, "anyTrue()"))]


@function("allFalse")
def all_false(env: Env, items: Items) -> Items:
    return [not any(_booleans(items, "allFalse()"))]


@function("anyFalse")
def any_false(env: Env, items: Items) -> Items:
    return [not all(_booleans(items, "anyFalse()"))]


@function("subsetOf", 1)
def subset_of(env: Env, items: Items, other: Items) -> Items:
    known = Seen(other)
    return [all(item in known for item in items)]


@function("supersetOf", 1)
def superset_of(env: Env, items: Items, other: Items) -> Items:
    known = Seen(items)
    return [all(item in known for item in other)]


@function("count")
def count(env: Env, items: Items) -> Items:
    return [len(items)]


@function("distinct")
def without_duplicates(env: Env, items: Items) -> Items:
    return distinct(items)


@function("isDistinct")
def is_distinct(env: Env, items: Items) -> Items:
    return [len(distinct(items)) == len(items)]


@function("single")
def single(env: Env, items: Items) -> Items:
    if len(items) > 1:
        raise PathError(f"single() found {len(items)} items.")
    return items


@function("first")
def first(env: Env, items: Items) -> Items:
    return items[:1]


@function("last")
def last(env: Env, items: Items) -> Items:
    return items[-1:]


@function("tail")
def tail(env: Env, items: Items) -> Items:
    return items[1:]


@function("skip", 1)
def skip(env: Env, items: Items, number: Items) -> Items:
    return items[max(0, integer(number, "skip()") or 0) :]


@function("take", 1)
def take(env: Env, items: Items, number: Items) -> Items:
    return items[: max(0, integer(number, "take()") or 0)]


@function("intersect", 1)
def intersect(env: Env, items: Items, other: Items) -> Items:
    known = Seen(other)
    return distinct([item for item in items if item in known])


@function("exclude", 1)
def exclude(env: Env, items: Items, other: Items) -> Items:
    known = Seen(other)
    return [item for item in items if item not in known]


@function("union", 1)
def union(env: Env, items: Items, other: Items) -> Items:
    return distinct([*items, *other])


@function("combine", 1)
def combine(env: Env, items: Items, other: Items) -> Items:
    return limited([*items, *other])
