"""What can be searched, for the CapabilityStatement: exactly what `predicates` can make, no more."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from fhircore.params import params_of
from fhircore.query import supported
from fhircore.query_values import targets_of
from fhircore.types import TYPES

# What every type has beside the parameters of the definitions, which have no paths or none of their own.
_OURS = {"_id": "token", "_lastUpdated": "date", "_list": "string", "_filter": "string"}
_WORDS = {"_text": "string", "_content": "string"}
_ANY = 100  # a reference with so many targets may lead anywhere
COMPARTMENT = "http://hl7.org/fhir/CompartmentDefinition/patient"


def search_params(type_name: str, *, full_text: bool) -> list[dict[str, Any]]:
    """The `searchParam` of a type ("Resource": of a search over all types)."""
    known = params_of(type_name)
    words = {name: kind for name, kind in _WORDS.items() if full_text and (name == "_content" or name in known)}
    found = [{"name": name, "type": kind} for name, kind in (_OURS | words).items()]
    found += [
        {"name": param.name, "type": param.type, "definition": param.url}
        for param in known.values()
        if supported(param) and param.name not in _OURS | _WORDS
    ]
    return found


def includes(type_name: str) -> list[str]:
    """The `searchInclude` of a type."""
    return ["*", *sorted(f"{type_name}:{p.name}" for p in params_of(type_name).values() if p.type == "reference")]


def revincludes(type_name: str) -> list[str]:
    """The `searchRevInclude` of a type: `*` says that any will do; named are those that not every type has."""
    return ["*", *(f"{source}:{name}" for source, name, targets in _references() if type_name in targets)]


@cache
def _references() -> tuple[tuple[str, str, frozenset[str]], ...]:
    return tuple(_every_reference())


def _every_reference() -> Iterator[tuple[str, str, frozenset[str]]]:
    for source, kind in TYPES.items():
        if kind.door == "none":
            continue
        for param in params_of(source).values():
            if param.type == "reference" and len(targets := targets_of(param)) < _ANY:
                yield source, param.name, frozenset(targets)
