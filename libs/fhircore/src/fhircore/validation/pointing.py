"""What is wrong with a Reference whose structure is right: its form, its target and its type (http://hl7.org/fhir/R4/references.html)."""

from typing import Any

from fhircore.validation.definitions import Field, resource_types
from fhircore.validation.primitives import holds
from fhircore.validation.references import LOCAL, WRONG_FORM, pointed_type, type_check
from fhircore.validation.report import Report, shown
from fhircore.validation.scope import Scope

_FORMS = "Type/id, an absolute URL, urn:uuid:…, #id of a contained resource, or Type?search inside a transaction"


def tell_reference(known: Field, value: dict[str, Any], at: str, scope: Scope, report: Report) -> None:
    """Tell every fault of this Reference, for an element that may refer to `known.targets` (none: anything)."""
    pointed = value.get("reference")
    kind = pointed_type(pointed) if pointed is not None else None
    if kind == WRONG_FORM:
        return report.tell("value", f"A reference must be {_FORMS}.", f"{at}.reference")
    if kind == LOCAL:
        kind = _contained_type(value["reference"], at, scope, report)
    allowed = " or ".join(known.targets) or "a resource"
    if kind is not None and known.targets and kind not in known.targets:
        report.tell("value", f"This must refer to {allowed}, not to {shown(kind)}.", f"{at}.reference")
    named = value.get("type")
    if named is None:
        return None
    if not holds(type_check(known.targets), named):
        return report.tell("value", f"The type of the reference must be {allowed}.", f"{at}.type")
    if kind is not None and named in resource_types() and named != kind:
        return report.tell("value", "The type differs from the type in the reference.", f"{at}.type")
    return None


def _contained_type(pointed: str, at: str, scope: Scope, report: Report) -> str | None:
    """The type of the contained resource that `#id` points to; None when it is unknown or the containing resource."""
    if pointed == "#" and scope.inside:
        return None
    if pointed[1:] not in scope.contained:
        report.broken("ref-1", "Reference", f"{at}.reference")
        return None
    kind = scope.contained[pointed[1:]]
    return kind if kind.__class__ is str else None
