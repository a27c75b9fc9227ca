"""Which FHIR types there are and what they are derived from (http://hl7.org/fhir/R4/datatypes.html)."""

from functools import cache

from fhircore.validation.definitions import Field, primitive_types, resource_types, shape

# Supertypes that are not simply Element, BackboneElement or DomainResource.
_PARENTS = {"code": "string", "id": "string", "markdown": "string", "url": "uri", "canonical": "uri", "uuid": "uri"}
_PARENTS |= {"oid": "uri", "unsignedInt": "integer", "positiveInt": "integer", "BackboneElement": "Element"}
_PARENTS |= dict.fromkeys(("Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"), "Quantity")
_PARENTS |= dict.fromkeys(("Binary", "Bundle", "Parameters", "DomainResource"), "Resource")
QUANTITIES = frozenset(("Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"))
PROFILED = ("SimpleQuantity", "MoneyQuantity")  # profiles of Quantity, which is the type
_ABSTRACT = ("Element", "BackboneElement", "Resource", "DomainResource")


@cache
def known_types() -> frozenset[str]:
    """Names of all FHIR types that an expression may name."""
    named = (*_ABSTRACT, *primitive_types(), *resource_types())
    return frozenset((*named, *_data_types(), *QUANTITIES))


@cache
def _data_types() -> frozenset[str]:
    reached: set[str] = set()
    todo = list(resource_types())
    while todo:
        path = todo.pop()
        for field in fields(path).values():
            if not field.primitive and field.type not in reached:
                reached.add(field.type)
                todo.append(field.type)
    return frozenset(name for name in reached if "." not in name)


@cache
def fields(path: str) -> dict[str, Field]:
    """The fields of a type or backbone by JSON name; none when it is not known."""
    try:
        return shape(path).fields
    except KeyError:
        return {}


@cache
def parent_type(name: str) -> str | None:
    """The type this one is derived from; None for Element, Resource and what is unknown."""
    if name in _PARENTS:
        return _PARENTS[name]
    if "." in name:
        return "BackboneElement" if "modifierExtension" in fields(name) else "Element"
    if name in resource_types():
        return "DomainResource"
    if name in ("Element", "Resource", ""):
        return None
    return "BackboneElement" if "modifierExtension" in fields(name) else "Element"


@cache
def is_a(name: str, ancestor: str) -> bool:
    """Whether `name` is `ancestor` or derived from it."""
    current: str | None = name
    while current is not None:
        if current == ancestor:
            return True
        current = parent_type(current)
    return False
