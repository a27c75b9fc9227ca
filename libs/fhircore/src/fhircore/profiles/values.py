"""Fixed values, patterns and limits of values (http://hl7.org/fhir/R4/elementdefinition.html#ElementDefinition.fixed_x_)."""

from decimal import Decimal
from typing import Any

from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.model import Node
from fhircore.fhirpath.operators import OPERATORS

_NUMBERS = (int, float, Decimal)


def equal(value: Any, other: Any) -> bool:
    """The same JSON, however its numbers were read."""
    if value.__class__ is other.__class__ is dict:
        return value.keys() == other.keys() and all(equal(value[name], other[name]) for name in value)
    if value.__class__ is other.__class__ is list:
        return len(value) == len(other) and all(map(equal, value, other))
    if value.__class__ in _NUMBERS and other.__class__ in _NUMBERS:
        return Decimal(str(value)) == Decimal(str(other))
    return value.__class__ is other.__class__ and bool(value == other)


def has_pattern(value: Any, pattern: Any) -> bool:
    """All that the pattern says is in the value; of a list, each item in some item."""
    if pattern.__class__ is dict:
        return value.__class__ is dict and all(
            name in value and has_pattern(value[name], wanted) for name, wanted in pattern.items()
        )
    if pattern.__class__ is list:
        return value.__class__ is list and all(any(has_pattern(one, wanted) for one in value) for wanted in pattern)
    return equal(value, pattern)


def beyond(found: Node, limit: Any, sign: str) -> bool:
    """Whether the value is beyond the limit (`<` below a minimum, `>` above a maximum); false when they do not compare."""
    try:
        answer = OPERATORS[sign]([found], [Node(limit, found.type)])
    except PathError:
        return False
    return bool(answer) and answer[0] is True
