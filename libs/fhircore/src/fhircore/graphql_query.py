"""A query made ready to run: parsed, checked against FHIR's types, its variables given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhircore.graphql_check import QUERY, check
from fhircore.graphql_syntax import parse
from fhircore.graphql_tree import Document, GraphQLError, Selection


@dataclass(frozen=True, slots=True)
class Query:
    """A query that is ready to run: checked against FHIR's types, its variables given."""

    document: Document
    selections: tuple[Selection, ...]
    variables: Mapping[str, Any]


def prepare(text: str, root: str = QUERY, operation: str | None = None, variables: Any = None) -> Query:
    """`root`: the type of the resource that is asked, or QUERY at the base. Raises GraphQLError."""
    document = parse(text)
    chosen = document.operation(operation)
    check(document, chosen, root)
    given = {} if variables is None else variables
    if not isinstance(given, dict):
        raise GraphQLError("Variables are an object")
    values = {}
    for name, (kind, default, required) in chosen.variables.items():
        values[name] = given.get(name, default)
        if values[name] is None and required:
            raise GraphQLError(f"The variable ${name} must be given")
        if kind.rstrip("!") == "Boolean" and not isinstance(values[name], bool | None):
            raise GraphQLError(f"The variable ${name} is true or false")
    return Query(document, chosen.selections, values)
