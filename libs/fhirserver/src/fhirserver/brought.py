"""Operations that the service of a mount brings: its clinical rules, answered at this door like the engine's own."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fhirserver.messages import Answer, Request

Name = tuple[str, str]  # ("DocumentReference", "$sign")
_DEFINED = "urn:fvm:operation:"


@dataclass(frozen=True, slots=True)
class Brought:
    """`run` is given the engine, the request with its body, and the id; what it changes is of this type.

    One name is of one level: Type/id/$name, or with `of_type` Type/$name, where the id that `run` is given is "".
    """

    type_name: str
    name: str  # without the dollar sign
    documentation: str
    run: Callable[[Any, Request, str], Awaitable[Answer]]
    of_type: bool = False
    patients: bool = False  # a patient may call it too, whom reading the type is allowed: what is written is the rule's


def by_name(operations: Iterable[Brought]) -> dict[Name, Brought]:
    return {(one.type_name, f"${one.name}"): one for one in operations}


def brought(operations: Mapping[Name, Brought], path: tuple[str, ...]) -> Brought | None:
    """The operation that this address means: Type/id/$name, or Type/$name of those that are asked of a type."""
    if len(path) not in (2, 3):
        return None
    found = operations.get((path[0], path[-1]))
    return found if found is not None and found.of_type == (len(path) == 2) else None


def described(operations: Mapping[Name, Brought], type_name: str) -> list[dict[str, str]]:
    """CapabilityStatement.rest.resource.operation of what is brought for this type."""
    return [
        {"name": one.name, "definition": _definition(one), "documentation": one.documentation}
        for one in operations.values()
        if one.type_name == type_name
    ]


def is_brought(offered: Mapping[str, Any]) -> bool:
    """Whether an operation of a CapabilityStatement is one that a service brings."""
    return str(offered["definition"]).startswith(_DEFINED)


def is_of_type(offered: Mapping[str, Any]) -> bool:
    """Whether it is one of those that are asked of a type."""
    return str(offered["definition"]).startswith(f"{_DEFINED}type:")


def _definition(one: Brought) -> str:
    return f"{_DEFINED}{'type:' if one.of_type else ''}{one.name}"
