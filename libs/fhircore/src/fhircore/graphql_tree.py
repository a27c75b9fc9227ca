"""The parts of a GraphQL query (https://spec.graphql.org/October2021/#sec-Document), and what is wrong with one."""

from dataclasses import dataclass, field
from typing import Any

from fhircore.outcome import InvalidFHIR


class GraphQLError(InvalidFHIR):
    """What is wrong with a query, and where (line and column begin at 1; 0 where it is not one place)."""

    def __init__(self, detail: str, line: int = 0, column: int = 0, *, code: str = "invalid") -> None:
        super().__init__(detail, None, code)
        self.line, self.column = line, column


@dataclass(frozen=True, slots=True)
class Variable:
    """$name where a value may stand."""

    name: str


@dataclass(frozen=True, slots=True)
class Directive:
    """@name(arguments)."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """`alias: name(arguments) @directives { selections }`. Argument values are plain data with Variables in it."""

    name: str
    key: str  # the alias, or the name
    arguments: dict[str, Any]
    directives: tuple[Directive, ...]
    selections: "tuple[Selection, ...]"
    line: int = 0
    column: int = 0

    def directive(self, name: str) -> Directive | None:
        return next((one for one in self.directives if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Spread:
    """`...name`, or `... on Type { selections }` (then `name` is empty; `type` may be)."""

    name: str
    type: str
    directives: tuple[Directive, ...]
    selections: "tuple[Selection, ...]" = ()


Selection = Field | Spread


@dataclass(frozen=True, slots=True)
class Operation:
    """A query with its variables: name → (type as written, default or None, is it required)."""

    name: str
    variables: dict[str, tuple[str, Any, bool]]
    selections: tuple[Selection, ...]


@dataclass(frozen=True, slots=True)
class Document:
    operations: tuple[Operation, ...]
    fragments: dict[str, Spread] = field(default_factory=dict)

    def operation(self, name: str | None) -> Operation:
        """The one to run. Raises GraphQLError when that is not clear."""
        found = [one for one in self.operations if name in (None, "", one.name)]
        if len(found) != 1:
            raise GraphQLError("There are several operations: name one" if found else "There is no such operation")
        return found[0]
