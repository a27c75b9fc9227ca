"""Codes and value sets (http://hl7.org/fhir/R4/fhirpath.html#functions)."""

from typing import Any

from fhircore.fhirpath.arithmetic import answer
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.functions.registry import function
from fhircore.fhirpath.model import Node
from fhircore.fhirpath.runtime import Env, Items
from fhircore.fhirpath.values import plain, text
from fhircore.validation.definitions import codes, pairs


@function("memberOf", 1)
def member_of(env: Env, items: Items, value_set: Items) -> Items:
    """Asked of the hook; without one, the value sets of R4's required bindings are known."""
    url = text(value_set, "memberOf()")
    if url is None or len(items) != 1:
        return []
    element = plain(items[0])
    if env.run.hooks.member_of is not None:
        return answer(env.run.hooks.member_of(element, url))
    known = codes(url.partition("|")[0])
    if known is None:
        raise PathError("memberOf() names a value set that is not known.")
    return [_member(element, url.partition("|")[0], known)]


def _member(element: Any, url: str, known: frozenset[str]) -> bool:
    if element.__class__ is not dict:
        return element in known
    codings = element["coding"] if element.get("coding").__class__ is list else [element]
    listed = pairs(url) or frozenset()
    return any((coding.get("system"), coding.get("code")) in listed for coding in codings if coding.__class__ is dict)


def _codings(items: Items) -> list[dict[str, Any]]:
    element = items[0].value if len(items) == 1 and items[0].__class__ is Node else None
    if element.__class__ is not dict:
        return []
    found = element["coding"] if element.get("coding").__class__ is list else [element]
    return [coding for coding in found if coding.__class__ is dict]


def _subsumes(env: Env, wider: Items, narrower: Items) -> Items:
    found: list[bool | None] = []
    for one in _codings(wider):
        for other in _codings(narrower):
            if (one.get("system"), one.get("code")) == (other.get("system"), other.get("code")):
                return [True]
            ask = env.run.hooks.subsumes
            found.append(ask(one, other) if ask else None)
    if True in found:
        return [True]
    return [False] if found and None not in found else []


@function("subsumes", 1)
def subsumes(env: Env, items: Items, other: Items) -> Items:
    """The same code, or what the hook says; empty when nobody knows."""
    return _subsumes(env, items, other)


@function("subsumedBy", 1)
def subsumed_by(env: Env, items: Items, other: Items) -> Items:
    """`subsumes` the other way round."""
    return _subsumes(env, other, items)
