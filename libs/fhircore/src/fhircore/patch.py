"""FHIRPath Patch on a resource as JSON data (http://hl7.org/fhir/R4/fhirpatch.html); decimals are kept as they are."""

from collections.abc import Callable
from typing import Any

import msgspec

from fhircore.fhirpath import Node, PathError, compile_nodes, node
from fhircore.outcome import InvalidFHIR
from fhircore.patch_places import Slot, new_slot, parent_and_name, slot_of
from fhircore.patch_values import Given, given

MAX_OPERATIONS = 1_000

Data = dict[str, Any]


class Operation(msgspec.Struct, frozen=True):
    """One operation: its parts by name, and where it stands in the Parameters."""

    parts: dict[str, Data]
    at: str

    def refuse(self, detail: str, part: str = "", code: str = "processing") -> InvalidFHIR:
        place = f"{self.at}.part.where(name='{part}')" if part else self.at
        return InvalidFHIR(detail, place, code)

    def text(self, name: str) -> str:
        """A part that is a string or a code."""
        found = given(self.parts.get(name, {}), self.at).value
        if found.__class__ is not str or not found:
            raise self.refuse(f"The operation needs the part {name} with a text.", name, "required")
        return str(found)

    def number(self, name: str) -> int:
        """A part that is a position in a list."""
        found = given(self.parts.get(name, {}), self.at).value
        if found.__class__ is not int or found < 0:
            raise self.refuse(f"The operation needs the part {name} with a number from 0.", name, "required")
        return int(found)

    def value(self) -> Given:
        """The part `value`."""
        if "value" not in self.parts:
            raise self.refuse("The operation needs the part value.", "value", "required")
        return given(self.parts["value"], self.at)


def fhirpath_patch(resource: Data, parameters: Data) -> Data:
    """The resource after these operations; the resource itself is left as it was, also when one of them fails.

    Operations work one after the other, each on what the one before it left. An element that loses its last content
    disappears. Raises InvalidFHIR with the place in the Parameters: for what is no patch, for a path that finds nothing
    or more than one element (deleting nothing is no error), and for values that do not fit the element.
    """
    if parameters.__class__ is not dict or parameters.get("resourceType") != "Parameters":
        raise InvalidFHIR("A FHIRPath Patch is a Parameters resource.", code="structure")
    found = parameters.get("parameter", [])
    if found.__class__ is not list or len(found) > MAX_OPERATIONS:
        raise InvalidFHIR(
            f"A patch is a list of at most {MAX_OPERATIONS} operations.", "Parameters.parameter", "structure"
        )
    try:
        patched: Data = _copied(resource)
        for number, parameter in enumerate(found):
            _apply(patched, _operation(parameter, f"Parameters.parameter[{number}]"))
    except RecursionError as error:
        raise InvalidFHIR("The resource is nested too deep to be patched.", code="too-long") from error
    return patched


def _apply(patched: Data, operation: Operation) -> None:
    kind = operation.text("type")
    if kind not in _OPERATIONS:
        raise operation.refuse("The type is none of add, insert, delete, replace and move.", "type", "value")
    try:
        _OPERATIONS[kind](patched, operation)
    except PathError as error:
        raise operation.refuse(error.issues[0].detail, "path", "invalid") from error


def _copied(value: Any) -> Any:
    if value.__class__ is dict:
        return {key: _copied(part) for key, part in value.items()}
    return [_copied(part) for part in value] if value.__class__ is list else value


def _operation(parameter: Any, at: str) -> Operation:
    parts = parameter.get("part") if parameter.__class__ is dict else None
    if parts.__class__ is not list or parameter.get("name") != "operation":
        raise InvalidFHIR("Every parameter of a patch is named operation and has parts.", at, "structure")
    if any(part.__class__ is not dict or part.get("name").__class__ is not str for part in parts):
        raise InvalidFHIR("Every part has a name.", f"{at}.part", "structure")
    return Operation({part["name"]: part for part in parts}, at)


def _nodes(resource: Data, operation: Operation) -> list[Node]:
    found = compile_nodes(operation.text("path"))(resource)
    if any(item.__class__ is not Node for item in found):
        raise operation.refuse("The path must give elements of the resource.", "path")
    return found


def _single(resource: Data, operation: Operation) -> Node:
    found = _nodes(resource, operation)
    if len(found) != 1:
        detail = "more than one element" if found else "no element"
        raise operation.refuse(f"The path finds {detail}; it must find exactly one.", "path")
    return found[0]


def _slot(resource: Data, operation: Operation) -> Slot:
    """Where the single element of the path stands."""
    found = _single(resource, operation)
    if found.parent is None:
        raise operation.refuse("The path must name an element, not the resource itself.", "path")
    return slot_of(found)


def _add(resource: Data, operation: Operation) -> None:
    target, name, value = _single(resource, operation), operation.text("name"), operation.value()
    slot = new_slot(target, name, value.suffix)
    if slot is None:
        raise operation.refuse("The element at the path has no element of this name and type.", "name")
    items = slot.items()
    if items and not slot.many:
        raise operation.refuse("The element is there already and may be there only once; use replace.", "name")
    slot.write([*items, value.fitting(slot.type, slot.primitive, operation.at)])


def _replace(resource: Data, operation: Operation) -> None:
    slot, value = _slot(resource, operation), operation.value()
    other = new_slot(slot.owner, slot.element, value.suffix)
    if other is None:
        raise operation.refuse("The element cannot have a value of this type.", "value")
    item = value.fitting(other.type, other.primitive, operation.at)
    if not slot.many:
        slot.write([])
        other.write([item])
        return
    items = slot.items()
    items[slot.index] = item
    slot.write(items)


def _delete(resource: Data, operation: Operation) -> None:
    found = _nodes(resource, operation)
    if not found:
        return
    slot = _slot(resource, operation)
    items = slot.items()
    del items[slot.index]
    slot.write(items)
    slot.prune()


def _list(resource: Data, operation: Operation, suffix: str | None = None) -> Slot:
    """The list that the path names, also where it is still empty."""
    owners, name = parent_and_name(operation.text("path"), node(resource))
    if len(owners) != 1:
        raise operation.refuse("The path must name the list of exactly one element.", "path")
    slot = new_slot(owners[0], name, suffix)
    if slot is None or not slot.many:
        raise operation.refuse("The path must name an element that repeats.", "path")
    return slot


def _insert(resource: Data, operation: Operation) -> None:
    value, index = operation.value(), operation.number("index")
    slot = _list(resource, operation, value.suffix)
    items = slot.items()
    if index > len(items):
        raise operation.refuse("The index is behind the end of the list.", "index", "value")
    items.insert(index, value.fitting(slot.type, slot.primitive, operation.at))
    slot.write(items)


def _move(resource: Data, operation: Operation) -> None:
    slot = _list(resource, operation)
    source, destination = operation.number("source"), operation.number("destination")
    items = slot.items()
    for name, position in (("source", source), ("destination", destination)):
        if position >= len(items):
            raise operation.refuse(f"The {name} is behind the end of the list.", name, "value")
    items.insert(destination, items.pop(source))
    slot.write(items)


_OPERATIONS: dict[str, Callable[[Data, Operation], None]] = {
    "add": _add,
    "replace": _replace,
    "delete": _delete,
    "insert": _insert,
    "move": _move,
}
