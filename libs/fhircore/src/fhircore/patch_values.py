"""The value that a FHIRPath Patch operation gives: a value[x], a resource, or parts (http://hl7.org/fhir/R4/fhirpatch.html)."""

from typing import Any

import msgspec

from fhircore.outcome import InvalidFHIR
from fhircore.validation.definitions import Field, shape

MAX_DEPTH = 20

Item = tuple[Any, Any]  # a value and, for primitives, its `_name` part


class Given(msgspec.Struct, frozen=True):
    """What a part gives. suffix: the type in `value[x]` as written (`HumanName`), None for parts and resources."""

    value: Any = None
    extra: Any = None
    suffix: str | None = None
    parts: list[Any] | None = None

    def fitting(self, type_name: str, primitive: bool, at: str) -> Item:
        """The item for an element of this type. Raises InvalidFHIR when it is of the wrong form."""
        if self.parts is not None:
            if primitive:
                raise InvalidFHIR("The element is a primitive and cannot be given as parts.", at, "value")
            return _object(self.parts, type_name, at, 0), None
        if self.value is None and self.extra is None:
            raise InvalidFHIR("The part value has no value.", at, "required")
        if (self.value.__class__ is dict) == primitive or self.value.__class__ is list:
            raise InvalidFHIR(f"The value is of the wrong type: {type_name} is needed.", at, "value")
        return self.value, self.extra if primitive else None


def given(part: dict[str, Any], at: str) -> Given:
    """What this part gives; an empty Given when it gives nothing."""
    if part.get("part").__class__ is list:
        return Given(parts=part["part"])
    if part.get("resource").__class__ is dict:
        return Given(part["resource"])
    keys = {key.removeprefix("_") for key in part if key.startswith(("value", "_value"))}
    if len(keys) > 1:
        raise InvalidFHIR("A part has one value.", at, "structure")
    for key in keys:
        return Given(part.get(key), part.get("_" + key), key.removeprefix("value"))
    return Given()


def field_of(path: str, name: str, suffix: str | None) -> Field | None:
    """The field of an element by its name, or by its JSON name; of a choice the one of this type."""
    try:
        fields = shape(path).fields
    except KeyError:
        return None
    if name in fields:
        return fields[name]
    return fields.get(f"{name}{suffix}") if suffix else None


def _object(parts: list[Any], path: str, at: str, depth: int) -> dict[str, Any]:
    """An element of anonymous type, put together from its parts."""
    found: dict[str, Any] = {}
    if depth > MAX_DEPTH:
        raise InvalidFHIR(f"Parts may be nested at most {MAX_DEPTH} deep.", at, "too-long")
    for part in parts:
        name = part.get("name") if part.__class__ is dict else None
        one = given(part, at) if name.__class__ is str else Given()
        field = field_of(path, str(name), one.suffix)
        if field is None:
            raise InvalidFHIR("A part names an element that the value's type does not have.", at, "structure")
        if one.parts is not None and not field.primitive:
            value, extra = _object(one.parts, field.type, at, depth + 1), None
        else:
            value, extra = one.fitting(field.type, field.primitive, at)
        _enter(found, field, value, extra, at)
    return found


def _enter(found: dict[str, Any], field: Field, value: Any, extra: Any, at: str) -> None:
    name, under = field.name, "_" + field.name
    if not field.many:
        if name in found or under in found:
            raise InvalidFHIR("An element is given twice that may be there only once.", at, "structure")
        found.update({key: part for key, part in ((name, value), (under, extra)) if part is not None})
        return
    found.setdefault(name, []).append(value)
    if extra is not None or under in found:
        extras = found.setdefault(under, [])
        extras += [None] * (len(found[name]) - 1 - len(extras)) + [extra]
