"""Steps from elements to their children by name (http://hl7.org/fhirpath/N1/index.html#path-selection)."""

from collections.abc import Callable
from typing import Any

from fhircore.fhirpath.model import Entry, Node, TypeInfo, child, children_named, entries
from fhircore.fhirpath.runtime import Env, Items, StepFunction
from fhircore.fhirpath.type_tests import type_test


def named(name: str, only: Callable[[str], bool] | None = None) -> StepFunction:
    """Children by name; what that means is looked up once for each type met."""
    known: dict[str, tuple[Entry, ...]] = {}

    def look_up(type_name: str) -> tuple[Entry, ...]:
        found = entries(type_name, name)
        if only is not None:
            found = tuple(entry for entry in found if entry.type == "Resource" or only(entry.type))
        known[type_name] = found
        return found

    def step(env: Env, items: Items) -> Items:
        out: Items = []
        for item in items:
            if item.__class__ is not Node:
                out += _of_type_info(item, name)
                continue
            found = known.get(item.type)
            if found is None:
                found = look_up(item.type)
            if found and item.value.__class__ is dict:
                children_named(item, found, out)
            elif only is None or not entries(item.type, name):
                out += child(item, name)
        return out

    return step


def _of_type_info(item: Any, name: str) -> Items:
    return [getattr(item, name)] if item.__class__ is TypeInfo and name in ("name", "namespace") else []


def narrowed(name: str, type_name: str) -> StepFunction:
    """`name.ofType(T)`: of a choice only the properties of that type are looked at."""
    test = type_test(type_name, exact=True)
    step = named(name, lambda found: test(Node(None, found)))

    def narrow(env: Env, items: Items) -> Items:
        found = step(env, items)
        return found if len(found) == 1 and test(found[0]) else [item for item in found if test(item)]

    return narrow
