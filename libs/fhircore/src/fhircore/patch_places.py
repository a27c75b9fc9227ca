"""Where an element stands in JSON, read and written as a list of items whatever its form (http://hl7.org/fhir/R4/json.html)."""

from typing import Any

import msgspec

from fhircore.fhirpath import Node
from fhircore.fhirpath.compiler import build
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.parser import parse
from fhircore.fhirpath.runtime import NO_HOOKS, Env, Run
from fhircore.fhirpath.syntax import Dollar, Expression, Name, Path
from fhircore.patch_values import Item, field_of
from fhircore.validation.definitions import Field


class Slot(msgspec.Struct, frozen=True):
    """One property of one element.

    owner: the element it belongs to; element: its name without type; index: which item is meant, where one is.
    """

    owner: Node
    key: str
    element: str
    type: str
    primitive: bool
    many: bool
    index: int = 0

    def _data(self, create: bool = False) -> dict[str, Any]:
        """The JSON object that has the property: the element's own, or the `_name` part of a primitive."""
        value = self.owner.value
        if value.__class__ is dict:
            return value
        extra = self.owner.extra
        if extra is None:
            extra = {}
            if create:
                _attach(self.owner, extra)
        return extra if extra.__class__ is dict else {}

    def items(self) -> list[Item]:
        """All items there, each a value and what extends it."""
        data = self._data()
        values, extras = (_listed(data.get(key)) for key in (self.key, "_" + self.key))
        extras = extras if self.primitive else []
        size = max(len(values), len(extras))
        return [(_at(values, number), _at(extras, number)) for number in range(size)]

    def write(self, items: list[Item]) -> None:
        """Put these items there instead; none removes the property."""
        data = self._data(create=bool(items))
        for key, parts in ((self.key, [value for value, _ in items]), ("_" + self.key, [extra for _, extra in items])):
            if all(part is None for part in parts):
                data.pop(key, None)
            else:
                data[key] = parts if self.many else parts[0]

    def prune(self) -> None:
        """Remove the owner too when nothing is left in it, and so on upwards."""
        owner = self.owner
        while owner.parent is not None and not owner.value and owner.value.__class__ is dict:
            if owner.key.startswith("_"):
                _detach(owner)
            else:
                slot = slot_of(owner)
                items = slot.items()
                del items[slot.index]
                slot.write(items)
            owner = owner.parent


def _listed(value: Any) -> list[Any]:
    return value if value.__class__ is list else [] if value is None else [value]


def _at(parts: list[Any], number: int) -> Any:
    return parts[number] if number < len(parts) else None


def _attach(primitive: Node, extra: dict[str, Any]) -> None:
    """Give a primitive its `_name` part."""
    if primitive.parent is None:
        raise PathError("There is no element to add to.")
    data, key = primitive.parent.value, "_" + primitive.key
    if primitive.at < 0:
        data[key] = extra
    else:
        parts = data.setdefault(key, [])
        parts += [None] * (len(data[primitive.key]) - len(parts))
        parts[primitive.at] = extra


def _detach(extra: Node) -> None:
    """Take away the empty `_name` part of a primitive."""
    data = extra.parent.value if extra.parent is not None else {}
    if extra.at < 0:
        del data[extra.key]
        return
    data[extra.key][extra.at] = None
    if not any(data[extra.key]):
        del data[extra.key]


def slot_of(found: Node) -> Slot:
    """Where this element stands. It must not be the resource itself."""
    owner = found.parent
    field = field_of(owner.type, found.key, None) if owner is not None else None
    if owner is None or field is None:
        raise PathError("The path must name an element of the resource.")
    return _slot(owner, field, max(0, found.at))


def new_slot(owner: Node, name: str, suffix: str | None) -> Slot | None:
    """Where an element of this name, with a value of this type, belongs; None when the owner has no such element.

    Of a choice that is there already, what stands there is meant when no type is said.
    """
    path = owner.type if owner.value.__class__ is dict else "Element"
    field = field_of(path, name, suffix)
    return None if field is None else _slot(owner, field, 0)


def _slot(owner: Node, field: Field, index: int) -> Slot:
    return Slot(owner, field.name, field.base.removesuffix("[x]"), field.type, field.primitive, field.many, index)


def parent_and_name(path: str, context: Node) -> tuple[list[Node], str]:
    """The elements that own what the last name of the path means, and that name. Raises PathError for other paths."""
    tree = parse(path)
    owner: Expression = Dollar("$this")
    last: Any = tree
    if isinstance(tree, Path):
        owner, last = (Path(tree.target, tree.steps[:-1]) if len(tree.steps) > 1 else tree.target), tree.steps[-1]
    if not isinstance(last, Name):
        raise PathError("The path of insert and move must end with the name of a list.")
    found = build(owner)(Env([context], Run(context, NO_HOOKS, {})))
    return [item for item in found if item.__class__ is Node], last.name
