"""All functions of FHIRPath and of FHIR's additions, by name."""

from fhircore.fhirpath.functions import (
    boundaries,
    collections,
    conversions,
    fhir,
    filtering,
    numbers,
    terminology,
    texts,
    tree,
)
from fhircore.fhirpath.functions.registry import FUNCTIONS, Function

__all__ = [
    "FUNCTIONS",
    "Function",
    "boundaries",
    "collections",
    "conversions",
    "fhir",
    "filtering",
    "numbers",
    "terminology",
    "texts",
    "tree",
]
