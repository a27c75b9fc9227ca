"""The search grammar of FHIR R4: name=value pairs become a `Query` tree (http://hl7.org/fhir/R4/search.html).

Strict: an unknown parameter, modifier, prefix or value is InvalidFHIR that names it. Lenient: an unknown parameter is
left out and told in `Query.ignored`; everything else stays an error, as the specification demands of modifiers.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from fhircore.params import SearchParam, params_of
from fhircore.query_control import CONTROLS, control
from fhircore.query_criteria import NotOffered, criterion, supported
from fhircore.query_tree import (
    AllOf,
    AnyOf,
    Chain,
    CompositeValue,
    Criterion,
    DateValue,
    Has,
    Id,
    Include,
    LastUpdated,
    Listed,
    Match,
    Missing,
    NearValue,
    Not,
    NumberValue,
    QuantityValue,
    Query,
    ReferenceValue,
    Sort,
    StringValue,
    TokenValue,
    TypedIdentifier,
    UriValue,
    Value,
    Words,
)
from fhircore.query_values import invalid
from fhircore.types import TYPES

__all__ = [
    "AllOf",
    "AnyOf",
    "Chain",
    "CompositeValue",
    "Criterion",
    "DateValue",
    "Has",
    "Id",
    "Include",
    "LastUpdated",
    "Listed",
    "Match",
    "Missing",
    "NearValue",
    "Not",
    "NumberValue",
    "QuantityValue",
    "Query",
    "ReferenceValue",
    "Sort",
    "StringValue",
    "TokenValue",
    "TypedIdentifier",
    "UriValue",
    "Value",
    "Words",
    "criteria_of",
    "parse",
    "supported",
]


def parse(type_name: str, pairs: Sequence[tuple[str, str]], *, lenient: bool = False) -> Query:
    """A search over `type_name` ("Resource": over all types, or those of `_type`) from decoded name=value pairs.

    Raises InvalidFHIR for the first pair that is wrong, KeyError when `type_name` is no R4 resource type.
    """
    params_of(type_name)
    types = _types(type_name, pairs)
    builder = _Builder(type_name, types)
    for name, text in pairs:
        try:
            builder.add(name, text)
        except NotOffered:
            if not lenient:
                raise
            builder.ignored[name] = None
    return builder.query()


def criteria_of(
    type_name: str, pairs: Sequence[tuple[str, str]], left_out: Container[str] = ()
) -> tuple[Criterion, ...]:
    """What these pairs ask of one type, without control parameters, `_type` and the names `left_out`.

    A search over several types is read once for each, since a parameter leads elsewhere in each. Raises InvalidFHIR.
    """
    known = params_of(type_name)
    return tuple(
        criterion(type_name, known, name, text)
        for name, text in pairs
        if name.partition(":")[0] not in CONTROLS and name != "_type" and name not in left_out
    )


def _types(type_name: str, pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """What `_type` names, checked; () when it is not there."""
    found = [text for name, text in pairs if name == "_type"]
    if not found:
        return ()
    if type_name != "Resource":
        raise invalid("_type", "only a search over all types can be narrowed by it")
    types = tuple(dict.fromkeys(name for text in found for name in text.split(",")))
    for name in types:
        if name not in TYPES:
            raise invalid("_type", f"{name} is not an R4 resource type")
    return types


@dataclass(slots=True)
class _Builder:
    """Gathers the pairs of one search."""

    type: str
    types: tuple[str, ...]
    criteria: list[Criterion] = field(default_factory=list)
    controls: dict[str, object] = field(default_factory=dict)
    ignored: dict[str, None] = field(default_factory=dict)

    def add(self, name: str, text: str) -> None:
        base, _, modifier = name.partition(":")
        if base in CONTROLS:
            control(self.controls, self.known(), self.type, base, modifier, text)
        elif name != "_type":
            self.criteria.append(self.criterion(name, text))

    def known(self) -> Mapping[str, SearchParam]:
        """The parameters that every type searched has."""
        return _common(self.types) if self.types else params_of(self.type)

    def criterion(self, name: str, text: str) -> Criterion:
        return criterion(self.types[0] if self.types else self.type, self.known(), name, text)

    def query(self) -> Query:
        made = dict(self.controls)
        return Query(
            type=self.type,
            criteria=tuple(self.criteria),
            types=self.types,
            ignored=tuple(self.ignored),
            **made,  # type: ignore[arg-type]  # control() gives each field its own type
        )


def _common(types: tuple[str, ...]) -> Mapping[str, SearchParam]:
    """Parameters that all these types have, with the same type of value."""
    first, *rest = (params_of(name) for name in types)
    return {
        name: param
        for name, param in first.items()
        if all(name in other and other[name].type == param.type for other in rest)
    }
