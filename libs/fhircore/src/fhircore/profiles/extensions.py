"""Extensions against their own definitions, wherever they stand (http://hl7.org/fhir/R4/defining-extensions.html)."""

from collections.abc import Callable, Iterator
from typing import Any

from fhircore.fhirpath import PathError, compile_nodes
from fhircore.fhirpath.hierarchy import fields, is_a
from fhircore.fhirpath.model import Node, child, resources_around
from fhircore.profiles.definition import Definition
from fhircore.profiles.findings import Findings

# Where something stands in plain JSON: the trail of what it stands in, its key there, its index (-1: no list).
Trail = tuple[Any, str, int]


def extended(resource: Any, known: Callable[[str], bool]) -> list[tuple[str, Trail]]:
    """(url, trail) of every extension whose url is known; the resource is only looked through, without types."""
    found: list[tuple[str, Trail]] = []
    stack: list[tuple[Any, Trail | None]] = [(resource, None)]
    while stack:
        value, trail = stack.pop()
        for key, inner in value.items():
            kind = inner.__class__
            if kind is dict:
                stack.append((inner, (trail, key, -1)))
            elif kind is list:
                for index, one in enumerate(inner):
                    if one.__class__ is dict:
                        here = (trail, key, index)
                        stack.append((one, here))
                        if key == "extension" or key == "modifierExtension":
                            url = one.get("url")
                            if url.__class__ is str and known(url):
                                found.append((url, here))
    found.reverse()
    return found


def node_at(root: Node, trail: Trail | None) -> Node | None:
    """The typed node of a trail; None where the structure is not what R4 says."""
    steps: list[tuple[str, int]] = []
    while trail is not None:
        trail, key, index = trail
        steps.append((key, index))
    current = root
    for key, index in reversed(steps):
        plain = key.removeprefix("_")
        base = fields(current.type).get(plain)
        name = plain if base is None else base.base.removesuffix("[x]")
        wanted = (one for one in child(current, name) if one.key.removeprefix("_") == plain and one.at == index)
        following = next(wanted, None)
        if following is None:
            return None
        current = following
    return current


def misplaced(extension: Node, definition: Definition) -> bool:
    """Whether the element that is extended is none of those that the extension is made for."""
    owner = extension.parent
    if owner is None or not definition.contexts:
        return False
    if owner.key.startswith("_"):  # the extensions of a primitive stand in an Element made for them
        owner = _primitive(owner)
    return not any(_allowed(kind, said, owner) for kind, said in definition.contexts)


def _primitive(owner: Node) -> Node:
    key = owner.key[1:]
    above = owner.parent
    known = fields(above.type).get(key) if above is not None else None
    return Node(None, known.type if known else "Element", None, above, key, owner.at)


def _allowed(kind: str, said: str, owner: Node) -> bool:
    if kind == "extension":
        return owner.type == "Extension" and owner.value.__class__ is dict and owner.value.get("url") == said
    if kind == "fhirpath":
        return _selected(said, owner)
    if ":" in said or "#" in said:
        return True  # an element of a profile: only who knows all profiles of the resource can tell
    return is_a(owner.type, said) or said in _paths(owner)


def _selected(expression: str, owner: Node) -> bool:
    resource = next(resources_around(owner), None)
    if resource is None:
        return True
    try:
        found = compile_nodes(expression)(resource)
    except PathError:
        return True
    if found == [True]:
        return True
    return any(one.__class__ is Node and one.place == owner.place for one in found)


def _paths(owner: Node) -> Iterator[str]:
    """`HumanName.given` and `Patient.name.given` of a given name."""
    below = ""
    current: Node | None = owner
    while current is not None:
        yield current.type + below
        base = fields(current.parent.type).get(current.key) if current.parent is not None else None
        below = f".{base.base if base else current.key}{below}"
        current = current.parent


def tell_misplaced(extension: Node, definition: Definition, out: Findings) -> None:
    """The issue of an extension in a place that it is not made for."""
    if misplaced(extension, definition):
        places = ", ".join(said for _, said in definition.contexts)[:300]
        out.tell("structure", f"{definition.name}: this extension may stand in {places} only.", extension)
