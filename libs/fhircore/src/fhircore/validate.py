"""Structural validation of any R4 resource: every issue with its code, its place and what to do (http://hl7.org/fhir/R4/validation.html).

Checked: element names, cardinality, JSON types, formats of primitives, value[x], required bindings, reference forms
and targets, contained resources, the narrative's allow-list, nesting, and the invariants that `validation.invariants`
implements. Not checked here: profiles, the invariants that `unchecked_invariants()` lists, codes of the value sets
that `unlisted_value_sets()` lists, whether a target exists.

Three things are let through that the letter of R4 refuses, because its own examples have them: a generated narrative
of nothing but line breaks (txt-2), DeviceMetric.parent → DeviceDefinition, DeviceUseStatement.reasonReference →
Procedure (definitions.ALSO_TARGETS).
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial
from typing import Any

from fhircore.outcome import Issue
from fhircore.validation.definitions import resource_types, unlisted_value_sets
from fhircore.validation.fast import fast, is_valid
from fhircore.validation.invariants import unchecked_invariants
from fhircore.validation.report import MAX_ISSUES, Enough
from fhircore.validation.scope import MAX_NESTING, too_deep
from fhircore.validation.walk import Walk

__all__ = ["MAX_ISSUES", "MAX_NESTING", "unchecked_invariants", "unlisted_value_sets", "validate", "validator", "warm"]

Validator = Callable[[dict[str, Any]], list[Issue]]


@cache
def validator(type_name: str) -> Validator:
    """A function that lists what is wrong with a resource of this type. KeyError for a type that R4 does not have."""
    if type_name not in resource_types():
        raise KeyError(type_name)
    return partial(_validate_as, type_name)


def validate(resource: Any) -> list[Issue]:
    """What is wrong with this resource, at most MAX_ISSUES; an empty list when it is valid.

    The resource is decoded JSON; its numbers may be int, float or Decimal.
    """
    kind = resource.get("resourceType") if resource.__class__ is dict else None
    if kind.__class__ is str and kind in resource_types() and is_valid(kind, resource):
        return []
    return _explain(resource)


def warm(types: Iterable[str] = ()) -> None:
    """Compile these types now (all when none are named) instead of when they are first met."""
    for name in tuple(types) or resource_types():
        fast(name)


def _validate_as(type_name: str, resource: Any) -> list[Issue]:
    if is_valid(type_name, resource):
        return []
    kind = resource.get("resourceType") if resource.__class__ is dict else type_name
    if kind != type_name and kind.__class__ is str:
        return [Issue("structure", f"The resourceType must be {type_name} here.", f"{type_name}.resourceType")]
    return _explain(resource)


def _explain(resource: Any) -> list[Issue]:
    if too_deep(resource):
        return [Issue("too-long", f"Objects and arrays may be nested at most {MAX_NESTING} deep.")]
    walk = Walk()
    with suppress(Enough):
        walk.resource(resource, "")
    return walk.issues
