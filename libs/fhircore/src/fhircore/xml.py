"""FHIR XML ↔ the JSON form that is stored (http://hl7.org/fhir/R4/xml.html).

Element order, lists and types come from the definitions. Decimals keep their digits, a narrative its text.
"""

import re
from decimal import Decimal
from functools import cache
from typing import Any
from xml.parsers import expat

from fhircore.outcome import InvalidFHIR
from fhircore.validation.definitions import Field, resource_types, shape
from fhircore.xml_source import FHIR, XHTML, Element, read

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,4})?")
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")
_INTEGERS = ("integer", "positiveInt", "unsignedInt")
# XML 1.0 has no place for these characters, not even escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_TO_ESCAPE = re.compile('[&<>"\n\r\t]')
_NAMES_SPACE = re.compile(r"\sxmlns\s*=")

Data = dict[str, Any]


def from_xml(text: str | bytes) -> Data:
    """The resource as JSON data, decimals as Decimal. Raises InvalidFHIR with the place of what does not fit."""
    return _resource(read(text), "")


def _resource(element: Element, place: str) -> Data:
    if element.space != FHIR or element.name not in resource_types():
        raise InvalidFHIR("The element is not a FHIR R4 resource.", place or None, "structure")
    at = f"{place}.{element.name}" if place else element.name
    return {"resourceType": element.name, **_complex(element, element.name, at)}


def _complex(element: Element, path: str, place: str) -> Data:
    fields = shape(path).fields
    found: Data = {}
    for name, value in element.attributes.items():
        if not _is_attribute(path, name):
            raise InvalidFHIR(f"{path} has no attribute {name}.", place, "structure")
        found[name] = value
    for child in element.children:
        field = fields.get(child.name)
        in_place = child.space == (XHTML if field is not None and field.type == "xhtml" else FHIR)
        if field is None or not in_place or _is_attribute(path, child.name):
            raise InvalidFHIR(f"{path} has no element {child.name}.", place, "structure")
        _enter(found, field, child, f"{place}.{child.name}")
    return found


@cache
def _is_attribute(path: str, name: str) -> bool:
    """`id` of everything but resources, and the `url` of extensions, are attributes in XML."""
    if name == "id":
        return path not in resource_types()
    return (path, name) == ("Extension", "url")


def _enter(found: Data, field: Field, child: Element, place: str) -> None:
    """Put one child where the JSON form has it."""
    if field.primitive:
        _enter_primitive(found, field, child, place)
        return
    value = _inline(child, place) if field.type == "Resource" else _complex(child, field.type, place)
    if field.many:
        found.setdefault(field.name, []).append(value)
    elif field.name in found:
        raise InvalidFHIR(f"{field.name} may be there only once.", place, "structure")
    else:
        found[field.name] = value


def _inline(element: Element, place: str) -> Data:
    if len(element.children) != 1:
        raise InvalidFHIR("Exactly one resource stands here.", place, "structure")
    return _resource(element.children[0], place)


def _enter_primitive(found: Data, field: Field, child: Element, place: str) -> None:
    value, extra = _primitive(field, child, place)
    name, under = field.name, "_" + field.name
    if not field.many:
        if name in found or under in found:
            raise InvalidFHIR(f"{name} may be there only once.", place, "structure")
        found.update({key: part for key, part in ((name, value), (under, extra)) if part is not None})
        return
    # a list of values and a list of what extends them, padded with null to the same length where both are needed
    values, extras = found.get(name, []), found.get(under, [])
    size = max(len(values), len(extras))
    for key, parts, part in ((name, values, value), (under, extras, extra)):
        if part is not None:
            found[key] = [*parts, *[None] * (size - len(parts)), part]
        elif key in found:
            found[key] = [*parts, None]


def _primitive(field: Field, child: Element, place: str) -> tuple[Any, Data | None]:
    if field.type == "xhtml":
        return child.source, None
    attributes = dict(child.attributes)
    text = attributes.pop("value", None)
    value = None if text is None else _value(field.type, text, place)
    rest = Element(child.space, child.name, attributes, child.children)
    extra = _complex(rest, "Element", place) if attributes or child.children else None
    return value, extra


def _value(type_name: str, text: str, place: str) -> Any:
    if type_name == "boolean" and text in ("true", "false"):
        return text == "true"
    if type_name in _INTEGERS and _INTEGER.fullmatch(text):
        return int(text)
    if type_name == "decimal" and _DECIMAL.fullmatch(text):
        # as reading the same number in JSON gives it
        return int(text) if _WHOLE.fullmatch(text) else Decimal(text)
    if type_name in ("boolean", "decimal", *_INTEGERS):
        raise InvalidFHIR(f"The value is no {type_name}.", place, "value")
    return text


