"""Contained resources and nesting: what needs a whole resource at once (http://hl7.org/fhir/R4/references.html#contained)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fhircore.validation.report import Report

MAX_NESTING = 64


@dataclass(frozen=True, slots=True)
class Scope:
    """What `#id` may point to: the types of the contained resources by id, and whether we are inside one of them."""

    contained: dict[str, Any] = field(default_factory=dict)
    inside: bool = False


def too_deep(value: Any, limit: int = MAX_NESTING) -> bool:
    """True when objects and arrays are nested more than `limit` deep; without recursion."""
    layer, depth = [value], 0
    while layer:
        layer = [found for found in layer if found.__class__ is dict or found.__class__ is list]
        depth += bool(layer)
        if depth > limit:
            return True
        layer = [child for found in layer for child in (found.values() if found.__class__ is dict else found)]
    return False


def scope_of(resource: dict[str, Any], at: str, report: Report) -> Scope:
    """The scope that this resource makes; tells which of dom-2 to dom-5 its contained resources break."""
    found = resource.get("contained")
    if found.__class__ is not list:
        return Scope()
    local = set(_local_references(resource))
    contained = {}
    for index, one in enumerate(found):
        if one.__class__ is dict:
            if one.get("id").__class__ is str:
                contained[one["id"]] = one.get("resourceType")
            for key in _broken(one, local):
                report.broken(key, "DomainResource", f"{at}.contained[{index}]")
    return Scope(contained)


def _broken(one: dict[str, Any], local: set[str]) -> Iterator[str]:
    if "contained" in one:
        yield "dom-2"
    if f"#{one.get('id')}" not in local and "#" not in _local_references(one):
        yield "dom-3"
    meta = one.get("meta")
    if meta.__class__ is dict:
        if "versionId" in meta or "lastUpdated" in meta:
            yield "dom-4"
        if "security" in meta:
            yield "dom-5"


def _local_references(resource: dict[str, Any]) -> Iterator[str]:
    """Every text that starts with `#`, at any depth: a superset of the references to contained resources."""
    stack: list[Any] = [resource]
    while stack:
        value = stack.pop()
        if value.__class__ is dict:
            stack.extend(value.values())
        elif value.__class__ is list:
            stack.extend(value)
        elif value.__class__ is str and value.startswith("#"):
            yield value
