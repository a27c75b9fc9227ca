"""Paths of discriminators: the restricted FHIRPath that tells slices apart (http://hl7.org/fhir/R4/profiling.html#discriminator)."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from fhircore.fhirpath.hierarchy import is_a
from fhircore.fhirpath.model import Entry, Node, child, children_named, entries, resources_around
from fhircore.profiles.definition import Unusable
from fhircore.validation.references import LOCAL, WRONG_FORM, pointed_type

Items = list[Any]
Reader = Callable[[Node], Items]
# ("name", x), ("extension", url), ("resolve", ""), ("ofType", type)
Path = tuple[tuple[str, str], ...]

_STEP = re.compile(
    r"extension\(\s*['\"]([^'\"]+)['\"]\s*\)|(resolve)\(\s*\)|(?:ofType|as)\(\s*(\w+)\s*\)|(\$this)|(\w+)(?:\[x\])?"
)


@cache
def steps(path: str) -> Path:
    """Raises Unusable for what is not one of a discriminator's forms."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None or path[step.end() :][:1] not in ("", ".") or path[step.end() :] == ".":
            raise Unusable("A discriminator's path is element names, extension(), ofType() and resolve() only.")
        url, resolve, kind, this, name = step.groups()
        if url:
            found.append(("extension", url))
        elif resolve:
            found.append(("resolve", ""))
        elif not this:
            found.append(("ofType", kind) if kind else ("name", name))
        at = step.end() + 1
    return tuple(found)


def stepper(name: str) -> Reader:
    """The children of a node by element name; what that means is looked up once for each type met."""
    name = name.removesuffix("[x]")
    known: dict[str, Callable[[Any], tuple[Entry, ...]]] = {}

    def step(owner: Node) -> Items:
        value = owner.value
        if value.__class__ is not dict:
            return child(owner, name)
        pick = known.get(owner.type)
        if pick is None:
            pick = known[owner.type] = _picker(entries(owner.type, name))
        found = pick(value)
        if not found:
            return []
        out: Items = []
        children_named(owner, found, out)
        return out

    return step


def _picker(found: tuple[Entry, ...]) -> Callable[[Any], tuple[Entry, ...]]:
    """Of the JSON properties that an element may have those that are there."""
    if len(found) == 1:
        (only,) = found
        key, under = only.key, only.under
        return lambda value: found if key in value or under in value else ()
    table = {key: one for one in found for key in (one.key, one.under)}

    def pick(value: Any) -> tuple[Entry, ...]:
        here = [table[key] for key in value if key in table]
        return tuple(here) if len(here) < 2 else tuple({one.key: one for one in here}.values())

    return pick


def reader(path: Path) -> Reader:
    """What stands at this path."""
    ways = [_way(kind, said) for kind, said in path]

    def read(found: Node) -> Items:
        items = [found]
        for way in ways:
            items = [further for item in items for further in way(item)]
        return items

    return ways[0] if len(ways) == 1 else read


def _way(kind: str, said: str) -> Reader:
    if kind == "name":
        return stepper(said)
    if kind == "ofType":
        return lambda item: [item] if is_a(item.type, said) else []
    if kind == "resolve":
        return lambda item: [found] if (found := target(item)) else []
    extensions = stepper("extension")
    return lambda item: [
        one for one in extensions(item) if one.value.__class__ is dict and one.value.get("url") == said
    ]


def target(reference: Node) -> Node | None:
    """The resource that a reference means: the contained one itself; of others only the type, with no value."""
    if reference.value.__class__ is not dict:
        return None
    pointed = reference.value.get("reference")
    kind = pointed_type(pointed) if isinstance(pointed, str) else None
    if kind == LOCAL and pointed is not None:
        return _contained(reference, pointed[1:])
    if kind is None or kind == WRONG_FORM:
        named = reference.value.get("type")
        kind = named if named.__class__ is str else None
    return None if kind is None else Node(None, kind)


def _contained(reference: Node, wanted: str) -> Node | None:
    for resource in resources_around(reference):
        if not wanted and resource.key != "contained":
            return resource
        for one in child(resource, "contained"):
            if one.value.__class__ is dict and one.value.get("id") == wanted:
                found: Node = one
                return found
    return None
