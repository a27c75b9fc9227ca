"""Operations that the service of a mount brings: its clinical rules, answered at this door like the engine's own."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fhirserver.messages import Answer, Request

Name = tuple[str, str]  # ("DocumentReference", "$sign")


@dataclass(frozen=True, slots=True)
class Brought:
    """`run` is given the engine, the request with its body, and the id; what it changes is of this type."""

    type_name: str
    name: str  # without the dollar sign
    documentation: str
    run: Callable[[Any, Request, str], Awaitable[Answer]]


def by_name(operations: Iterable[Brought]) -> dict[Name, Brought]:
    return {(one.type_name, f"${one.name}"): one for one in operations}


def brought(operations: Mapping[Name, Brought], path: tuple[str, ...]) -> Brought | None:
    """The operation that this address means: Type/id/$name."""
    return operations.get((path[0], path[2])) if len(path) == 3 else None


def described(operations: Mapping[Name, Brought], type_name: str) -> list[dict[str, str]]:
    """CapabilityStatement.rest.resource.operation of what is brought for this type."""
    return [
        {"name": one.name, "definition": f"urn:fvm:operation:{one.name}", "documentation": one.documentation}
        for one in operations.values()
        if one.type_name == type_name
    ]
