"""Which elements of a resource stand in its summary, and which it cannot do without (http://hl7.org/fhir/R4/search.html#summary)."""

import gzip
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec

Paths = Mapping[str, frozenset[str]]


@cache
def _all() -> dict[str, tuple[dict[str, frozenset[str]], frozenset[str]]]:
    packed = files("fhircore").joinpath("data", "summary.json.gz").read_bytes()
    kind = dict[str, tuple[dict[str, frozenset[str]], frozenset[str]]]
    return msgspec.json.decode(gzip.decompress(packed), type=kind)


def in_summary(type_name: str) -> Paths:
    """Path of a backbone ("" is the resource itself) → its JSON properties in a summary.

    A property without a path of its own stands there whole. Raises KeyError for what is not an R4 resource type.
    """
    return MappingProxyType(_all()[type_name][0])


def mandatory(type_name: str) -> frozenset[str]:
    """The JSON properties of the resource that must stand in it; of a choice every form."""
    return _all()[type_name][1]
