"""The arguments of a …List or …Connection as search parameters (http://hl7.org/fhir/R4/graphql.html#searching)."""

from collections.abc import Callable, Sequence
from typing import Any

from fhircore.graphql_check import Meaning, spread
from fhircore.graphql_tree import Document, Field, GraphQLError, Selection
from fhircore.params import params_of
from fhircore.validation.definitions import resource_types


def pairs(
    one: Field, found: Meaning, path: str, id: str, value_of: Callable[[Any], Any], document: Document
) -> tuple[tuple[str, str], ...]:
    """The arguments as search parameters; `_reference` is the one by which the resource here is referred to."""
    made: list[tuple[str, str]] = []
    for name, given in one.arguments.items():
        value = value_of(given)
        if name == "_reference" and path in resource_types():
            made.append((_parameter(found.type, str(value)), f"{path}/{id}"))
            continue
        for each in value if isinstance(value, list) else [value]:
            if each is None or isinstance(each, dict):
                raise GraphQLError(f"{name} must be a plain value", one.line, one.column)
            text = str(each).lower() if isinstance(each, bool) else str(each)
            made.append((_parameter(found.type, name), text))
    if path in resource_types() and "_reference" not in one.arguments:
        raise GraphQLError(f"{one.name} needs the argument _reference here", one.line, one.column)
    if found.kind == "connection" and _asks_count(document, one.selections):
        made.append(("_total", "accurate"))
    return tuple(made)


def _parameter(type_name: str, name: str) -> str:
    """The search parameter that an argument means: GraphQL has no hyphens in names."""
    known = params_of(type_name)
    return name if name in known or name[:1] == "_" else name.replace("_", "-")


def _asks_count(document: Document, selections: Sequence[Selection]) -> bool:
    for one in selections:
        if isinstance(one, Field):
            if one.name == "count":
                return True
        elif _asks_count(document, spread(document, one).selections):
            return True
    return False
