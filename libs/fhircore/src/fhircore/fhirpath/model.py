"""FHIR data as FHIRPath sees it: nodes that know their type and their place (http://hl7.org/fhir/R4/fhirpath.html)."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from fhircore.fhirpath.hierarchy import PROFILED, fields, parent_type
from fhircore.validation.definitions import Field, resource_types


class Node(msgspec.Struct, eq=False, gc=False):
    """One element of a resource.

    value   its JSON: dict, str, bool, int, Decimal, or None for a primitive that has extensions only
    type    a primitive, a data type, a resource type, or the path of a backbone (`Patient.contact`); "" when not known
    extra   the `_name` part of a primitive
    parent  the node it stands in, `key` its JSON name there, `at` its index when that is a list, else -1
    """

    value: Any
    type: str
    extra: Any = None
    parent: "Node | None" = None
    key: str = ""
    at: int = -1

    @property
    def place(self) -> str:
        """Its FHIRPath location, as `Patient.name[0].given[1]`."""
        if self.parent is None:
            return self.type
        return f"{self.parent.place}.{_base_name(self.parent.type, self.key)}{f'[{self.at}]' if self.at >= 0 else ''}"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One JSON property under which an element may stand; `under` is the property of its extensions."""

    key: str
    under: str
    type: str
    primitive: bool


class TypeInfo(msgspec.Struct, frozen=True):
    """What `type()` answers."""

    namespace: str
    name: str


def node(value: Any, type_name: str = "") -> Node:
    """The node of a resource (its type is read off), or of another element of the type named."""
    if value.__class__ is Node:
        found: Node = value
        return found
    if value.__class__ is dict and value.get("resourceType").__class__ is str:
        return Node(value, value["resourceType"])
    return Node(value, type_name)


def type_info(found: Node) -> TypeInfo:
    """Its FHIR type; backbones have no name of their own."""
    name = found.type
    return TypeInfo("FHIR", (parent_type(name) or "Element") if "." in name else name)


@cache
def entries(path: str, name: str) -> tuple[Entry, ...]:
    """The JSON properties of element `name` in this type: one, one for each type of a choice, none when unknown."""
    return tuple(_entry(field) for field in fields(path).values() if field.base.removesuffix("[x]") == name)


def _entry(field: Field) -> Entry:
    kind = "Quantity" if field.type in PROFILED else field.type
    return Entry(field.name, "_" + field.name, kind, field.primitive)


@cache
def _by_key(path: str) -> dict[str, tuple[int, Entry]]:
    """Every JSON property of this type, those of extensions too, with its place in the definition."""
    found = [(at, _entry(field)) for at, field in enumerate(fields(path).values())]
    return {key: (at, entry) for at, entry in found for key in (entry.key, entry.under)}


@cache
def element_names(path: str) -> tuple[str, ...]:
    """The names of all elements of this type, in order of definition."""
    return tuple(dict.fromkeys(field.base.removesuffix("[x]") for field in fields(path).values()))


@cache
def _base_name(path: str, key: str) -> str:
    key = key.removeprefix("_")
    field = fields(path).get(key)
    return key if field is None else field.base.removesuffix("[x]")


def children_named(parent: Node, found_entries: tuple[Entry, ...], out: list[Any]) -> None:
    """Add to `out` the nodes that stand under these properties of `parent`, whose value is a dict."""
    value = parent.value
    for entry in found_entries:
        key = entry.key
        found = value.get(key)
        if not entry.primitive:
            if found is None:
                continue
            if found.__class__ is list:
                for at, item in enumerate(found):
                    out.append(complex_node(item, entry.type, parent, key, at))
            else:
                out.append(complex_node(found, entry.type, parent, key, -1))
            continue
        extra = value.get(entry.under)
        if found is None and extra is None:
            continue
        if found.__class__ is list or extra.__class__ is list:
            _primitives(parent, entry, found or (), extra or (), out)
        else:
            out.append(Node(found, entry.type, extra, parent, key, -1))


def complex_node(value: Any, type_name: str, parent: Node, key: str, at: int) -> Node:
    """A child that is no primitive; an inline resource has the type that it says."""
    if type_name == "Resource" and value.__class__ is dict:
        named = value.get("resourceType")
        return Node(value, named if named.__class__ is str else type_name, None, parent, key, at)
    return Node(value, type_name, None, parent, key, at)


def _primitives(parent: Node, entry: Entry, values: Any, extras: Any, out: list[Any]) -> None:
    values, extras = (part if part.__class__ in (list, tuple) else (part,) for part in (values, extras))
    for at in range(max(len(values), len(extras))):
        value = values[at] if at < len(values) else None
        extra = extras[at] if at < len(extras) else None
        if value is not None or extra is not None:
            out.append(Node(value, entry.type, extra, parent, entry.key, at))


def child(parent: Node, name: str) -> list[Any]:
    """The children of one node by element name."""
    out: list[Any] = []
    if parent.value.__class__ is dict:
        known = entries(parent.type, name)
        if known:
            children_named(parent, known, out)
        elif not fields(parent.type):
            _untyped(parent, name, out)
    elif parent.extra.__class__ is dict and name in ("extension", "id"):
        children_named(
            Node(parent.extra, "Element", None, parent.parent, "_" + parent.key, parent.at),
            entries("Element", name),
            out,
        )
    return out


_GUESSED = {bool: "boolean", int: "integer", str: "string"}


def _untyped(parent: Node, name: str, out: list[Any]) -> None:
    """Children of data whose type nobody said: by their JSON name, primitives typed by their JSON."""
    found, extra = parent.value.get(name), parent.value.get("_" + name)
    listed = found.__class__ is list
    for at, item in enumerate(found if listed else () if found is None else (found,)):
        kind = "" if item.__class__ is dict else _GUESSED.get(item.__class__, "decimal")
        more = extra if not listed else extra[at] if extra.__class__ is list and at < len(extra) else None
        out.append(
            msgspec.structs.replace(node(item, kind), extra=more, parent=parent, key=name, at=at if listed else -1)
        )


def children(parent: Node) -> list[Any]:
    """All children of one node, in order of definition."""
    out: list[Any] = []
    if parent.value.__class__ is dict:
        known = _by_key(parent.type)
        # each property once, also where both `name` and `_name` are there, in order of definition
        for _, entry in sorted({known[key][0]: known[key] for key in parent.value if key in known}.values()):
            children_named(parent, (entry,), out)
        for name in () if known else tuple(parent.value):
            _untyped(parent, name, out)
    elif parent.extra.__class__ is dict:
        out += [*child(parent, "id"), *child(parent, "extension")]
    return out


def resources_around(found: Node) -> Iterator[Node]:
    """The resources that a node stands in, the nearest first; the node itself when it is one."""
    current: Node | None = found
    while current is not None:
        if current.type in resource_types():
            yield current
        current = current.parent