def to_xml(resource: Data, pretty: bool = False) -> bytes:
    """The resource as UTF-8 XML. Raises InvalidFHIR for names that its type does not have and for what XML cannot say."""
    out: list[str] = ['<?xml version="1.0" encoding="UTF-8"?>']
    _Writer(out, pretty).resource(resource, 0, "", f' xmlns="{FHIR}"')
    return "".join(out).encode()


class _Writer:
    """Appends to `out`; `pretty` puts every element on a line of its own, two spaces deeper than its parent."""

    def __init__(self, out: list[str], pretty: bool) -> None:
        self.out = out
        self.line = "\n" if pretty else ""

    def add(self, depth: int, text: str) -> None:
        self.out.append(f"{self.line}{'  ' * depth if self.line else ''}{text}")

    def resource(self, value: Any, depth: int, place: str, space: str = "") -> None:
        name = value.get("resourceType") if value.__class__ is dict else None
        if name.__class__ is not str or name not in resource_types():
            raise InvalidFHIR("There is no resource here that R4 knows.", place or None, "structure")
        self.element(name, value, name, depth, f"{place}.{name}" if place else name, space)

    def element(self, tag: str, value: Any, path: str, depth: int, place: str, more: str = "") -> None:
        if value.__class__ is not dict:
            raise InvalidFHIR("An object must stand here.", place, "structure")
        known = shape(path)
        present = [field for field in known.fields.values() if field.name in value or "_" + field.name in value]
        names = {field.name for field in present}
        for key in value:
            if key.removeprefix("_") not in names and not (key == "resourceType" and path == tag):
                raise InvalidFHIR(f"{path} has no element {key}.", place, "structure")
        attributes = more + "".join(
            f' {field.name}="{_text(value[field.name], place)}"' for field in present if _is_attribute(path, field.name)
        )
        inside = [field for field in present if not _is_attribute(path, field.name)]
        if not inside:
            self.add(depth, f"<{tag}{attributes}/>")
            return
        self.add(depth, f"<{tag}{attributes}>")
        for field in inside:
            self.field(field, value, depth + 1, f"{place}.{field.name}")
        self.add(depth, f"</{tag}>")

    def field(self, field: Field, owner: Data, depth: int, place: str) -> None:
        value = owner.get(field.name)
        if field.primitive:
            self.primitives(field, value, owner.get("_" + field.name), depth, place)
            return
        for item in value if value.__class__ is list else [value]:
            if field.type == "Resource":
                self.add(depth, f"<{field.name}>")
                self.resource(item, depth + 1, place)
                self.add(depth, f"</{field.name}>")
            else:
                self.element(field.name, item, field.type, depth, place)

    def primitives(self, field: Field, value: Any, extra: Any, depth: int, place: str) -> None:
        if field.type == "xhtml":
            self.add(depth, _markup(value, place))
            return
        values = value if value.__class__ is list else [value]
        extras = extra if extra.__class__ is list else [extra]
        for at in range(max(len(values), len(extras))):
            one = values[at] if at < len(values) else None
            more = extras[at] if at < len(extras) else None
            said = "" if one is None else f' value="{_text(one, place)}"'
            if more is None:
                self.add(depth, f"<{field.name}{said}/>")
            else:
                self.extended(field.name, said, more, depth, place)

    def extended(self, name: str, said: str, extra: Any, depth: int, place: str) -> None:
        """A primitive with an id or extensions; `id` is written before `value`, as HL7's own files have it."""
        if extra.__class__ is dict and "id" in extra:
            said = f' id="{_text(extra["id"], place)}"{said}'
            extra = {key: part for key, part in extra.items() if key != "id"}
        self.element(name, extra, "Element", depth, place, said)


def _text(value: Any, place: str) -> str:
    if value.__class__ is str:
        if _FORBIDDEN.search(value):
            raise InvalidFHIR("The text has a character that XML cannot carry.", place, "value")
        return _TO_ESCAPE.sub(lambda found: _ESCAPED[found.group()], value)
    if value.__class__ is bool:
        return "true" if value else "false"
    if value.__class__ in (int, float, Decimal):
        return str(value)
    raise InvalidFHIR("A plain value must stand here.", place, "structure")


def _markup(value: Any, place: str) -> str:
    """The narrative as it is, once it is known to be one well-formed div."""
    if value.__class__ is not str or not value.lstrip().startswith("<div"):
        raise InvalidFHIR("A narrative must be a div.", place, "structure")
    text = value.strip()
    try:
        expat.ParserCreate().Parse(text, True)
    except (expat.ExpatError, ValueError) as error:
        raise InvalidFHIR("The narrative is not well-formed XML.", place, "structure") from error
    return text if _NAMES_SPACE.search(text.partition(">")[0]) else text.replace("<div", f'<div xmlns="{XHTML}"', 1)
