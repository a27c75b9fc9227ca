"""The official R4 search parameters, per resource type (http://hl7.org/fhir/R4/searchparameter-registry.html).

The data file is derived by `contracts/fhir/derive.py`; expressions are already resolved to JSON paths there, so that
loading is cheap: the file is split per type at first use and a type is decoded when it is first asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec

from fhircore.path import Path

BASE = "http://hl7.org/fhir/SearchParameter/"
NOT_DOMAIN = frozenset({"Binary", "Bundle", "Parameters"})  # resources without text, contained and extensions


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a composite parameter: the parameter it stands for, its type, and paths inside the composite."""

    name: str
    type: str
    expression: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class SearchParam:
    """One search parameter of one resource type.

    `type` is number, date, string, token, reference, composite, quantity, uri or special; `expression` holds only the
    alternatives of this resource type; `target` the types a reference may point at; `paths` where the values stand
    (for a composite: where its groups stand). `code_system` is the one code system that a plain `code` implies.
    """

    name: str
    type: str
    expression: str
    target: tuple[str, ...]
    components: tuple[Component, ...]
    url: str
    paths: tuple[Path, ...]
    code_system: str | None = None


class _Row(msgspec.Struct, array_like=True, omit_defaults=True):
    """A search parameter as the data file has it."""

    name: str
    type: str
    id: str
    expression: str = ""
    paths: tuple[Path, ...] = ()
    target: tuple[str, ...] = ()
    components: tuple[tuple[str, str, str, tuple[Path, ...]], ...] = ()
    code_system: str | None = None


@cache
def _raw() -> dict[str, msgspec.Raw]:
    data = files("fhircore").joinpath("data", "search_params.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, msgspec.Raw])


def _rows(name: str) -> list[_Row]:
    raw = _raw().get(name)
    return [] if raw is None else msgspec.json.decode(raw, type=list[_Row])


@cache
def params_of(type_name: str) -> Mapping[str, SearchParam]:
    """The search parameters of a resource type by name, its own and the common ones (`_tag`, `_text` …).

    Raises KeyError for what is not an R4 resource type.
    """
    if type_name != "Resource" and type_name not in _raw():
        raise KeyError(type_name)
    rows = _rows("Resource")
    if type_name not in NOT_DOMAIN and type_name != "Resource":
        rows += _rows("DomainResource")
    if type_name != "Resource":
        rows += _rows(type_name)
    return MappingProxyType({row.name: _param(row) for row in rows})


def _param(row: _Row) -> SearchParam:
    return SearchParam(
        row.name,
        row.type,
        row.expression,
        row.target,
        tuple(Component(*component) for component in row.components),
        BASE + row.id,
        row.paths,
        row.code_system,
    )
