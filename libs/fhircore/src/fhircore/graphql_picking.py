"""What arguments pick of a list, and the slice an item belongs to (http://hl7.org/fhir/R4/graphql.html#lists)."""

from collections.abc import Callable
from typing import Any

from fhircore.fhirpath import PathError, compile_path, compile_test
from fhircore.graphql_check import ANY, Meaning
from fhircore.graphql_model import Data
from fhircore.graphql_tree import Field, GraphQLError
from fhircore.validation.definitions import shape


def some(value: Any) -> list[Any]:
    return [] if value is None else [value]


def test_of(one: Field, found: Meaning, name: str, wanted: Any) -> Callable[[Any], bool]:
    """Whether an item of a list has this value in that field, or fulfils that FHIRPath."""
    if name == "fhirpath":
        return _fhirpath(one, found.type, wanted)
    inner = None if found.kind == "scalar" or found.type == ANY else shape(found.type).fields.get(name)
    if inner is None or not inner.primitive:
        raise GraphQLError(f"{one.name} has no plain field {name[:60]} to pick by", one.line, one.column)
    text = str(wanted).lower() if isinstance(wanted, bool) else str(wanted)

    def has(item: Data) -> bool:
        value = item.get(name)
        values = value if isinstance(value, list) else some(value)
        return any((str(v).lower() if isinstance(v, bool) else str(v)) == text for v in values)

    return has


def _fhirpath(one: Field, type_name: str, expression: Any) -> Callable[[Any], bool]:
    try:
        test = compile_test(str(expression), type_name=type_name)
    except PathError as error:
        raise GraphQLError(f"fhirpath: {error}", one.line, one.column) from None

    def holds(item: Any) -> bool:
        try:
            return test(item)
        except PathError as error:
            raise GraphQLError(f"fhirpath: {error}", one.line, one.column) from None

    return holds


def slice_of(path: str, value: Any, type_name: str, place: int, one: Field) -> str:
    """The name of the slice an item is in."""
    if path == "$index":
        return str(place)
    try:
        found = compile_path(path, type_name=type_name)(value)
    except PathError as error:
        raise GraphQLError(f"@slice: {error}", one.line, one.column) from None
    if len(found) > 1:
        raise GraphQLError("@slice: the path gives several values", one.line, one.column)
    return str(found[0]) if found else ""
