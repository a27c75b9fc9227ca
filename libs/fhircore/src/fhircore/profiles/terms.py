"""Whether a code is in a value set, as far as that is known here: yes, no, or nobody knows (http://hl7.org/fhir/R4/valueset.html#compose)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fhircore.fhirpath.model import Node
from fhircore.profiles.definition import Json, canonical
from fhircore.validation.definitions import pairs

Find = Callable[[str], Json | None]
MAX_DEPTH = 10  # value sets in value sets


class ValueSet:
    """The codes by system, and the systems of which not all codes are known."""

    def __init__(self) -> None:
        self.codes: dict[str, set[str]] = {}
        self.whole: set[str] = set()  # every code of these
        self.unknown: set[str] = set()  # some codes of these
        self.open = False  # some part is not known at all

    def holds(self, system: str | None, code: Any) -> bool | None:
        """For a bare code (system None) any system's code of that name will do. None when it cannot be told."""
        if code.__class__ is not str:
            return False
        if system is None:
            if any(code in codes for codes in self.codes.values()):
                return True
            return None if self.whole or self.unknown or self.open else False
        if system in self.whole or code in self.codes.get(system, ()):
            return True
        return None if self.open or system in self.unknown else False


def value_set(url: str, find: Find, depth: int = 0) -> ValueSet | None:
    """The value set of this canonical; None when it is not known here at all."""
    address = canonical(url)[0]
    listed = pairs(address)
    found = ValueSet()
    if listed is not None:
        for system, code in listed:
            found.codes.setdefault(system, set()).add(code)
        return found
    resource = find(address)
    if resource is None or resource.get("resourceType") != "ValueSet" or depth > MAX_DEPTH:
        return None
    try:
        _compose(found, resource, find, depth)
    except (LookupError, TypeError, AttributeError, ValueError):
        found.open = True
    return found


def _compose(into: ValueSet, resource: Json, find: Find, depth: int) -> None:
    compose = resource.get("compose")
    if compose is None:
        for one in _concepts(resource.get("expansion", {}).get("contains", ()), "contains"):
            into.codes.setdefault(one["system"], set()).add(one["code"])
        return
    for part in compose.get("include", ()):
        _include(into, part, find, depth)
    for part in compose.get("exclude", ()):
        _exclude(into, part)


def _include(into: ValueSet, part: Json, find: Find, depth: int) -> None:
    system, sets = part.get("system"), part.get("valueSet", ())
    if system is not None and (part.get("filter") or sets):
        into.unknown.add(system)
    elif system is not None and "concept" in part:
        into.codes.setdefault(system, set()).update(one["code"] for one in part["concept"])
    elif system is not None:
        known = find(system)
        if known is not None and known.get("resourceType") == "CodeSystem" and known.get("content") == "complete":
            into.codes.setdefault(system, set()).update(
                one["code"] for one in _concepts(known.get("concept", ()), "concept")
            )
        else:
            into.whole.add(system)
    elif len(sets) > 1:
        into.open = True  # what is in all of them
    else:
        _another(into, value_set(sets[0], find, depth + 1) if sets else None)


def _another(into: ValueSet, other: ValueSet | None) -> None:
    if other is None:
        into.open = True
        return
    for system, codes in other.codes.items():
        into.codes.setdefault(system, set()).update(codes)
    into.whole |= other.whole
    into.unknown |= other.unknown
    into.open |= other.open


def _exclude(into: ValueSet, part: Json) -> None:
    system = part.get("system")
    if system is None or part.get("filter"):
        into.open = True
        return
    if "concept" not in part:
        into.codes.pop(system, None)
        into.whole.discard(system)
        return
    into.codes.get(system, set()).difference_update(one["code"] for one in part["concept"])
    if system in into.whole:
        into.whole.discard(system)
        into.unknown.add(system)


def _concepts(concepts: Iterable[Json], below: str) -> Iterator[Json]:
    stack = list(concepts)
    while stack:
        one = stack.pop()
        stack += one.get(below, ())
        if one.get("code"):
            yield one


def coded(found: Node) -> list[tuple[str | None, Any]] | None:
    """(system or None, code) of what a binding looks at; None where there is nothing coded to look at.

    A code alone has no system. A concept of nothing but text has no codings: an empty list.
    """
    value = found.value
    if value.__class__ is str:
        return [(None, value)]
    if value.__class__ is not dict:
        return None
    if found.type == "CodeableConcept":
        listed = value.get("coding")
        codings = [one for one in listed if one.__class__ is dict] if listed.__class__ is list else []
        return [(_text(one.get("system")), one.get("code")) for one in codings] if codings or "text" in value else None
    if "code" in value:
        return [(_text(value.get("system")), value["code"])]
    return None


def _text(system: Any) -> str:
    return system if system.__class__ is str else ""


def member(codings: Iterable[tuple[str | None, Any]], among: ValueSet) -> bool | None:
    """Whether one of them is in the value set."""
    answers = {among.holds(system, code) for system, code in codings}
    return True if True in answers else None if None in answers else False
